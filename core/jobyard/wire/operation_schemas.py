"""What the answers about the gateway itself look like (contract, section 6, N)."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from jobyard.schema import option

_MILLISECONDS = "Milliseconds since the epoch."


@frozen
class Alive:
    """Be the answer of a process that serves."""

    status: Literal["ok"] = option(doc="Always `ok`.")


@frozen
class BackendHealth:
    """Say whether a backend answers."""

    name: str = option(doc="The seam and the name, such as `scheduling.local`.")
    up: bool = option(doc="Whether it answers.")
    since: int = option(doc=f"Since when it does, or does not. {_MILLISECONDS}")
    why: str | None = option(
        default=None, doc="Why it does not answer; for administrators and on loopback only."
    )


@frozen
class Ready:
    """Say that every backend answers."""

    ready: bool = option(doc="Whether all of them answer.")
    backends: tuple[BackendHealth, ...] = option(doc="The backends, and the database.")


@frozen
class NotReady:
    """Say which backends do not answer."""

    code: Literal["NotReadyError"] = option(doc="What is wrong, for programs.")
    message: str = option(doc="What is wrong, for people.")
    ready: bool = option(doc="Whether all of them answer.")
    backends: tuple[BackendHealth, ...] = option(doc="The backends, and the database.")


@frozen
class BackendInfo:
    """Be a chosen backend."""

    name: str = option(doc="The provider's name.")
    capabilities: tuple[str, ...] = option(doc="What it can do beyond what all can.")


@frozen
class Enforced:
    """Say whether something that a job asks for is made sure of on the cluster's machines."""

    what: str = option(doc="What it is about, such as `memory`.")
    enforced: bool = option(doc="Whether it is made sure of.")
    how: str = option(doc="By which means, or why it is not.")


@frozen
class Limits:
    """Be what a client has to keep to."""

    body_bytes: int = option(doc="The largest request body, after decompression.")
    job_name_length: int = option(doc="Characters of a job's name with `$username~` before it.")
    tasks: int = option(doc="Tasks of one job.")
    shortest_password: int = option(doc="Characters of a new password.")
    shortest_token_lifetime: int = option(doc="Seconds.")
    longest_token_lifetime: int = option(doc="Seconds.")
    upstream_timeout: float = option(doc="Seconds that one request waits for backends at most.")


@frozen
class Info:
    """Be what a client may adapt to; no secrets, no addresses."""

    name: str = option(doc="The product.")
    version: str = option(doc="Its version.")
    api: str = option(doc="The API's version.")
    auth: tuple[BackendInfo, ...] = option(doc="The ways to log in, in their order.")
    scheduling: BackendInfo = option(doc="The cluster that runs jobs.")
    storage: BackendInfo = option(doc="Where the files of jobs lie.")
    anonymous_read: bool = option(doc="Whether jobs can be read without a token.")
    anonymous_logs: bool = option(doc="Whether others than a job's owner can read its logs.")
    limits: Limits = option(doc="What a client has to keep to.")
    enforcement: tuple[Enforced, ...] = option(
        doc="What is made sure of of what a job asks for; empty where the scheduler does not tell."
    )


@frozen
class Plugin:
    """Be an installed plugin."""

    seam: Literal["auth", "scheduling", "storage", "observers"] = option(doc="What it is for.")
    name: str = option(doc="Its name, as the configuration file says it.")
    distribution: str = option(doc="The package that brings it.")
    version: str = option(doc="That package's version.")
    state: Literal["chosen", "installed", "broken"] = option(
        doc="`broken` where it cannot be used, chosen or not."
    )
    chosen: bool = option(doc="Whether the configuration file names it.")
    summary: str | None = option(doc="What it is, in one line.")
    capabilities: tuple[str, ...] = option(doc="What it can do beyond what all can.")
    problem: str | None = option(doc="Why it cannot be used, and what to do about it.")

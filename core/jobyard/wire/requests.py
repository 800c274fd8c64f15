"""What the small requests hold: tokens, users, virtual clusters, start and stop.

The submission of a job is in :mod:`jobyard.wire.job_request`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import frozen

from jobyard.domain.identity import USERNAME_PATTERN
from jobyard.domain.states import ExecutionType
from jobyard.domain.virtual_cluster import VirtualClusterState
from jobyard.errors import Problem
from jobyard.schema import option
from jobyard.secret import Secret
from jobyard.wire.job_request import JobRequest as JobRequest  # noqa: PLC0414 - one place for all
from jobyard.wire.job_request import PortRequest as PortRequest  # noqa: PLC0414
from jobyard.wire.job_request import TaskRoleRequest as TaskRoleRequest  # noqa: PLC0414
from jobyard.wire.schema import Schema

SHORTEST_PASSWORD: Final = 6
SHORTEST_LIFETIME: Final = 60
LONGEST_LIFETIME: Final = 604_800
DEFAULT_LIFETIME: Final = 86_400


@frozen
class TokenRequest:
    """Ask for a token (contract, section 2)."""

    username: str = option(doc="Who logs in.", pattern=USERNAME_PATTERN, example="admin")
    password: Secret = option(doc="The password.", min_length=SHORTEST_PASSWORD)
    expiration: int = option(
        default=DEFAULT_LIFETIME,
        minimum=SHORTEST_LIFETIME,
        maximum=LONGEST_LIFETIME,
        doc="How many seconds the token is valid.",
    )


@frozen
class WideTokenRequest:
    """Ask for a token where a chosen provider has names and passwords of its own (section 2)."""

    username: str = option(
        doc="Who logs in, as the provider spells it.",
        pattern=r"[^\x00-\x1f\x7f-\x9f]+",
        min_length=1,
        max_length=256,
    )
    password: Secret = option(doc="The password.", min_length=1, max_length=1024)
    expiration: int = option(
        default=DEFAULT_LIFETIME,
        minimum=SHORTEST_LIFETIME,
        maximum=LONGEST_LIFETIME,
        doc="How many seconds the token is valid.",
    )


@frozen
class UserRequest:
    """Create or change a user (contract, section 3)."""

    username: str = option(doc="The user.", pattern=USERNAME_PATTERN)
    password: Secret | None = option(
        default=None,
        doc="At least 6 characters; with `modify` it may be empty or absent, to leave it.",
    )
    admin: bool | None = option(default=None, doc="Whether an administrator; absent leaves it.")
    modify: bool = option(default=False, doc="Whether to change a user that exists.")

    @property
    def new_password(self) -> Secret | None:
        """Give the password to set; an empty one means none (R)."""
        return self.password or None

    def problems(self) -> Iterable[Problem]:
        """Check the password, which a change may leave out and a new user may not."""
        wanted = f"expected a text of at least {SHORTEST_PASSWORD} characters"
        if self.new_password is None:
            if not self.modify:
                yield Problem("password", f"missing, {wanted}")
        elif len(self.new_password.reveal()) < SHORTEST_PASSWORD:
            yield Problem("password", wanted)


@frozen
class UserRemoval:
    """Remove a user (contract, section 3)."""

    username: str = option(doc="The user.", pattern=USERNAME_PATTERN)


@frozen
class UserVirtualClusters:
    """Replace the virtual clusters that are assigned to a user (contract, section 3)."""

    virtual_clusters: str = option(
        doc="Names, separated by commas; `default` is always among them.", example="vc1,vc2"
    )

    def names(self) -> tuple[str, ...]:
        """Give the names, each once, in the order of the request."""
        names = (name.strip() for name in self.virtual_clusters.split(","))
        return tuple(dict.fromkeys(name for name in names if name))


@frozen
class ExecutionRequest:
    """Start or stop a job (contract, section 4)."""

    value: ExecutionType = option(doc="What the job is to do.")


@frozen
class VirtualClusterRequest:
    """Create a virtual cluster or change its share (contract, section 5)."""

    vc_capacity: float = option(minimum=0, maximum=100, doc="Percent of the whole cluster.")
    vc_max_capacity: float | None = option(
        default=None,
        minimum=0,
        maximum=100,
        doc="Percent up to which it may borrow; at least `vcCapacity`, which is the default.",
    )

    @property
    def max_capacity(self) -> float:
        """Give the maximum, which is the capacity where none was asked for."""
        return self.vc_capacity if self.vc_max_capacity is None else self.vc_max_capacity

    def problems(self) -> Iterable[Problem]:
        """Check that the maximum is not below the capacity."""
        if self.max_capacity < self.vc_capacity:
            wanted = f"expected a number from vcCapacity, which is {self.vc_capacity}, to 100"
            yield Problem("vcMaxCapacity", f"{wanted}, got {self.vc_max_capacity}")


@frozen
class VirtualClusterStatusRequest:
    """Stop a virtual cluster from accepting jobs, or let it again (contract, section 5)."""

    vc_status: VirtualClusterState = option(doc="Whether it accepts new jobs.")


TOKEN_REQUEST: Final = Schema(TokenRequest)
WIDE_TOKEN_REQUEST: Final = Schema(WideTokenRequest)
USER_REQUEST: Final = Schema(UserRequest)
USER_REMOVAL: Final = Schema(UserRemoval)
USER_VIRTUAL_CLUSTERS: Final = Schema(UserVirtualClusters)
EXECUTION_REQUEST: Final = Schema(ExecutionRequest)
VIRTUAL_CLUSTER_REQUEST: Final = Schema(VirtualClusterRequest)
VIRTUAL_CLUSTER_STATUS_REQUEST: Final = Schema(VirtualClusterStatusRequest)
JOB_REQUEST: Final = Schema(JobRequest)

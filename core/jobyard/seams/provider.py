"""Providers: what a plugin announces, cheaply, before anything of it is opened.

The four functions of this module make the values; they check that the configuration class and
the opener belong together, which a value that is passed around can no longer show.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, Generic, Protocol, TypeVar, runtime_checkable

import attrs
from attrs import evolve, frozen

from jobyard.seams.auth import Authenticator
from jobyard.seams.context import Context
from jobyard.seams.diagnosis import Check, Diagnose, Examine
from jobyard.seams.scheduling import Scheduler
from jobyard.seams.storage import Storage, StorageSettings
from jobyard.secret import Secret

B = TypeVar("B")
C = TypeVar("C", bound=attrs.AttrsInstance)
S = TypeVar("S", bound=StorageSettings)


class Seam(enum.StrEnum):
    """Name a seam, as the configuration file and the entry-point groups do."""

    AUTH = "auth"
    SCHEDULING = "scheduling"
    STORAGE = "storage"
    OBSERVERS = "observers"

    @property
    def entry_point_group(self) -> str:
        """Give the entry-point group in which plugins of this seam are announced."""
        return f"jobyard.{self.value}"


API_VERSIONS: Final[dict[Seam, int]] = dict.fromkeys(Seam, 1)
"""The version of each seam that this Jobyard speaks; the one before is accepted too."""


class Capability(enum.StrEnum):
    """Name what a backend can do beyond its seam's protocol."""

    USERS = "users"
    MANAGE_USERS = "manage-users"
    WIDE_CREDENTIALS = "wide-credentials"
    LEGACY = "legacy"
    FEED = "feed"
    LOGS = "logs"
    SSH = "ssh"
    CAPACITY = "capacity"
    REPLICAS = "replicas"


@frozen
class Provider(Generic[B]):
    """Be one backend that a deployer can choose.

    ``name`` is what the configuration file says, and the entry point's name; ``api`` the version
    of the seam that it was written for; ``summary`` one line for people; ``config`` an attrs
    class whose fields are made with :func:`jobyard.schema.option`.
    """

    seam: Seam
    name: str
    api: int
    summary: str
    config: type[attrs.AttrsInstance]
    capabilities: frozenset[Capability]
    open: Callable[[object, Context], AbstractAsyncContextManager[B]]
    diagnose: Callable[[object, Context], AbstractAsyncContextManager[Sequence[Check]]] | None = (
        None
    )
    """The steps of ``jobyard doctor``; without them the backend is opened and asked to answer."""
    examine: (
        Callable[
            [object, Context, str, Secret | None], AbstractAsyncContextManager[Sequence[Check]]
        ]
        | None
    ) = None
    """The steps of ``jobyard auth try``, of an auth provider; without them it is only asked."""


AuthProvider = Provider[Authenticator]
SchedulingProvider = Provider[Scheduler]
StorageProvider = Provider[Storage]
ObserverProvider = Provider[object]
AnyProvider = AuthProvider | SchedulingProvider | StorageProvider | ObserverProvider


@runtime_checkable
class Narrowing(Protocol):
    """Be settings that switch off what their provider can do and shall not."""

    def switched_off(self) -> Iterable[Capability]:
        """Give the capabilities that the provider does not have with these settings."""
        ...


def narrowed(provider: Provider[B], config: attrs.AttrsInstance) -> Provider[B]:
    """Give a provider as its settings leave it."""
    if not isinstance(config, Narrowing):
        return provider
    off = frozenset(config.switched_off())
    return evolve(provider, capabilities=provider.capabilities - off)


def _opener(
    config: type[C],
    open_: Callable[[C, Context], AbstractAsyncContextManager[B]],
) -> Callable[[object, Context], AbstractAsyncContextManager[B]]:
    def opened(settings: object, context: Context) -> AbstractAsyncContextManager[B]:
        if not isinstance(settings, config):
            message = f"opened with {type(settings).__name__}, not {config.__name__}"
            raise TypeError(message)
        return open_(settings, context)

    return opened


def _provider(  # noqa: PLR0917
    seam: Seam,
    name: str,
    api: int,
    summary: str,
    config: type[C],
    capabilities: Iterable[Capability],
    open_: Callable[[C, Context], AbstractAsyncContextManager[B]],
    diagnose: Diagnose[C] | None,
) -> Provider[B]:
    if not attrs.has(config):
        message = f"{name}: the configuration class {config.__name__} is not an attrs class"
        raise TypeError(message)
    return Provider(
        seam=seam,
        name=name,
        api=api,
        summary=summary,
        config=config,
        capabilities=frozenset(capabilities),
        open=_opener(config, open_),
        diagnose=None if diagnose is None else _opener(config, diagnose),
    )


def _examiner(
    config: type[C], examine: Examine[C]
) -> Callable[[object, Context, str, Secret | None], AbstractAsyncContextManager[Sequence[Check]]]:
    def examined(
        settings: object, context: Context, username: str, password: Secret | None
    ) -> AbstractAsyncContextManager[Sequence[Check]]:
        opened = _opener(config, lambda mine, near: examine(mine, near, username, password))
        return opened(settings, context)

    return examined


def auth_provider(
    *,
    name: str,
    api: int,
    summary: str,
    config: type[C],
    open: Callable[[C, Context], AbstractAsyncContextManager[Authenticator]],  # noqa: A002
    capabilities: Iterable[Capability] = (),
    diagnose: Diagnose[C] | None = None,
    examine: Examine[C] | None = None,
) -> AuthProvider:
    """Announce a way to log in."""
    made = _provider(Seam.AUTH, name, api, summary, config, capabilities, open, diagnose)
    return made if examine is None else evolve(made, examine=_examiner(config, examine))


def scheduling_provider(
    *,
    name: str,
    api: int,
    summary: str,
    config: type[C],
    open: Callable[[C, Context], AbstractAsyncContextManager[Scheduler]],  # noqa: A002
    capabilities: Iterable[Capability] = (),
    diagnose: Diagnose[C] | None = None,
) -> SchedulingProvider:
    """Announce a cluster that runs jobs."""
    return _provider(Seam.SCHEDULING, name, api, summary, config, capabilities, open, diagnose)


def storage_provider(
    *,
    name: str,
    api: int,
    summary: str,
    config: type[S],
    open: Callable[[S, Context], AbstractAsyncContextManager[Storage]],  # noqa: A002
    capabilities: Iterable[Capability] = (),
    diagnose: Diagnose[S] | None = None,
) -> StorageProvider:
    """Announce a place for files; its settings derive from those of every storage."""
    return _provider(Seam.STORAGE, name, api, summary, config, capabilities, open, diagnose)


def observer_provider(
    *,
    name: str,
    api: int,
    summary: str,
    config: type[C],
    open: Callable[[C, Context], AbstractAsyncContextManager[object]],  # noqa: A002
    capabilities: Iterable[Capability] = (),
    diagnose: Diagnose[C] | None = None,
) -> ObserverProvider:
    """Announce an observer; what it opens has methods marked ``@jobyard.hookimpl``."""
    return _provider(Seam.OBSERVERS, name, api, summary, config, capabilities, open, diagnose)

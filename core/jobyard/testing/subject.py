"""The backend under test: found, configured and opened as a gateway does it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Generic, TypeVar, cast

import anyio
import anyio.to_thread
import attrs
import orjson
from attrs import frozen

from jobyard.clock import Clock, SystemClock
from jobyard.config.decode import Decoder, Failed, Surroundings
from jobyard.config.document import compose
from jobyard.config.shapes import section_of
from jobyard.database.engines import SQLITE_FILE, open_engines
from jobyard.database.leadership import SqlLeadership
from jobyard.database.migrating import CORE, migrate_engine
from jobyard.database.ports import SqlPortLedger
from jobyard.database.store import open_store
from jobyard.errors import ConfigError
from jobyard.registry import Registry
from jobyard.seams.context import Context, Store, TaskOwner
from jobyard.seams.provider import AnyProvider, Capability, Provider, Seam, narrowed
from jobyard.seams.storage import Storage
from jobyard.secret import Secret
from jobyard.services.account_rows import SqlAccountLedger
from jobyard.services.background import background
from jobyard.services.job_tokens import SignedJobTokens
from jobyard.services.signing import Signer
from jobyard.testing.unsupported import UnsupportedStorage

B = TypeVar("B")
B_co = TypeVar("B_co", covariant=True)

PUBLIC_URL: Final = "http://gateway.invalid"
"""The address that a backend under test is told is the gateway's; nobody listens there."""

_STORE_TIMEOUT: Final = 30.0
_SIGNING_SECRET: Final = Secret("signs the tokens of jobs in a conformance run, and nothing else")


@frozen
class Subject(Generic[B_co]):
    """Be an opened backend under test, with what opened it and what it was given."""

    provider: Provider[B_co]
    backend: B_co
    context: Context

    def has(self, capability: Capability) -> bool:
        """Tell whether the provider declares a capability."""
        return capability in self.provider.capabilities


def provider_named(seam: Seam, name: str) -> AnyProvider:
    """Find a provider through the installed entry points, as the gateway does.

    Raises:
        LoadError: It is not installed, installed twice, or broken.
        Incompatible: It was written for another version of its seam.
    """
    return Registry().provider(seam, name)


def configured(
    provider: AnyProvider, settings: Mapping[str, object], folder: Path
) -> attrs.AttrsInstance:
    """Make a provider's settings of a mapping, spelt as in the configuration file.

    Paths are texts, keys are in kebab-case, ``{"env": ...}`` finds nothing, and a relative path
    is looked up in ``folder``.

    Raises:
        ConfigError: All that is wrong with them, as the file would be told.
    """
    source = f"{provider.seam.value}.{provider.name}"
    root = compose(source, orjson.dumps(dict(settings), default=_plain))
    decoder = Decoder(Surroundings({}, folder))
    try:
        config = decoder.section(root, section_of(provider.config), provider.name)
    except Failed as error:
        raise ConfigError(source, decoder.problems) from error
    if decoder.problems:
        raise ConfigError(source, decoder.problems)
    return config


@asynccontextmanager
async def opened(
    provider: Provider[B],
    settings: Mapping[str, object],
    state_dir: Path,
    *,
    storage: Storage | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Subject[B]]:
    """Open a backend on a database of its own, with everything that a gateway would give it.

    What ``state_dir`` holds outlives the block: opened again, the backend finds its state. Give
    ``storage`` to share one between two openings; without it there is an empty one in memory, and
    for a storage itself one that supports nothing.

    Raises:
        ConfigError: The settings are not the provider's.
        JobyardError: The backend cannot be opened.
    """
    config = configured(cast(AnyProvider, provider), settings, state_dir)
    folder = anyio.Path(state_dir) / f"{provider.seam.value}.{provider.name}"
    await folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    await _begin_migrated(anyio.Path(state_dir) / SQLITE_FILE)
    async with open_store(None, state_dir, timeout=_STORE_TIMEOUT) as store:
        await store.migrate(CORE)
        async with background() as tasks:
            context = _context(
                store,
                tasks,
                Path(folder),
                _storage(provider.seam) if storage is None else storage,
                SystemClock() if clock is None else clock,
            )
            async with provider.open(config, context) as backend:
                yield Subject(narrowed(provider, config), backend, context)


async def _begin_migrated(database: anyio.Path) -> None:
    """Put a copy of a migrated database there, which is cheaper than to migrate a new one."""
    if not await database.exists():
        content = await anyio.to_thread.run_sync(_migrated)
        descriptor = os.open(database, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:  # noqa: ASYNC230, PTH123 - a descriptor, and 100 kB
            file.write(content)


@cache
def _migrated() -> bytes:
    with TemporaryDirectory() as folder:
        engines = open_engines(None, Path(folder), timeout=_STORE_TIMEOUT)
        try:
            migrate_engine(engines.writer, CORE)
        finally:
            engines.dispose()
        return (Path(folder) / SQLITE_FILE).read_bytes()


def _storage(seam: Seam) -> Storage:
    if seam is Seam.STORAGE:
        return UnsupportedStorage()
    from jobyard.testing.fakes.storage import FakeStorage  # noqa: PLC0415 - a storage needs none

    return FakeStorage()


def _context(
    store: Store, tasks: TaskOwner, state_dir: Path, storage: Storage, clock: Clock
) -> Context:
    return Context(
        storage=storage,
        store=store,
        ports=SqlPortLedger(store),
        leadership=SqlLeadership(store, role=state_dir.name, holder="conformance"),
        clock=clock,
        state_dir=state_dir,
        public_url=PUBLIC_URL,
        job_tokens=SignedJobTokens(Signer((_SIGNING_SECRET,), clock), store),
        accounts=SqlAccountLedger(),
        tasks=tasks,
    )


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Secret):
        return value.reveal()
    message = f"a setting is spelt as in the file, and {type(value).__name__} is not"
    raise TypeError(message)

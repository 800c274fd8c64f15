"""Examine a deployment: its state directory, its database, each of its backends."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Final, Protocol, TypeVar

import anyio

from jobyard.cli.beside import Beside, beside
from jobyard.clock import SystemClock
from jobyard.config.loading import Chosen, Loaded
from jobyard.database.instance import StateDirBusy, state_lock
from jobyard.errors import JobyardError
from jobyard.seams.diagnosis import Check
from jobyard.seams.provider import Capability, Seam
from jobyard.services.diagnosis import Finding, Tell, examine

B = TypeVar("B", bound=object)

_GIGABYTE: Final = 1024**3
_LITTLE: Final = 1.0
"""GB of free space below which a gateway is about to stop working."""
_PRIVATE: Final = 0o077

Step = Callable[[], Awaitable[str]]


class _Pingable(Protocol):
    async def ping(self) -> None: ...


async def examine_all(loaded: Loaded, state_dir: Path, tell: Tell) -> bool:
    """Tell what every step finds, and whether all is good.

    What needs something that failed is left out.
    """
    clock = SystemClock()
    if not await examine("state directory", _state_checks(state_dir), clock, tell):
        return False
    try:
        async with beside(loaded, state_dir) as near:
            good = [await examine("database", _database_checks(near), clock, tell)]
            for name, seam, chosen in _backends(loaded):
                good.append(await _examine_backend(near, name, seam, chosen, tell))
            return all(good)
    except JobyardError as error:
        remedy = "Check the 'database' option, and whether the server runs and lets this user in."
        tell(Finding("database", "open", good=False, seconds=0, found=_told(error), remedy=remedy))
        return False


def _backends(loaded: Loaded) -> list[tuple[str, Seam, Chosen[object]]]:
    chosen: list[tuple[Seam, Chosen[object]]] = [
        *((Seam.AUTH, _any(each)) for each in loaded.auth),
        (Seam.SCHEDULING, _any(loaded.scheduling)),
        (Seam.STORAGE, _any(loaded.storage)),
        *((Seam.OBSERVERS, each) for each in loaded.observers),
    ]
    return [(f"{seam.value}.{each.label}", seam, each) for seam, each in chosen]


def _any(chosen: Chosen[B]) -> Chosen[object]:
    return chosen  # type: ignore[return-value]  # it is opened, and only pinged


async def _examine_backend(
    near: Beside, name: str, seam: Seam, chosen: Chosen[object], tell: Tell
) -> bool:
    context = await near.context(name)
    if chosen.provider.diagnose is not None:
        try:
            async with chosen.provider.diagnose(chosen.config, context) as checks:
                return await examine(name, checks, context.clock, tell)
        except Exception as error:  # noqa: BLE001 - a plugin's own diagnosis may be what is broken
            found = _told(error)
            tell(Finding(name, "prepare the diagnosis", good=False, seconds=0, found=found))
            return False

    async def opens() -> str:
        async with _alone(near, seam, chosen), chosen.provider.open(chosen.config, context) as made:
            ping: object = getattr(made, "ping", None)
            if ping is None:
                return "it opens"
            await _pinged(made)
            return "it opens, and answers"

    remedy = f"Check the settings of {name}; the plugin brings no diagnosis of its own."
    return await examine(name, [Check("open", opens, remedy)], context.clock, tell)


async def _pinged(backend: object) -> None:
    pingable: _Pingable = backend  # type: ignore[assignment]  # the caller has looked
    await pingable.ping()


def _alone(near: Beside, seam: Seam, chosen: Chosen[object]) -> AbstractAsyncContextManager[None]:
    """Keep a gateway away from a scheduler that only one process may have open."""
    shared = Capability.REPLICAS in chosen.provider.capabilities
    return nullcontext() if seam is not Seam.SCHEDULING or shared else _locked(near.state_dir)


@asynccontextmanager
async def _locked(state_dir: Path) -> AsyncIterator[None]:
    try:
        with state_lock(state_dir):
            yield
    except StateDirBusy as error:
        message = "a gateway runs and has it open; ask its /readyz"
        raise JobyardError(message) from error


def _state_checks(state_dir: Path) -> tuple[Check, ...]:
    async def private() -> str:
        mode = stat.S_IMODE((await anyio.Path(state_dir).stat()).st_mode)
        if mode & _PRIVATE:
            message = f"{state_dir} has mode {mode:o}; others could read the secrets in it"
            raise JobyardError(message)
        return f"{state_dir}, mode {mode:o}"

    async def room() -> str:
        free = shutil.disk_usage(state_dir).free / _GIGABYTE
        if free < _LITTLE:
            message = f"{free:.2f} GB are free"
            raise JobyardError(message)
        return f"{free:.0f} GB are free"

    async def writable() -> str:
        probe = anyio.Path(state_dir / f".doctor-{os.getpid()}")
        await probe.write_bytes(b"")
        await probe.unlink()
        return "a file can be made and removed"

    return (
        Check("look at the folder", private, f"chmod 700 {state_dir}"),
        Check("write", writable, "Check who owns the folder, and whether it is mounted read-only."),
        Check("look for room", room, "Make room, or choose another --state-dir."),
    )


def _database_checks(near: Beside) -> tuple[Check, ...]:
    async def answers() -> str:
        await near.store.ping()
        return f"{near.store.dialect} answers"

    return (Check("ask", answers, "Check whether the server runs, and its log."),)


def _told(error: Exception) -> str:
    if not isinstance(error, JobyardError):
        return f"{type(error).__name__}: {error}"
    return error.message if error.detail is None else f"{error.message} ({error.detail})"

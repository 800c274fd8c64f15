"""Backends: opened behind their guards, opened again where nobody answered, closed in order."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Generic, TypeVar

import anyio
from attrs import evolve

from jobyard.config.loading import Chosen
from jobyard.errors import JobyardError, LoadError, Unavailable
from jobyard.registry import remedy
from jobyard.resilience import Guarded
from jobyard.seams.context import Context
from jobyard.services.background import Background, background

B = TypeVar("B")

LOG: Final = logging.getLogger("jobyard.backend")

LONGEST_PAUSE: Final = 30.0
"""Seconds between two tries to open a backend that nobody could reach."""

_CLOSING: Final = 20.0


class Keeper(Generic[B]):
    """Keep one backend open behind its guard.

    ``patience`` is for how many seconds the start waits for it to open; one that takes longer, or
    cannot be reached, is opened in the background, and its guard says so meanwhile.
    """

    def __init__(
        self, chosen: Chosen[B], guard: Guarded[B], context: Context, *, patience: float
    ) -> None:
        self._chosen = chosen
        self._guard = guard
        self._context = context
        self._patience = patience
        self._settled = anyio.Event()
        self._leave = anyio.Event()
        self._left = anyio.Event()
        self._scope = anyio.CancelScope()
        self._failure: JobyardError | None = None
        self._opening = False

    async def open(self, tasks: Background) -> None:
        """Open the backend, or begin to.

        Raises:
            PluginError: It can never be opened as it is.
            ConfigError: It cannot be opened with these settings.
        """
        tasks.spawn(f"the backend {self._guard.name}", self._run)
        with anyio.move_on_after(self._patience):
            await self._settled.wait()
        if self._failure is not None:
            raise self._failure
        if not self._settled.is_set():
            self._guard.closed(f"{self._guard.name} is still being opened")

    async def close(self) -> None:
        """Close the backend, and return when it is; one that does not close is left.

        One that is still being opened is not waited for.
        """
        self._leave.set()
        if self._opening:
            self._scope.cancel()
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(_CLOSING):
                await self._left.wait()
                return
            LOG.warning("%s does not close; it is left", self._guard.name)
            self._scope.cancel()
            await self._left.wait()

    async def _run(self) -> None:
        try:
            with self._scope:
                await self._keep()
        finally:
            self._guard.closed(f"{self._guard.name} is closed")
            self._settled.set()
            self._left.set()

    async def _keep(self) -> None:
        pause = 0.5
        while not self._leave.is_set():
            try:
                await self._once()
            except Unavailable as error:
                self._note(error)
                with anyio.move_on_after(pause):
                    await self._leave.wait()
                pause = min(2 * pause, LONGEST_PAUSE)
            except JobyardError as error:
                self._failure = error
                return
            except Exception as error:  # noqa: BLE001 - whatever a plugin raises ends here
                self._failure = self._broken(error)
                return

    async def _once(self) -> None:
        async with background() as tasks:
            context = evolve(self._context, tasks=tasks)
            self._opening = True
            async with self._chosen.provider.open(self._chosen.config, context) as backend:
                self._opening = False
                self._guard.opened(backend)
                self._settled.set()
                await self._leave.wait()
                self._guard.closed(f"{self._guard.name} is closed")

    def _note(self, error: Unavailable) -> None:
        self._guard.closed(error.message)
        if not self._settled.is_set():
            LOG.warning("%s is not open: %s (%s)", self._guard.name, error.message, error.detail)
        self._settled.set()

    def _broken(self, error: Exception) -> LoadError:
        LOG.error("%s could not be opened", self._guard.name, exc_info=error)
        cause = f"{type(error).__name__}: {error}"
        hint = remedy(error)
        message = f"{self._guard.name} cannot be opened: {cause}"
        return LoadError(
            self._chosen.provider.name, message if hint is None else f"{message}; {hint}"
        )


@asynccontextmanager
async def held_open(
    chosen: Chosen[B], guard: Guarded[B], context: Context, tasks: Background, *, patience: float
) -> AsyncIterator[None]:
    """Keep a backend open behind its guard while the block runs; see :class:`Keeper`."""
    keeper = Keeper(chosen, guard, context, patience=patience)
    try:
        await keeper.open(tasks)
        yield
    finally:
        await keeper.close()

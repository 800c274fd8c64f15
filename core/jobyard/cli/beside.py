"""What a command needs to work with backends beside a gateway that may be running."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import anyio
from attrs import frozen

from jobyard.clock import SystemClock
from jobyard.config.loading import Loaded
from jobyard.database.leadership import SqlLeadership
from jobyard.database.migrating import CORE
from jobyard.database.ports import SqlPortLedger
from jobyard.database.store import SqlStore, open_store
from jobyard.domain.job import JobRef
from jobyard.errors import NotSupported
from jobyard.resilience import Guarded
from jobyard.seams.context import Context
from jobyard.seams.storage import Storage
from jobyard.secret import Secret
from jobyard.services.account_rows import SqlAccountLedger
from jobyard.services.background import Background, background
from jobyard.services.guarded_storage import GuardedStorage

_TIMEOUT: Final = 30.0
"""Seconds for a unit of work: the gateway may be busy with the same database."""


@frozen
class Beside:
    """Be the gateway's database and what else a backend is given."""

    loaded: Loaded
    state_dir: Path
    store: SqlStore
    tasks: Background

    async def context(self, name: str) -> Context:
        """Give what a backend gets; ``name`` is its seam and label, such as ``auth.local``."""
        folder = self.state_dir / name
        await anyio.Path(folder).mkdir(mode=0o700, exist_ok=True)
        clock = SystemClock()
        return Context(
            storage=GuardedStorage(Guarded[Storage]("storage", clock, timeout=_TIMEOUT)),
            store=self.store,
            ports=SqlPortLedger(self.store),
            # It is only asked about terms, and this process never has one.
            leadership=SqlLeadership(self.store, role="none", holder="none"),
            clock=clock,
            state_dir=folder,
            public_url=self.loaded.settings.rest_server.public_url or "",
            job_tokens=_NoJobTokens(),
            accounts=SqlAccountLedger(),
            tasks=self.tasks,
            hidden=(self.state_dir.resolve(),),
        )


@asynccontextmanager
async def beside(loaded: Loaded, state_dir: Path) -> AsyncIterator[Beside]:
    """Open the gateway's database, at its newest revision.

    Raises:
        JobyardError: It does not answer, or a newer Jobyard has worked on it.
    """
    url = loaded.settings.database
    async with open_store(url, state_dir, timeout=_TIMEOUT) as store, background() as tasks:
        await store.migrate(CORE)
        yield Beside(loaded, state_dir, store, tasks)


class _NoJobTokens:
    """Refuse: no job is started here."""

    @staticmethod
    def storage_token(ref: JobRef, username: str, lifetime: float) -> Secret:
        message = f"{ref.name} of {username} is not started here ({lifetime} s)"
        raise NotSupported(message)

"""Change a password where the users are kept, beside a gateway that may be running."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from jobyard.clock import SystemClock
from jobyard.config.loading import Chosen, Loaded
from jobyard.database.leadership import SqlLeadership
from jobyard.database.migrating import CORE
from jobyard.database.ports import SqlPortLedger
from jobyard.database.store import SqlStore, open_store
from jobyard.domain.job import JobRef
from jobyard.errors import ContractViolation, JobyardError, NotSupported
from jobyard.resilience import Guarded
from jobyard.seams.auth import Authenticator, UserAdmin, UserChange
from jobyard.seams.context import Context
from jobyard.seams.provider import Capability
from jobyard.seams.storage import Storage
from jobyard.secret import Secret
from jobyard.services.account_rows import SqlAccountLedger
from jobyard.services.background import background
from jobyard.services.guarded_storage import GuardedStorage

_TIMEOUT: Final = 30.0
"""Seconds for a unit of work: the gateway may be busy with the same database."""


async def change_password(loaded: Loaded, state_dir: Path, name: str, password: Secret) -> None:
    """Change a user's password at the first provider that manages users; their tokens end.

    Raises:
        JobyardError: No provider manages users, or this one does not know the user.
    """
    chosen = _manager(loaded)
    url = loaded.settings.database
    async with open_store(url, state_dir, timeout=_TIMEOUT) as store, background() as tasks:
        await store.migrate(CORE)
        folder = state_dir / f"auth.{chosen.label}"
        folder.mkdir(mode=0o700, exist_ok=True)
        clock = SystemClock()
        context = Context(
            storage=GuardedStorage(Guarded[Storage]("storage", clock, timeout=_TIMEOUT)),
            store=store,
            ports=SqlPortLedger(store),
            leadership=_leadership(store),
            clock=clock,
            state_dir=folder,
            public_url=loaded.settings.rest_server.public_url or "",
            job_tokens=_NoJobTokens(),
            accounts=SqlAccountLedger(),
            tasks=tasks,
        )
        async with chosen.provider.open(chosen.config, context) as backend:
            if not isinstance(backend, UserAdmin):
                message = f"auth.{chosen.label} says that it manages users, and does not"
                raise ContractViolation(chosen.label, message)
            await backend.change(name, UserChange(password=password))


def _manager(loaded: Loaded) -> Chosen[Authenticator]:
    for chosen in loaded.auth:
        if Capability.MANAGE_USERS in chosen.provider.capabilities:
            return chosen
    names = ", ".join(chosen.label for chosen in loaded.auth)
    message = f"None of the ways to log in ({names}) lets Jobyard change passwords."
    raise JobyardError(message)


def _leadership(store: SqlStore) -> SqlLeadership:
    # It is only asked about terms, and this process never has one.
    return SqlLeadership(store, role="none", holder="none")


class _NoJobTokens:
    """Refuse: no job is started here."""

    @staticmethod
    def storage_token(ref: JobRef, username: str, lifetime: float) -> Secret:
        message = f"{ref.name} of {username} is not started here ({lifetime} s)"
        raise NotSupported(message)

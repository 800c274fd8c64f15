"""Try one user's log-in at the chosen providers, as the gateway would, and say each step."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

from jobyard.cli.beside import Beside, beside
from jobyard.config.loading import Chosen, Loaded
from jobyard.domain.identity import Found, Identity
from jobyard.errors import JobyardError
from jobyard.seams.auth import Authenticator, CredentialsRejected
from jobyard.seams.context import Context
from jobyard.seams.diagnosis import Check
from jobyard.secret import Secret
from jobyard.services import account_rows as rows
from jobyard.services.account_rows import Account
from jobyard.services.account_rules import AccountRules
from jobyard.services.diagnosis import Finding, Tell, examine

_UNKNOWN: Final = "Check the spelling of the name, and where the providers look for users."
_REFUSED: Final = "The steps before this one say what the provider saw."


async def try_user(
    loaded: Loaded, state_dir: Path, username: str, password: Secret | None, tell: Tell
) -> bool:
    """Tell what each step finds, and whether the user would be let in.

    As in a log-in, the next provider is asked only where one says that the user is not its own.
    """
    async with beside(loaded, state_dir) as near:
        for chosen in loaded.auth:
            trial = _Trial(near, chosen, username, password)
            good = await trial.examined(tell)
            if trial.identity is not None or trial.ended or not good:
                return good and trial.identity is not None
    found = "nobody knows the user"
    tell(Finding("auth", "log in", good=False, seconds=0, found=found, remedy=_UNKNOWN))
    return False


class _Trial:
    """Try one provider."""

    def __init__(
        self, near: Beside, chosen: Chosen[Authenticator], username: str, password: Secret | None
    ) -> None:
        self.identity: Identity | None = None
        self.ended = False
        self._near = near
        self._chosen = chosen
        self._username = username
        self._password = password
        self._rules = AccountRules(near.loaded.settings.accounts)

    async def examined(self, tell: Tell) -> bool:
        name = f"auth.{self._chosen.label}"
        context = await self._near.context(name)
        async with self._steps(context) as steps:
            own = [Check(self._operation, lambda: self._ask(context), _REFUSED)]
            if not await examine(name, (*steps, *own), context.clock, tell):
                return False
        if self.identity is None:
            return True
        return await examine(name, (Check("give roles", self._roles),), context.clock, tell)

    @property
    def _operation(self) -> str:
        return "look the user up" if self._password is None else "log in"

    def _steps(self, context: Context) -> AbstractAsyncContextManager[Sequence[Check]]:
        examination = self._chosen.provider.examine
        if examination is None:
            return _nothing()
        return examination(self._chosen.config, context, self._username, self._password)

    async def _ask(self, context: Context) -> str:
        async with self._chosen.provider.open(self._chosen.config, context) as backend:
            identity = await self._asked(backend)
        if identity is None:
            return "the user is not known here; the next provider is asked"
        if not identity.enabled:
            self.ended = True
            message = f"{identity.name} is known, and may not log in"
            raise JobyardError(message)
        self.identity = identity
        groups = ", ".join(sorted(identity.groups)) or "none"
        return f"the user is {identity.name}, of the groups: {groups}"

    async def _asked(self, backend: Authenticator) -> Identity | None:
        if self._password is None:
            found = await backend.find(self._username)
            return found.identity if isinstance(found, Found) else None
        try:
            return await backend.authenticate(self._username, self._password)
        except CredentialsRejected:
            self.ended = True
            raise

    async def _roles(self) -> str:
        assert self.identity is not None
        seen = self._rules.seen(self.identity, 0)
        if seen.admin:
            return "administrator, with all virtual clusters"
        account = Account(seen.name, seen.provider, seen.admin, 0, 0, seen.groups, 0)
        assigned = await self._near.store.read(rows.assigned(seen.name))
        clusters = self._rules.virtual_clusters(account, assigned)
        return f"no administrator; virtual clusters: {', '.join(clusters)}"


@asynccontextmanager
async def _nothing() -> AsyncIterator[Sequence[Check]]:
    yield ()

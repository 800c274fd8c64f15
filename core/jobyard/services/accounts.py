"""Accounts: who logs in, who is still there, and what they were granted.

What a provider said last is a row. It is asked again at most every ``accounts.recheck`` seconds,
and at once after a start, since the configuration may be another; while it does not answer, the
row holds for ``accounts.stale-for`` seconds, without administrators' rights.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen
from sqlalchemy.exc import IntegrityError

from jobyard.clock import Clock
from jobyard.config.settings import AccountSettings
from jobyard.domain.identity import Actor, Found, Identity, is_username
from jobyard.domain.job import DEFAULT_VIRTUAL_CLUSTER
from jobyard.errors import IncorrectPassword, NoUser, Unavailable
from jobyard.seams.auth import CredentialsRejected
from jobyard.seams.context import Store
from jobyard.seams.observer import UserAuthenticated
from jobyard.secret import Secret
from jobyard.services import account_rows as rows
from jobyard.services.account_rows import Account, OwnedByAnother
from jobyard.services.account_rules import AccountRules
from jobyard.services.auth_chain import AuthChain, Member, down
from jobyard.services.login_throttle import LoginThrottle
from jobyard.services.observers import Observers

if TYPE_CHECKING:
    from sqlalchemy import Connection

LOG: Final = logging.getLogger("jobyard.accounts")

_MILLISECONDS: Final = 1000
_ATTEMPTS: Final = 3


@frozen
class LoggedIn(Actor):
    """Be somebody whose password was right, while the tokens of ``epoch`` were valid."""

    epoch: int = 0


class Accounts:
    """Know users, whatever provider has them."""

    def __init__(
        self,
        *,
        settings: AccountSettings,
        chain: AuthChain,
        store: Store,
        observers: Observers,
        clock: Clock,
    ) -> None:
        self.chain = chain
        self.rules = AccountRules(settings)
        self._settings = settings
        self._store = store
        self._observers = observers
        self._clock = clock
        self._throttle = LoginThrottle(settings.login_throttle)
        self._started_at = clock.now()

    # ---------------------------------------------------------------------------- log-in

    async def log_in(self, username: str, password: Secret, address: str) -> LoggedIn:
        """Check a name and a password that came from an address (contract, section 2).

        Raises:
            NoUser: Nobody knows the name (S).
            IncorrectPassword: The password is another (S), or the name, where
                ``accounts.uniform-login-errors`` is set.
            TooManyRequests: The name or the address has failed too often of late (N).
            UnknownError: A provider that may know the user does not answer (S).
        """
        async with self._throttle.attempt(username, address) as attempt:
            try:
                identity, account = await self._logged_in(username, password)
            except (NoUser, IncorrectPassword) as error:
                attempt.fail()
                if self._settings.uniform_login_errors and isinstance(error, NoUser):
                    raise IncorrectPassword(detail=error.message) from error
                raise
        await self._observers.user_authenticated(UserAuthenticated(identity, address))
        return LoggedIn(account.name, account.admin, account.epoch)

    async def _logged_in(self, username: str, password: Secret) -> tuple[Identity, Account]:
        for _ in range(_ATTEMPTS):
            before = await self._row(username)
            identity = await self._authenticated(username, password, before)
            try:
                account = await self.note(identity)
            except OwnedByAnother as error:
                LOG.warning("%s of %s belongs to %s", identity.name, identity.provider, error)
                raise NoUser(username, status=400) from error
            # A password that was changed meanwhile would get a token that is younger than it.
            if before is None or before.key != account.key or before.epoch == account.epoch:
                return identity, account
        raise IncorrectPassword(detail="the user changed again and again meanwhile")

    async def _authenticated(
        self, username: str, password: Secret, row: Account | None
    ) -> Identity:
        try:
            identity = await self.chain.authenticate(username, password, self._owner(row))
        except CredentialsRejected as error:
            raise IncorrectPassword(detail=error.message) from error
        if identity is None:
            raise NoUser(username, status=400)
        return identity

    def _owner(self, row: Account | None) -> str | None:
        if row is None:
            return None
        if self.chain.member(row.provider) is None:
            LOG.warning(
                "the user %s belongs to '%s', which auth: does not name: name it there again, or "
                "remove the user",
                row.name,
                row.provider,
            )
        return row.provider

    # ----------------------------------------------------------------------- who is there

    async def named(self, username: str) -> Account | None:
        """Give the account of exactly this name, as it was noted last."""
        account = await self._row(username)
        return account if account is not None and account.name == username else None

    async def find(self, username: str) -> Account | None:
        """Give the account of a name, or that of a directory which differs in case alone.

        A user whom only a provider knows is noted. While the provider does not answer, what is
        noted holds.

        Raises:
            UnknownError: Nothing is noted, and a provider that may know does not answer.
        """
        account = await self._row(username)
        if account is None:
            identity = await self.chain.find(username)
            return None if identity is None else await self.note(identity)
        member = self.chain.member(account.provider)
        if account.name != username and (member is None or member.manages):
            return None
        if member is None:
            return evolve(account, admin=False)  # nobody can log in as that one
        try:
            return await self._looked_up(member, account) if self._due(account) else account
        except Unavailable:
            return account

    async def still(self, account: Account) -> Account | None:
        """Look whether a user with a token is still there, if it is time to.

        ``None`` is for one who is gone, or is disabled. While the provider does not answer, the
        last answer holds, without administrators' rights.

        Raises:
            UnknownError: It has not answered for ``accounts.stale-for`` seconds.
        """
        member = self.chain.member(account.provider)
        if member is None:
            return None
        if not self._due(account):
            return account
        try:
            return await self._looked_up(member, account)
        except Unavailable as error:
            age = self._clock.now() - account.looked_up_at
            if age > self._settings.stale_for * _MILLISECONDS:
                raise down(member, error) from error
            return evolve(account, admin=False)

    def _due(self, account: Account) -> bool:
        if account.looked_up_at < self._started_at:
            return True
        age = self._clock.now() - account.looked_up_at
        return age >= self._settings.recheck * _MILLISECONDS

    async def _looked_up(self, member: Member, account: Account) -> Account | None:
        found = await member.ask("find", lambda backend: backend.find(account.name))
        if isinstance(found, Found) and found.identity.enabled:
            identity = member.checked(found.identity)
            if identity.name.casefold() == account.key:
                return await self.note(identity)
        await self._store.write(rows.end_tokens(account.name, self._clock.now()))
        return None

    async def _row(self, username: str) -> Account | None:
        return await self._store.read(rows.find(username)) if is_username(username) else None

    async def note(self, identity: Identity) -> Account:
        """Write down what a provider said just now.

        Raises:
            OwnedByAnother: The name belongs to another provider.
        """
        work = rows.note(self.rules.seen(identity, self._clock.now()))
        try:
            return await self._store.write(work)
        except IntegrityError:
            # Another gateway on the database was the first to note the user.
            return await self._store.write(work)

    # ------------------------------------------------------------------------------ grants

    async def granted(self, actor: Actor, existing: Sequence[str]) -> Sequence[str]:
        """Give, sorted, those of the existing virtual clusters that a user may submit to."""
        if actor.admin:
            return sorted({DEFAULT_VIRTUAL_CLUSTER, *existing})
        account = await self.named(actor.account)
        if account is None:
            return [DEFAULT_VIRTUAL_CLUSTER]
        given = await self.grants(account)
        return [name for name in given if name in existing or name == DEFAULT_VIRTUAL_CLUSTER]

    async def grants(self, account: Account) -> list[str]:
        """Give what a user who is no administrator may use: ``default``, by group, assigned."""
        assigned = await self._store.read(rows.assigned(account.name))
        return self.rules.virtual_clusters(account, assigned)

    @staticmethod
    def forget_grants(virtual_cluster: str) -> Callable[[Connection], None]:
        """Give the unit of work that takes a virtual cluster from everybody."""
        return rows.forget_grants(virtual_cluster)

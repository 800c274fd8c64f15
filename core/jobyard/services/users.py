"""Users as administrators see and change them (contract, section 3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from attrs import evolve, frozen

from jobyard.clock import Clock
from jobyard.domain.identity import Actor, Identity
from jobyard.domain.job import DEFAULT_VIRTUAL_CLUSTER
from jobyard.errors import (
    BackendError,
    Conflict,
    ConflictUser,
    ForbiddenUser,
    NotFound,
    NoUser,
    NoVirtualCluster,
    RemoveAdmin,
)
from jobyard.resilience import rejected
from jobyard.seams.auth import UserChange
from jobyard.seams.context import Store
from jobyard.secret import Secret
from jobyard.services import account_rows as rows
from jobyard.services.account_rows import Account, OwnedByAnother
from jobyard.services.accounts import Accounts
from jobyard.services.auth_chain import Member


class VirtualClusters(Protocol):
    """Know which virtual clusters there are."""

    async def existing(self) -> Sequence[str]:
        """Give the names of all.

        Raises:
            UnknownError: The cluster does not answer.
        """
        ...


@frozen
class UserView:
    """Be one user as the API shows them; the list is sorted."""

    name: str
    admin: bool
    virtual_clusters: tuple[str, ...]


class Users:
    """Show and change users, wherever they are kept."""

    def __init__(
        self, *, accounts: Accounts, clusters: VirtualClusters, store: Store, clock: Clock
    ) -> None:
        self._accounts = accounts
        self._clusters = clusters
        self._store = store
        self._clock = clock

    # ------------------------------------------------------------------------------ looks

    async def show(self, actor: Actor, username: str) -> UserView:
        """Show a user to an administrator, or to the user.

        Raises:
            ForbiddenUser: The caller is neither.
            NoUser: There is none (S).
        """
        if not actor.admin and username.casefold() != actor.account.casefold():
            raise ForbiddenUser.not_admin()
        account = await self._accounts.find(username)
        if not actor.admin and (account is None or account.name != actor.account):
            raise ForbiddenUser.not_admin()
        if account is None:
            raise NoUser(username)
        if account.admin:
            return UserView(account.name, admin=True, virtual_clusters=await self._all())
        given = await self._accounts.grants(account)
        return UserView(account.name, admin=False, virtual_clusters=tuple(given))

    async def everybody(self, actor: Actor) -> list[UserView]:
        """Show all users, in the order of their names, to an administrator.

        Those of a directory that does not list its users show once they logged in.

        Raises:
            ForbiddenUser: The caller is none (N).
            UnknownError: A provider that lists its users does not answer.
        """
        _require_admin(actor)
        accounts = await self._known()
        assigned = await self._store.read(rows.all_assigned())
        everything = await self._all() if any(each.admin for each in accounts) else ()
        return [
            UserView(
                account.name,
                account.admin,
                everything
                if account.admin
                else tuple(
                    self._accounts.rules.virtual_clusters(account, assigned.get(account.key, ()))
                ),
            )
            for account in sorted(accounts, key=lambda each: each.name)
        ]

    async def _known(self) -> list[Account]:
        noted = {each.key: each for each in await self._store.read(rows.everybody())}
        known: dict[str, Account] = {}
        for identity in await self._accounts.chain.listed():
            seen = self._accounts.rules.seen(identity, self._clock.now())
            owner = noted.get(seen.name.casefold())
            if owner is not None and owner.provider != seen.provider:
                continue
            fresh = Account(seen.name, seen.provider, seen.admin, 0, 0, seen.groups, seen.at)
            known.setdefault(fresh.key, fresh)
        for key, account in noted.items():
            if key not in known and not self._accounts.chain.lists(account.provider):
                chosen = self._accounts.chain.member(account.provider) is not None
                known[key] = account if chosen else evolve(account, admin=False)
        return list(known.values())

    async def _all(self) -> tuple[str, ...]:
        return tuple(sorted({DEFAULT_VIRTUAL_CLUSTER, *await self._clusters.existing()}))

    # ---------------------------------------------------------------------------- changes

    async def create(
        self, actor: Actor, username: str, password: Secret, *, admin: bool = False
    ) -> None:
        """Create a user with the first provider that manages users.

        Raises:
            ForbiddenUser: The caller is no administrator (S), or users are kept elsewhere (N).
            ConflictUser: Somebody has the name (S), or one that differs in case alone (N).
        """
        _require_admin(actor)
        member = self._accounts.chain.manager
        if member is None:
            raise _kept_elsewhere(None)
        if await self._taken(username):
            raise ConflictUser(username)
        try:
            identity = await member.administer(
                "create", lambda backend: backend.create(username, password, admin=admin)
            )
        except Conflict as error:
            raise ConflictUser(username) from error
        except BackendError as error:
            raise rejected(error) from error
        # What a removal that was cut short has left of a namesake grants nothing.
        await self._store.write(rows.forget(username))
        made_at = identity.credentials_changed_at or self._clock.now()
        await self._note(member, evolve(identity, credentials_changed_at=made_at))

    async def change(self, actor: Actor, username: str, change: UserChange) -> None:
        """Change a user: administrators anybody, a user their own password.

        Raises:
            ForbiddenUser: The caller may not (S), or the user is kept elsewhere (N).
            NoUser: There is none (S).
        """
        if not actor.admin and (username != actor.account or change.admin):
            raise ForbiddenUser.not_admin()
        account = await self._existing(username)
        member = self._manager(account)
        if change.admin is False and self._accounts.rules.configured_admin(account.name, ()):
            message = f"{account.name} is an administrator by accounts.admins of the configuration."
            raise ForbiddenUser(message)
        try:
            identity = await member.administer(
                "change", lambda backend: backend.change(account.name, change)
            )
        except NotFound as error:
            raise NoUser(username) from error
        except BackendError as error:
            raise rejected(error) from error
        noted = await self._note(member, identity)
        if change.password is not None and noted.epoch == account.epoch:
            # The provider keeps its users elsewhere, and could not end the tokens itself.
            await self._store.write(rows.end_tokens(noted.name, self._clock.now()))

    async def remove(self, actor: Actor, username: str) -> None:
        """Remove a user who is no administrator.

        Raises:
            ForbiddenUser: The caller is no administrator (S), or the user is kept elsewhere (N).
            NoUser: There is none (S).
            RemoveAdmin: It is an administrator (S).
        """
        _require_admin(actor)
        account = await self._existing(username)
        if account.admin:
            raise RemoveAdmin(username)
        if self._accounts.chain.member(account.provider) is not None:
            member = self._manager(account)
            try:
                await member.administer("remove", lambda backend: backend.remove(account.name))
            except NotFound:
                pass  # it is gone, as was wanted
            except BackendError as error:
                raise rejected(error) from error
        await self._store.write(rows.forget(account.name))

    async def assign(self, actor: Actor, username: str, names: Iterable[str]) -> None:
        """Replace the virtual clusters that are assigned to a user.

        Raises:
            ForbiddenUser: The caller is no administrator (S), or the user is one (R).
            NoUser: There is none (S).
            NoVirtualCluster: One of them does not exist; nothing is changed (S, N).
        """
        _require_admin(actor)
        account = await self._existing(username)
        if account.admin:
            message = f"Admin {username} has all virtual clusters; the list is not kept."
            raise ForbiddenUser(message)
        wanted = [name for name in names if name != DEFAULT_VIRTUAL_CLUSTER]
        existing = await self._clusters.existing() if wanted else ()
        for name in wanted:
            if name not in existing:
                raise NoVirtualCluster(name, status=400)
        if not await self._store.write(rows.assign(account.name, wanted)):
            raise NoUser(username)

    async def anybody(self) -> bool:
        """Tell whether there is a user whom the core noted, or whom it could have made.

        Whom a directory lists does not count: none of them may be an administrator.

        Raises:
            UnknownError: The provider that manages users does not answer.
        """
        if await self._store.read(rows.everybody()):
            return True
        manager = self._accounts.chain.manager
        return manager is not None and bool(await manager.listed())

    async def _existing(self, username: str) -> Account:
        account = await self._accounts.find(username)
        if account is None:
            raise NoUser(username)
        return account

    async def _taken(self, username: str) -> bool:
        noted = await self._store.read(rows.find(username))
        if noted is None:
            return await self._accounts.chain.find(username) is not None
        if self._accounts.chain.member(noted.provider) is None:
            return True
        return await self._accounts.chain.find(noted.name, noted.provider) is not None

    async def _note(self, member: Member, identity: Identity) -> Account:
        try:
            return await self._accounts.note(member.checked(identity))
        except OwnedByAnother as error:
            # The directory was the first to authenticate somebody of that name, just now.
            raise ConflictUser(identity.name) from error

    def _manager(self, account: Account) -> Member:
        member = self._accounts.chain.member(account.provider)
        if member is None or not member.manages:
            raise _kept_elsewhere(account.provider)
        return member


def _require_admin(actor: Actor) -> None:
    if not actor.admin:
        raise ForbiddenUser.not_admin()


def _kept_elsewhere(provider: str | None) -> ForbiddenUser:
    where = "the directory" if provider is None else f"the directory '{provider}'"
    return ForbiddenUser(f"Users are managed in {where}, not here.")

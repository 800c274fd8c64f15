from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Protocol

import jwt
import pytest
from attrs import evolve
from sqlalchemy import Connection

from jobyard.config.settings import AccountSettings, Admins
from jobyard.domain.identity import Actor, Identity
from jobyard.errors import (
    ApiError,
    BackendError,
    Conflict,
    ConflictUser,
    ForbiddenUser,
    NotFound,
    NoUser,
    NoVirtualCluster,
    Rejected,
    UnauthorizedUser,
    Unavailable,
    UnknownError,
)
from jobyard.seams.auth import UserChange, UserPage
from jobyard.seams.provider import Capability
from jobyard.secret import Secret
from jobyard.services import account_rows
from jobyard.services.accounts import Accounts
from jobyard.services.auth_chain import AuthChain
from jobyard.services.observers import Observers
from jobyard.services.users import Users, UserView
from tests.accounts import ADMIN, KEY, PASSWORD, Clusters, Directory, Town, member, town
from tests.databases import Database, HandClock

CAROL = Identity("directory", "carol")


class Open(Protocol):
    async def __call__(self, **options: object) -> Town: ...


@pytest.fixture
async def opened(sqlite_database: Database) -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(sqlite_database.open())

        async def open_town(**options: object) -> Town:
            return await stack.enter_async_context(
                town(store, sqlite_database.state_dir, **options)  # type: ignore[arg-type]
            )

        yield open_town


async def names(here: Town) -> list[str]:
    return [user.name for user in await here.users.everybody(ADMIN)]


async def test_the_list_has_noted_users_and_listed_ones_once_each_by_name(opened: Open) -> None:
    here = await opened(directory=Directory(CAROL, Identity("directory", "dora")))
    for name in ("bob", "alice"):
        await here.add(name)
    await here.accounts.log_in("bob", PASSWORD, "192.0.2.1")
    await here.accounts.log_in("carol", PASSWORD, "192.0.2.1")

    assert await names(here) == ["alice", "bob", "carol"]


async def test_a_local_user_who_never_logged_in_and_was_made_elsewhere_shows(
    opened: Open,
) -> None:
    here = await opened()
    await here.add("alice")
    await here.store.write(account_rows.forget("alice"))

    assert await names(here) == ["alice"]
    assert (await here.users.show(ADMIN, "alice")).name == "alice"


async def test_what_a_removal_that_was_cut_short_left_shows_nowhere_and_grants_nothing(
    opened: Open,
) -> None:
    here = await opened()
    await here.add("alice")
    await here.users.assign(ADMIN, "alice", ["vc1"])
    manager = here.accounts.chain.manager
    assert manager is not None
    await manager.administer("remove", lambda backend: backend.remove("alice"))
    here.clock.seconds += 61

    assert await names(here) == []
    with pytest.raises(NoUser):
        await here.users.show(ADMIN, "alice")
    await here.add("alice")
    assert await here.users.show(ADMIN, "alice") == UserView("alice", False, ("default",))


async def test_an_administrators_list_is_computed_and_asks_the_scheduler_only_when_shown(
    opened: Open,
) -> None:
    here = await opened()
    here.clusters.down = True
    await here.add("root", admin=True)
    await here.add("alice")
    assert await here.users.show(ADMIN, "alice") == UserView("alice", False, ("default",))
    with pytest.raises(UnknownError):
        await here.users.show(ADMIN, "root")

    here.clusters.down = False
    here.clusters.names = ["vc9", "default", "a"]

    assert await here.users.show(ADMIN, "root") == UserView("root", True, ("a", "default", "vc9"))


async def test_a_list_without_administrators_asks_no_scheduler(opened: Open) -> None:
    here = await opened()
    await here.add("alice")

    await here.users.everybody(ADMIN)

    assert here.clusters.asked == 0


async def test_default_alone_can_be_assigned_without_a_scheduler(opened: Open) -> None:
    here = await opened()
    await here.add("alice")
    await here.users.assign(ADMIN, "alice", ["vc1"])
    here.clusters.down = True

    await here.users.assign(ADMIN, "alice", ["default"])

    assert (await here.users.show(ADMIN, "alice")).virtual_clusters == ("default",)


async def test_an_unknown_virtual_cluster_changes_nothing(opened: Open) -> None:
    here = await opened()
    await here.add("alice")
    await here.users.assign(ADMIN, "alice", ["vc1"])

    with pytest.raises(NoVirtualCluster):
        await here.users.assign(ADMIN, "alice", ["vc2", "nowhere"])

    assert (await here.users.show(ADMIN, "alice")).virtual_clusters == ("default", "vc1")


async def test_a_user_of_a_directory_can_be_given_virtual_clusters_before_the_first_log_in(
    opened: Open,
) -> None:
    here = await opened(directory=Directory(CAROL))

    await here.users.assign(ADMIN, "CAROL", ["vc1"])

    carol = await here.accounts.log_in("carol", PASSWORD, "192.0.2.1")
    assert await here.accounts.granted(carol, ["vc1"]) == ["default", "vc1"]


async def test_users_of_a_directory_are_changed_there(opened: Open) -> None:
    here = await opened(directory=Directory(CAROL))

    for doing in (
        here.users.change(ADMIN, "carol", UserChange(admin=True)),
        here.users.remove(ADMIN, "carol"),
    ):
        with pytest.raises(ForbiddenUser, match="managed in the directory 'directory'"):
            await doing


async def test_where_there_is_only_a_directory_nobody_is_made(opened: Open) -> None:
    here = await opened(order=("directory",))

    with pytest.raises(ForbiddenUser, match="managed in the directory"):
        await here.add("alice")


@pytest.mark.parametrize("name", ["carol", "Carol"])
async def test_a_name_that_a_directory_knows_is_taken(opened: Open, name: str) -> None:
    here = await opened(directory=Directory(CAROL))

    with pytest.raises(ConflictUser):
        await here.add(name)


async def test_nobody_is_made_while_a_directory_that_may_know_the_name_is_down(
    opened: Open,
) -> None:
    here = await opened()
    here.directory.down = True

    with pytest.raises(UnknownError, match=r"auth\.directory"):
        await here.add("alice")
    here.directory.down = False
    here.clock.seconds += 60
    assert await names(here) == []


async def test_a_user_of_a_provider_that_is_chosen_no_more_can_only_be_removed(
    opened: Open,
) -> None:
    here = await opened(directory=Directory(evolve(CAROL, admin=True)))
    await here.accounts.log_in("carol", PASSWORD, "192.0.2.1")
    there = await opened(order=("local",))

    assert await there.users.everybody(ADMIN) == [UserView("carol", False, ("default",))]
    with pytest.raises(ConflictUser):
        await there.add("carol")
    with pytest.raises(ForbiddenUser):
        await there.users.change(ADMIN, "carol", UserChange(admin=True))
    await there.users.remove(ADMIN, "carol")
    await there.add("carol")


async def test_an_administrator_of_the_configuration_stays_one(opened: Open) -> None:
    here = await opened(settings=AccountSettings(admins=Admins(users=("alice",))))
    await here.add("alice")

    assert (await here.users.show(ADMIN, "alice")).admin
    with pytest.raises(ForbiddenUser, match=r"accounts\.admins"):
        await here.users.change(ADMIN, "alice", UserChange(admin=False))


async def test_a_user_may_set_the_own_password_and_nothing_else(opened: Open) -> None:
    here = await opened()
    await here.add("alice")
    await here.add("bob")
    alice, new = Actor("alice"), Secret("new password")

    await here.users.change(alice, "alice", UserChange(password=new, admin=False))

    assert (await here.accounts.log_in("alice", new, "192.0.2.1")).account == "alice"
    for username, change in [
        ("alice", UserChange(admin=True)),
        ("bob", UserChange(password=new)),
        ("Alice", UserChange(password=new)),
        ("nobody", UserChange(password=new)),
    ]:
        with pytest.raises(ForbiddenUser, match="Non-admin"):
            await here.users.change(alice, username, change)


class Elsewhere(Directory):
    """A provider that manages users of its own, and cannot end tokens itself."""

    async def create(self, username: str, password: Secret, *, admin: bool) -> Identity:
        self.put(Identity("elsewhere", username, admin=admin))
        return self.people[username]

    async def change(self, username: str, change: UserChange) -> Identity:
        if change.admin is not None:
            self.put(evolve(self.people[username], admin=change.admin))
        return self.people[username]

    async def remove(self, username: str) -> None:
        del self.people[username]


@pytest.mark.parametrize(
    ("change", "ends"),
    [
        (UserChange(password=Secret("new password")), True),
        (UserChange(admin=True), True),
        (UserChange(), False),
    ],
    ids=str,
)
async def test_tokens_end_also_where_the_provider_cannot_end_them(
    opened: Open, change: UserChange, ends: bool
) -> None:
    here = await opened(clock=HandClock(1_700_000_000))
    elsewhere = member("elsewhere", Elsewhere(), here.clock, Capability.MANAGE_USERS)
    accounts = Accounts(
        settings=AccountSettings(),
        chain=AuthChain([elsewhere]),
        store=here.store,
        observers=Observers(),
        clock=here.clock,
    )
    users = Users(accounts=accounts, clusters=Clusters(), store=here.store, clock=here.clock)
    await users.create(ADMIN, "alice", PASSWORD)
    before = await accounts.named("alice")

    await users.change(ADMIN, "alice", change)

    after = await accounts.named("alice")
    assert before is not None
    assert after is not None
    assert (after.epoch > before.epoch) == ends


async def test_a_token_of_a_namesake_without_an_epoch_is_refused_too(opened: Open) -> None:
    here = await opened(clock=HandClock(1_700_000_000))
    await here.add("alice")
    now = here.clock.now() // 1000
    claims = {"username": "alice", "iat": now, "exp": now + 600}
    header = f"Bearer {jwt.encode(claims, KEY.reveal(), algorithm='HS256')}"
    assert await here.tokens.authenticate(header) == Actor("alice")
    await here.users.remove(ADMIN, "alice")
    here.clock.seconds += 1
    await here.add("alice")

    with pytest.raises(UnauthorizedUser):
        await here.tokens.authenticate(header)


class Refusing(Elsewhere):
    """A provider that fails as the test says."""

    failure: BackendError | None = None

    async def create(self, username: str, password: Secret, *, admin: bool) -> Identity:
        self._fail()
        return await super().create(username, password, admin=admin)

    async def change(self, username: str, change: UserChange) -> Identity:
        self._fail()
        return await super().change(username, change)

    async def remove(self, username: str) -> None:
        self._fail()
        await super().remove(username)

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


def kept_by(backend: Elsewhere, here: Town) -> Users:
    accounts = Accounts(
        settings=AccountSettings(),
        chain=AuthChain([member("elsewhere", backend, here.clock, Capability.MANAGE_USERS)]),
        store=here.store,
        observers=Observers(),
        clock=here.clock,
    )
    return Users(accounts=accounts, clusters=Clusters(), store=here.store, clock=here.clock)


@pytest.mark.parametrize(
    ("failure", "of_create", "of_change"),
    [
        (Conflict("taken"), ConflictUser, UnknownError),
        (NotFound("gone"), UnknownError, NoUser),
        (Rejected("read-only"), UnknownError, UnknownError),
        (Unavailable("asleep"), UnknownError, UnknownError),
    ],
    ids=repr,
)
async def test_what_a_provider_refuses_is_told_in_the_contracts_words(
    opened: Open,
    failure: BackendError,
    of_create: type[ApiError],
    of_change: type[ApiError],
) -> None:
    here, backend = await opened(), Refusing()
    users = kept_by(backend, here)
    await users.create(ADMIN, "alice", PASSWORD)
    backend.failure = failure

    with pytest.raises(of_create):
        await users.create(ADMIN, "bob", PASSWORD)
    with pytest.raises(of_change):
        await users.change(ADMIN, "alice", UserChange(admin=True))

    backend.failure = None
    assert await users.everybody(ADMIN) == [UserView("alice", False, ("default",))]


async def test_a_user_whom_the_provider_lost_meanwhile_is_removed(opened: Open) -> None:
    here, backend = await opened(), Refusing()
    users = kept_by(backend, here)
    await users.create(ADMIN, "alice", PASSWORD)
    backend.failure = NotFound("gone")

    await users.remove(ADMIN, "alice")

    assert await users.everybody(ADMIN) == []


async def test_a_user_who_cannot_be_removed_stays(opened: Open) -> None:
    here, backend = await opened(), Refusing()
    users = kept_by(backend, here)
    await users.create(ADMIN, "alice", PASSWORD)
    for failure in (Unavailable("asleep"), Rejected("read-only")):
        backend.failure = failure

        with pytest.raises(UnknownError):
            await users.remove(ADMIN, "alice")

    assert len(await users.everybody(ADMIN)) == 1


async def test_what_is_removed_while_it_is_being_given_something_is_not_found(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = await opened()
    await here.add("alice")

    async def existing() -> list[str]:
        await here.users.remove(ADMIN, "alice")
        return ["vc1"]

    monkeypatch.setattr(here.clusters, "existing", existing)

    with pytest.raises(NoUser):
        await here.users.assign(ADMIN, "alice", ["vc1"])


async def test_a_name_that_a_directory_took_just_now_is_a_conflict(opened: Open) -> None:
    here = await opened()

    class Slow(Elsewhere):
        async def create(self, username: str, password: Secret, *, admin: bool) -> Identity:
            made = await super().create(username, password, admin=admin)
            forget = here.users._store.write

            async def write(work: Callable[[Connection], object]) -> object:
                done = await forget(work)
                await here.accounts.note(evolve(CAROL, name=username))
                return done

            monkey.setattr(users, "_store", SimpleNamespace(write=write))
            return made

    users = kept_by(Slow(), here)
    with pytest.MonkeyPatch.context() as monkey, pytest.raises(ConflictUser):
        await users.create(ADMIN, "alice", PASSWORD)


async def test_of_two_providers_that_list_one_name_its_owner_counts(opened: Open) -> None:
    class Listing(Directory):
        async def users(self, after: str | None, limit: int) -> UserPage:
            return UserPage(tuple(self.people.values()))

    here = await opened()
    first = Listing(Identity("", "alice", admin=True), Identity("", "bob"))
    members = [
        member("first", first, here.clock, Capability.USERS),
        member("second", Listing(Identity("", "alice")), here.clock, Capability.USERS),
    ]
    accounts = Accounts(
        settings=AccountSettings(),
        chain=AuthChain(members),
        store=here.store,
        observers=Observers(),
        clock=here.clock,
    )
    users = Users(accounts=accounts, clusters=Clusters(), store=here.store, clock=here.clock)
    assert [(each.name, each.admin) for each in await users.everybody(ADMIN)] == [
        ("alice", True),
        ("bob", False),
    ]

    await accounts.note(Identity("second", "alice"))

    assert [(each.name, each.admin) for each in await users.everybody(ADMIN)] == [
        ("alice", False),
        ("bob", False),
    ]

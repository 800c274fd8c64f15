from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import anyio
import pytest
from argon2 import PasswordHasher
from sqlalchemy import Connection, select, update

from jobyard.database.store import SqlStore
from jobyard.database.tables import USERS as CORE_USERS
from jobyard.domain.identity import Found, Identity, NotMine
from jobyard.errors import Conflict, NotFound
from jobyard.seams.auth import CredentialsRejected, UserAdmin, UserChange, UserListing
from jobyard.secret import Secret
from jobyard.services import account_rows
from jobyard.services.account_rows import Sighting
from jobyard_backends.auth.local import open_backend
from jobyard_backends.auth.local.tables import USERS
from jobyard_backends.auth.local.users import LocalUsers
from tests.accounts import PASSWORD, WRONG, context
from tests.databases import Database, HandClock

START = 1_700_000_000
NEW = Secret("another password")


@pytest.fixture
def clock() -> HandClock:
    return HandClock(START)


@pytest.fixture
async def users(store: SqlStore, database: Database, clock: HandClock) -> AsyncIterator[LocalUsers]:
    async with open_backend(context(store, clock, database.state_dir)) as opened:
        yield opened


def epoch_of(username: str) -> Callable[[Connection], int | None]:
    def work(connection: Connection) -> int | None:
        query = select(CORE_USERS.c.epoch).where(CORE_USERS.c.key == username)
        return connection.execute(query).scalar()

    return work


async def noted(store: SqlStore, name: str, at: int = 1) -> int | None:
    seen = Sighting(name, "local", admin=False, groups=frozenset(), changed_at=at, at=at)
    await store.write(account_rows.note(seen))
    return await store.read(epoch_of(name))


async def test_it_lists_and_manages_users(users: LocalUsers) -> None:
    assert isinstance(users, UserListing)
    assert isinstance(users, UserAdmin)


async def test_whoever_was_created_can_log_in(users: LocalUsers) -> None:
    made = await users.create("alice", PASSWORD, admin=True)

    expected = Identity("local", "alice", admin=True, credentials_changed_at=START * 1000)
    assert made == expected
    assert await users.authenticate("alice", PASSWORD) == expected
    assert await users.find("alice") == Found(expected)


async def test_a_wrong_password_is_rejected_and_shows_nowhere(users: LocalUsers) -> None:
    await users.create("alice", PASSWORD, admin=False)

    with pytest.raises(CredentialsRejected) as caught:
        await users.authenticate("alice", WRONG)
    assert WRONG.reveal() not in caught.value.message
    assert PASSWORD.reveal() not in caught.value.message


@pytest.mark.parametrize(
    "name", ["bob", "Alice", "ALICE", "", "alice ", "al\N{LATIN SMALL LETTER I}c"]
)
async def test_only_the_exact_spelling_is_known(users: LocalUsers, name: str) -> None:
    await users.create("alice", PASSWORD, admin=False)

    assert await users.authenticate(name, PASSWORD) is None
    assert await users.find(name) == NotMine()


async def test_unknown_names_cost_a_hash_too(
    users: LocalUsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []
    verify = users._passwords.verify

    async def watching(kept: str | None, password: Secret) -> object:
        asked.append(kept)
        return await verify(kept, password)

    monkeypatch.setattr(users._passwords, "verify", watching)

    assert await users.authenticate("nobody", PASSWORD) is None
    assert asked == [None]


@pytest.mark.parametrize("second", ["alice", "Alice", "ALICE"])
async def test_names_that_differ_in_case_alone_are_one_too_many(
    users: LocalUsers, second: str
) -> None:
    await users.create("alice", PASSWORD, admin=False)

    with pytest.raises(Conflict):
        await users.create(second, PASSWORD, admin=True)
    assert len((await users.users(None, 10)).users) == 1


@pytest.mark.parametrize("name", ["", "a b", "a\n", "\u00e4", "a'--"])
async def test_what_is_no_name_is_refused(users: LocalUsers, name: str) -> None:
    with pytest.raises(ValueError, match="no user name"):
        await users.create(name, PASSWORD, admin=False)


async def test_of_many_creations_at_once_one_is_done(users: LocalUsers) -> None:
    done: list[str] = []

    async def create(name: str) -> None:
        try:
            await users.create(name, PASSWORD, admin=False)
        except Conflict:
            return
        done.append(name)

    async with anyio.create_task_group() as group:
        for name in ["alice", "Alice", "ALICE", "alice"]:
            group.start_soon(create, name)

    assert len(done) == 1
    assert [user.name for user in (await users.users(None, 10)).users] == done


async def test_a_changed_password_is_the_only_one(users: LocalUsers, clock: HandClock) -> None:
    await users.create("alice", PASSWORD, admin=False)
    clock.seconds += 5

    changed = await users.change("alice", UserChange(password=NEW))

    assert changed.credentials_changed_at == (START + 5) * 1000
    assert await users.authenticate("alice", NEW) == changed
    with pytest.raises(CredentialsRejected):
        await users.authenticate("alice", PASSWORD)


async def test_an_administrator_flag_can_be_set_and_taken(users: LocalUsers) -> None:
    await users.create("alice", PASSWORD, admin=False)

    assert (await users.change("alice", UserChange(admin=True))).admin is True
    assert (await users.change("alice", UserChange(password=NEW))).admin is True
    assert (await users.change("alice", UserChange(admin=False))).admin is False


@pytest.mark.parametrize(
    ("change", "ends"),
    [
        (UserChange(password=NEW), True),
        (UserChange(password=PASSWORD), True),
        (UserChange(admin=True), True),
        (UserChange(admin=False), False),
        (UserChange(), False),
    ],
    ids=str,
)
async def test_a_change_of_password_or_flag_ends_the_tokens_and_nothing_else_does(
    users: LocalUsers, store: SqlStore, change: UserChange, ends: bool
) -> None:
    await users.create("alice", PASSWORD, admin=False)
    before = await noted(store, "alice")

    await users.change("alice", change)

    assert (await store.read(epoch_of("alice")) != before) == ends


async def test_a_change_whose_tokens_cannot_be_ended_is_none(
    users: LocalUsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(username: str, at: int) -> Callable[[Connection], None]:
        def work(connection: Connection) -> None:
            raise RuntimeError("no")

        return work

    await users.create("alice", PASSWORD, admin=False)
    monkeypatch.setattr(users, "_end_tokens", failing)

    for doing in (
        users.change("alice", UserChange(password=NEW, admin=True)),
        users.remove("alice"),
        users.create("bob", PASSWORD, admin=False),
    ):
        with pytest.raises(RuntimeError):
            await doing
    found = await users.authenticate("alice", PASSWORD)
    assert found is not None
    assert found.admin is False
    assert await users.find("bob") == NotMine()


async def test_whoever_was_removed_is_unknown_and_has_no_tokens(
    users: LocalUsers, store: SqlStore
) -> None:
    await users.create("alice", PASSWORD, admin=False)
    before = await noted(store, "alice")

    await users.remove("alice")

    assert await users.authenticate("alice", PASSWORD) is None
    assert await store.read(epoch_of("alice")) != before


async def test_nobody_can_be_changed_or_removed_who_is_not_there(users: LocalUsers) -> None:
    await users.create("alice", PASSWORD, admin=False)

    for name in ("bob", "Alice"):
        with pytest.raises(NotFound):
            await users.change(name, UserChange(password=NEW))
        with pytest.raises(NotFound):
            await users.remove(name)
    assert await users.authenticate("alice", PASSWORD) is not None


async def test_a_log_in_replaces_a_hash_of_older_parameters_and_ends_no_token(
    users: LocalUsers, store: SqlStore
) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD.reveal())
    await users.create("alice", PASSWORD, admin=False)
    await store.write(lambda connection: _set_hash(connection, old))
    before = await noted(store, "alice")

    assert await users.authenticate("alice", PASSWORD) is not None
    kept = await store.read(_hash_of)

    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await users.authenticate("alice", PASSWORD) is not None
    assert await store.read(epoch_of("alice")) == before


def _set_hash(connection: Connection, text: str) -> None:
    connection.execute(update(USERS).values(password_hash=text))


def _hash_of(connection: Connection) -> str:
    return str(connection.execute(select(USERS.c.password_hash)).scalar_one())


async def test_pages_give_everybody_once_in_the_order_of_the_names(users: LocalUsers) -> None:
    for name in ["dora", "Bob", "alice", "_x", "carol"]:
        await users.create(name, PASSWORD, admin=False)

    seen: list[str] = []
    after: str | None = None
    while True:
        page = await users.users(after, 2)
        assert len(page.users) <= 2
        seen += [user.name for user in page.users]
        if page.next_after is None:
            break
        after = page.next_after

    assert sorted(seen) == ["Bob", "_x", "alice", "carol", "dora"]


async def test_what_was_created_is_there_after_it_was_opened_again(
    users: LocalUsers, store: SqlStore, database: Database, clock: HandClock
) -> None:
    await users.create("alice", PASSWORD, admin=False)

    async with open_backend(context(store, clock, database.state_dir)) as again:
        await again.ping()
        assert await again.authenticate("alice", PASSWORD) is not None

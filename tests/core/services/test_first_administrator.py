from __future__ import annotations

import stat
from collections.abc import AsyncIterator

import pytest

from jobyard.errors import ConflictUser
from jobyard.secret import Secret
from jobyard.services import account_rows
from jobyard.services.first_administrator import FirstAdministrator, ensure_administrator
from tests.accounts import ADMIN, PASSWORD, Town, town
from tests.databases import Database


@pytest.fixture
async def here(sqlite_database: Database) -> AsyncIterator[Town]:
    async with (
        sqlite_database.open() as store,
        town(store, sqlite_database.state_dir) as opened,
    ):
        yield opened


async def ensure(here: Town, password: Secret | None = None) -> FirstAdministrator | None:
    return await ensure_administrator(
        accounts=here.accounts,
        users=here.users,
        username="admin",
        password=password,
        state_dir=here.state_dir,
    )


async def test_a_generated_password_is_written_down_and_lets_in(here: Town) -> None:
    made = await ensure(here)

    path = here.state_dir / "admin-password"
    assert made == FirstAdministrator("admin", path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    password = Secret(path.read_text().strip())
    assert (await here.accounts.log_in("admin", password, "192.0.2.1")).admin


async def test_a_configured_password_is_written_nowhere(here: Town) -> None:
    made = await ensure(here, PASSWORD)

    assert made == FirstAdministrator("admin", None)
    assert not (here.state_dir / "admin-password").exists()
    assert (await here.accounts.log_in("admin", PASSWORD, "192.0.2.1")).admin


async def test_a_second_start_makes_nobody_and_keeps_the_password(here: Town) -> None:
    await ensure(here)
    password = (here.state_dir / "admin-password").read_text()

    assert await ensure(here) is None
    assert (here.state_dir / "admin-password").read_text() == password


async def test_where_there_is_anybody_nobody_is_made(here: Town) -> None:
    await here.add("alice")

    assert await ensure(here) is None
    assert [user.name for user in await here.users.everybody(ADMIN)] == ["alice"]


async def test_a_user_who_was_never_noted_counts(here: Town) -> None:
    await here.add("alice")
    await here.store.write(account_rows.forget("alice"))

    assert await ensure(here) is None


async def test_where_there_is_only_a_directory_nobody_is_made(
    sqlite_database: Database,
) -> None:
    async with (
        sqlite_database.open() as store,
        town(store, sqlite_database.state_dir, order=("directory",)) as here,
    ):
        assert await ensure(here) is None
        assert not (here.state_dir / "admin-password").exists()


async def test_a_start_after_a_crash_between_the_two_makes_both_anew(here: Town) -> None:
    (here.state_dir / "admin-password").write_text("never used\n")

    await ensure(here)

    password = Secret((here.state_dir / "admin-password").read_text().strip())
    assert (await here.accounts.log_in("admin", password, "192.0.2.1")).admin


async def test_of_two_gateways_at_once_the_slower_leaves_no_password_behind(
    here: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def too_late(*_: object, **__: object) -> None:
        raise ConflictUser("admin")

    monkeypatch.setattr(here.users, "create", too_late)

    assert await ensure(here) is None
    assert not (here.state_dir / "admin-password").exists()

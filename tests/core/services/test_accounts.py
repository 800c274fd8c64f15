from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Protocol

import pytest
from attrs import evolve

import jobyard
from jobyard.config.settings import AccountSettings, Admins
from jobyard.database.store import SqlStore
from jobyard.domain.identity import Actor, Identity
from jobyard.errors import IncorrectPassword, NoUser, TooManyRequests, UnknownError
from jobyard.seams.auth import UserChange
from jobyard.seams.observer import UserAuthenticated
from jobyard.secret import Secret
from jobyard.services import account_rows
from jobyard.services.accounts import LoggedIn
from jobyard.services.observers import Observer, Observers
from tests.accounts import ADMIN, PASSWORD, WRONG, Directory, Forgetful, Town, town
from tests.databases import Database, HandClock

ALICE = Identity("directory", "alice", groups=frozenset({"cn=team1", "cn=ops"}))
HERE = "192.0.2.1"


class Open(Protocol):
    async def __call__(self, **options: object) -> Town: ...


@pytest.fixture
async def opened(sqlite_database: Database) -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:
        store: SqlStore = await stack.enter_async_context(sqlite_database.open())

        async def open_town(**options: object) -> Town:
            return await stack.enter_async_context(
                town(store, sqlite_database.state_dir, **options)  # type: ignore[arg-type]
            )

        yield open_town


async def test_the_right_password_lets_in_and_notes_the_user(opened: Open) -> None:
    here = await opened(directory=Directory(ALICE))

    actor = await here.accounts.log_in("alice", PASSWORD, HERE)

    account = await here.accounts.named("alice")
    assert account is not None
    assert account.provider == "directory"
    assert account.groups == ALICE.groups
    assert actor == LoggedIn("alice", False, account.epoch)


async def test_unknown_names_and_wrong_passwords_have_errors_of_their_own(opened: Open) -> None:
    here = await opened(directory=Directory(ALICE))

    with pytest.raises(NoUser) as nobody:
        await here.accounts.log_in("bob", PASSWORD, HERE)
    with pytest.raises(IncorrectPassword):
        await here.accounts.log_in("alice", WRONG, HERE)
    assert nobody.value.answer_status == 400
    assert await here.accounts.named("alice") is None


async def test_with_uniform_errors_nobody_learns_which_names_exist(opened: Open) -> None:
    here = await opened(
        directory=Directory(ALICE), settings=AccountSettings(uniform_login_errors=True)
    )

    for name in ("bob", "alice"):
        with pytest.raises(IncorrectPassword) as caught:
            await here.accounts.log_in(name, WRONG, HERE)
        assert caught.value.message == "Password is incorrect."


async def test_failures_of_both_kinds_fill_the_throttle_and_absence_does_not(opened: Open) -> None:
    directory = Directory(ALICE)
    here = await opened(directory=directory, settings=AccountSettings(login_throttle="2/hour"))
    directory.down = True
    for _ in range(3):
        with pytest.raises(UnknownError):
            await here.accounts.log_in("alice", PASSWORD, HERE)
    directory.down = False
    here.clock.seconds += 60
    await here.accounts.log_in("alice", PASSWORD, HERE)

    with pytest.raises(NoUser):
        await here.accounts.log_in("bob", PASSWORD, HERE)
    with pytest.raises(IncorrectPassword):
        await here.accounts.log_in("alice", WRONG, HERE)
    with pytest.raises(TooManyRequests):
        await here.accounts.log_in("alice", PASSWORD, HERE)


async def test_a_provider_that_is_down_ends_the_chain_and_is_named(opened: Open) -> None:
    directory = Directory(ALICE)
    here = await opened(directory=directory, order=("directory", "local"))
    await here.add("carol")
    directory.down = True

    with pytest.raises(UnknownError, match=r"auth\.directory") as caught:
        await here.accounts.log_in("dora", PASSWORD, HERE)
    assert "Retry-After" in caught.value.headers


async def test_a_name_is_asked_of_its_owner_alone(opened: Open) -> None:
    directory = Directory()
    here = await opened(directory=directory, order=("directory", "local"))
    await here.add("alice")
    directory.put(ALICE)
    asked = directory.asked

    actor = await here.accounts.log_in("alice", PASSWORD, HERE)

    account = await here.accounts.named("alice")
    assert account is not None
    assert (actor.account, account.provider) == ("alice", "local")
    assert directory.asked == asked


async def test_a_rejection_by_the_owner_ends_the_chain(opened: Open) -> None:
    directory = Directory()
    here = await opened(directory=directory)
    await here.add("alice", password=Secret("local one"))
    directory.put(ALICE)

    with pytest.raises(IncorrectPassword):
        await here.accounts.log_in("alice", PASSWORD, HERE)


async def test_another_providers_canonical_name_is_no_way_into_an_account(opened: Open) -> None:
    class Aliases(Directory):
        async def authenticate(self, username: str, password: Secret) -> Identity | None:
            return Identity("directory", "alice", admin=True) if username == "al" else None

    here = await opened(directory=Aliases())
    await here.add("alice")

    with pytest.raises(NoUser):
        await here.accounts.log_in("al", PASSWORD, HERE)
    account = await here.accounts.named("alice")
    assert account is not None
    assert (account.provider, account.admin) == ("local", False)


async def test_a_provider_that_is_chosen_no_more_takes_its_names_with_it(
    opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    here = await opened()
    await here.add("alice")
    there = await opened(order=("directory",), directory=Directory(ALICE))

    with pytest.raises(NoUser):
        await there.accounts.log_in("alice", PASSWORD, HERE)
    assert "belongs to 'local'" in caplog.text


@pytest.mark.parametrize("name", ["al ice", "", "\u00e4"])
async def test_a_canonical_name_that_is_none_is_the_providers_fault(
    opened: Open, name: str
) -> None:
    here = await opened(directory=Directory(evolve(ALICE, name=name)))

    with pytest.raises(UnknownError, match=r"auth\.directory"):
        await here.accounts.log_in(name, PASSWORD, HERE)


async def test_a_disabled_user_is_rejected(opened: Open) -> None:
    here = await opened(directory=Directory(evolve(ALICE, enabled=False)))

    with pytest.raises(IncorrectPassword):
        await here.accounts.log_in("alice", PASSWORD, HERE)


@pytest.mark.parametrize(
    ("admins", "told", "expected"),
    [
        (Admins(), None, False),
        (Admins(), False, False),
        (Admins(), True, True),
        (Admins(users=("alice",)), None, True),
        (Admins(users=("bob",)), None, False),
        (Admins(groups=("CN=Ops",)), False, True),
        (Admins(groups=("cn=other",)), None, False),
    ],
    ids=str,
)
async def test_administrators_are_those_of_the_provider_and_of_the_configuration(
    opened: Open, admins: Admins, told: bool | None, expected: bool
) -> None:
    here = await opened(
        directory=Directory(evolve(ALICE, admin=told)), settings=AccountSettings(admins=admins)
    )

    assert (await here.accounts.log_in("alice", PASSWORD, HERE)).admin is expected


async def test_observers_hear_who_logged_in_and_from_where(opened: Open) -> None:
    heard: list[UserAuthenticated] = []

    class Ear:
        @jobyard.hookimpl
        async def jobyard_user_authenticated(self, event: UserAuthenticated) -> None:
            heard.append(event)

    here = await opened(directory=Directory(ALICE), observers=Observers([Observer("ear", Ear())]))

    await here.accounts.log_in("alice", PASSWORD, HERE)
    with pytest.raises(IncorrectPassword):
        await here.accounts.log_in("alice", WRONG, HERE)

    assert heard == [UserAuthenticated(ALICE, HERE)]


async def test_a_password_that_is_changed_during_the_log_in_lets_nobody_in(opened: Open) -> None:
    class Racing(Directory):
        async def authenticate(self, username: str, password: Secret) -> Identity | None:
            found = await super().authenticate(username, password)
            self.passwords[username] = "changed meanwhile"
            await here.store.write(account_rows.end_tokens("alice", here.clock.now()))
            return found

    here = await opened(directory=Racing(ALICE))
    await here.accounts.note(ALICE)

    with pytest.raises(IncorrectPassword):
        await here.accounts.log_in("alice", PASSWORD, HERE)


# ----------------------------------------------------------------------------- who is there


async def looked_at(here: Town) -> bool | None:
    """Tell whether alice is an administrator, ``None`` where she is gone."""
    account = await here.accounts.named("alice")
    assert account is not None
    still = await here.accounts.still(account)
    return None if still is None else still.admin


async def test_a_directory_is_asked_again_after_a_while_and_not_before(opened: Open) -> None:
    directory = Directory(ALICE)
    here = await opened(directory=directory)
    await here.accounts.log_in("alice", PASSWORD, HERE)
    asked = directory.asked

    here.clock.seconds += 59
    assert await looked_at(here) is False
    assert directory.asked == asked
    here.clock.seconds += 1
    assert await looked_at(here) is False
    assert await looked_at(here) is False
    assert directory.asked == asked + 1


async def test_after_a_start_a_directory_is_asked_at_once(opened: Open) -> None:
    directory, clock = Directory(ALICE), HandClock()
    here = await opened(directory=directory, clock=clock)
    await here.accounts.log_in("alice", PASSWORD, HERE)
    clock.seconds += 1

    again = await opened(
        directory=directory, clock=clock, settings=AccountSettings(admins=Admins(users=("alice",)))
    )

    assert await looked_at(again) is True


@pytest.mark.parametrize("kind", [Directory, Forgetful])
async def test_whoever_is_gone_or_disabled_is_no_more_and_the_tokens_end(
    opened: Open, kind: type[Directory]
) -> None:
    for change in ("gone", "disabled"):
        directory = kind(ALICE)
        here = await opened(directory=directory)
        await here.accounts.log_in("alice", PASSWORD, HERE)
        before = await here.accounts.named("alice")
        here.clock.seconds += 60
        if change == "gone":
            directory.people.clear()
        else:
            directory.put(evolve(ALICE, enabled=False))

        assert await looked_at(here) is None
        after = await here.accounts.named("alice")
        assert before is not None
        assert after is not None
        assert after.epoch > before.epoch


@pytest.mark.parametrize(
    "change", [{"admin": True}, {"credentials_changed_at": 4_000_000_000_000}], ids=str
)
async def test_a_change_in_the_directory_ends_the_tokens(
    opened: Open, change: dict[str, object]
) -> None:
    directory = Directory(ALICE)
    here = await opened(directory=directory)
    await here.accounts.log_in("alice", PASSWORD, HERE)
    before = await here.accounts.named("alice")
    here.clock.seconds += 60
    directory.put(evolve(ALICE, **change))  # type: ignore[arg-type]

    await looked_at(here)

    after = await here.accounts.named("alice")
    assert before is not None
    assert after is not None
    assert after.epoch > before.epoch


async def test_while_a_directory_is_down_the_last_answer_holds_without_admin_rights(
    opened: Open,
) -> None:
    directory = Directory(evolve(ALICE, admin=True))
    here = await opened(directory=directory)
    await here.accounts.log_in("alice", PASSWORD, HERE)
    directory.down = True

    here.clock.seconds += 59
    assert await looked_at(here) is True
    here.clock.seconds += 1
    assert await looked_at(here) is False
    here.clock.seconds += 240
    assert await looked_at(here) is False
    here.clock.seconds += 1
    with pytest.raises(UnknownError, match=r"auth\.directory") as caught:
        await looked_at(here)
    assert caught.value.answer_status == 500
    assert "Retry-After" in caught.value.headers

    directory.down = False
    here.clock.seconds += 2
    assert await looked_at(here) is True


async def test_of_directories_the_case_of_a_path_does_not_matter_and_of_ours_it_does(
    opened: Open,
) -> None:
    here = await opened(directory=Directory(ALICE))
    await here.accounts.log_in("alice", PASSWORD, HERE)
    await here.add("bob")

    found = await here.accounts.find("ALICE")
    assert found is not None
    assert found.name == "alice"
    assert await here.accounts.find("BOB") is None
    assert await here.accounts.named("ALICE") is None


async def test_a_user_of_a_directory_can_be_found_before_the_first_log_in(opened: Open) -> None:
    here = await opened(directory=Directory(ALICE))

    found = await here.accounts.find("alice")

    assert found is not None
    assert found.provider == "directory"
    assert await here.accounts.find("nobody") is None
    assert await here.accounts.find("no name") is None


# ----------------------------------------------------------------------------------- grants


async def test_grants_are_default_those_of_groups_and_the_assigned(opened: Open) -> None:
    settings = AccountSettings(
        virtual_cluster_groups={"vc1": ("CN=TEAM1",), "vc2": ("cn=nobody",), "gone": ("cn=ops",)}
    )
    here = await opened(directory=Directory(ALICE), settings=settings)
    alice = await here.accounts.log_in("alice", PASSWORD, HERE)
    existing = ["vc3", "default", "vc2", "vc1"]

    assert await here.accounts.granted(alice, existing) == ["default", "vc1"]
    await here.users.assign(ADMIN, "alice", ["vc2"])
    assert await here.accounts.granted(alice, existing) == ["default", "vc1", "vc2"]
    await here.store.write(here.accounts.forget_grants("vc2"))
    assert await here.accounts.granted(alice, existing) == ["default", "vc1"]


async def test_administrators_are_granted_everything_and_strangers_default(opened: Open) -> None:
    here = await opened()

    assert await here.accounts.granted(ADMIN, ["vc1", "default"]) == ["default", "vc1"]
    assert await here.accounts.granted(Actor("stranger"), ["vc1", "default"]) == ["default"]


async def test_a_demotion_shows_at_once_at_the_next_log_in(opened: Open) -> None:
    here = await opened()
    await here.add("bob", admin=True)
    first = await here.accounts.log_in("bob", PASSWORD, HERE)

    await here.users.change(ADMIN, "bob", UserChange(admin=False))
    second = await here.accounts.log_in("bob", PASSWORD, HERE)

    assert (first.admin, second.admin) == (True, False)
    assert second.epoch > first.epoch

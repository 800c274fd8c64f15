from __future__ import annotations

import pytest
from attrs import evolve

from jobyard.domain.identity import Identity
from jobyard.errors import Conflict, Rejected, Unavailable, UnknownError
from jobyard.resilience import Guarded
from jobyard.seams.auth import Authenticator, CredentialsRejected, UserPage
from jobyard.seams.provider import Capability
from jobyard.secret import Secret
from jobyard.services.auth_chain import AuthChain, Member
from tests.accounts import PASSWORD, Directory, member
from tests.databases import HandClock

ALICE = Identity("whatever it says", "alice")
CLOCK = HandClock()


class Listing(Directory):
    """A directory that lists its users two at a time."""

    async def users(self, after: str | None, limit: int) -> UserPage:
        names = sorted(name for name in self.users_by_name if after is None or name > after)
        shown = tuple(self.users_by_name[name] for name in names[:2])
        return UserPage(shown, names[1] if len(names) > 2 else None)

    def __init__(self, *users: Identity) -> None:
        super().__init__(*users)
        self.users_by_name = {user.name: user for user in users}


class Managing(Directory):
    async def create(self, username: str, password: Secret, *, admin: bool) -> Identity:
        raise Conflict("there is one")

    async def change(self, username: str, change: object) -> Identity:
        return ALICE

    async def remove(self, username: str) -> None:
        return None


def chain(**backends: Directory) -> AuthChain:
    return AuthChain([member(name, backend, CLOCK) for name, backend in backends.items()])


async def test_providers_are_asked_in_their_order_until_one_knows() -> None:
    first, second, third = Directory(), Directory(ALICE), Directory(ALICE)

    found = await chain(first=first, second=second, third=third).authenticate(
        "alice", PASSWORD, None
    )

    assert found == Identity("second", "alice")
    assert (first.asked, second.asked, third.asked) == (1, 1, 0)


async def test_an_owner_is_asked_alone() -> None:
    first, second = Directory(ALICE), Directory()
    both = chain(first=first, second=second)

    assert await both.authenticate("alice", PASSWORD, "second") is None
    assert await both.find("alice", "second") is None
    assert await both.find("alice", "gone") is None
    assert first.asked == 0


async def test_a_rejection_ends_the_chain() -> None:
    second = Directory(ALICE)

    with pytest.raises(CredentialsRejected):
        await chain(first=Directory(ALICE), second=second).authenticate(
            "alice", Secret("wrong"), None
        )
    assert second.asked == 0


async def test_a_provider_that_is_down_ends_the_chain() -> None:
    first, second = Directory(), Directory(ALICE)
    first.down = True
    both = chain(first=first, second=second)

    with pytest.raises(UnknownError, match=r"^auth\.first: nobody answers"):
        await both.authenticate("alice", PASSWORD, None)
    with pytest.raises(UnknownError, match=r"^auth\.first"):
        await both.find("alice")
    assert second.asked == 0


async def test_a_provider_that_does_not_answer_once_is_asked_again() -> None:
    class Hiccup(Directory):
        def _answer(self) -> None:
            self.down = self.asked % 2 == 0
            super()._answer()

    first = Hiccup(ALICE)
    hiccups = chain(first=first)

    assert await hiccups.authenticate("alice", PASSWORD, None) == Identity("first", "alice")
    assert await hiccups.find("alice") == Identity("first", "alice")
    assert first.asked == 4


async def test_how_long_a_provider_asks_to_wait_is_told() -> None:
    class Busy(Directory):
        def _answer(self) -> None:
            raise Unavailable("come back later", retry_after=77)

    with pytest.raises(UnknownError, match=r"^auth\.first: come back later") as caught:
        await chain(first=Busy()).find("alice")
    assert caught.value.headers["Retry-After"] == "77"


async def test_a_user_who_is_disabled_is_refused_by_name() -> None:
    disabled = chain(first=Directory(evolve(ALICE, enabled=False)))

    with pytest.raises(CredentialsRejected, match="alice is disabled"):
        await disabled.authenticate("alice", PASSWORD, None)


async def test_a_name_that_is_none_is_the_providers_fault() -> None:
    odd = chain(first=Directory(Identity("first", "al ice")))

    for asked in (odd.find("al ice"), odd.authenticate("al ice", PASSWORD, None)):
        with pytest.raises(UnknownError, match=r"^auth\.first gave a user a name") as caught:
            await asked
        assert caught.value.detail == "'al ice'"


async def test_a_failure_is_told_with_what_was_asked() -> None:
    class Broken(Listing, Managing):
        def _answer(self) -> None:
            raise ValueError

        async def users(self, after: str | None, limit: int) -> UserPage:
            raise ValueError

        async def remove(self, username: str) -> None:
            raise ValueError

    broken = Broken()
    rights = (Capability.USERS, Capability.MANAGE_USERS)
    one = member("first", broken, CLOCK, *rights)
    asked = {
        "authenticate": AuthChain([one]).authenticate("alice", PASSWORD, None),
        "find": AuthChain([one]).find("alice"),
        "users": one.listed(),
        "remove": one.administer("remove", lambda backend: backend.remove("alice")),
    }

    for operation, failing in asked.items():
        with pytest.raises(UnknownError, match=rf"^auth\.first failed \({operation}\)"):
            await failing


async def test_a_provider_that_is_not_open_yet_ends_the_chain() -> None:
    closed = Member("first", Guarded[Authenticator]("auth.first", CLOCK, timeout=1), frozenset())

    with pytest.raises(UnknownError, match=r"^auth\.first is not open yet$"):
        await AuthChain([closed]).authenticate("alice", PASSWORD, None)


@pytest.mark.parametrize("failure", [ValueError("boom"), Rejected("no", status=400)], ids=repr)
async def test_what_else_a_provider_raises_ends_the_chain(failure: Exception) -> None:
    class Broken(Directory):
        async def authenticate(self, username: str, password: Secret) -> Identity | None:
            raise failure

    second = Directory(ALICE)

    with pytest.raises(UnknownError) as caught:
        await chain(first=Broken(), second=second).authenticate("alice", PASSWORD, None)
    assert caught.value.answer_status == 500
    assert "boom" not in caught.value.message
    assert second.asked == 0


async def test_every_page_of_every_list_is_read() -> None:
    names = ["a", "b", "c", "d", "e"]
    listing = Listing(*(Identity("x", name) for name in names))
    members = [
        member("first", listing, CLOCK, Capability.USERS),
        member("second", Directory(ALICE), CLOCK),
    ]

    listed = await AuthChain(members).listed()

    assert [(user.name, user.provider) for user in listed] == [(name, "first") for name in names]
    assert AuthChain(members).lists("first")
    assert not AuthChain(members).lists("second")
    assert not AuthChain(members).lists("gone")


async def test_a_list_that_never_ends_is_left() -> None:
    asked_after: list[str | None] = []

    class Endless(Directory):
        async def users(self, after: str | None, limit: int) -> UserPage:
            asked_after.append(after)
            return UserPage((ALICE,), "alice")

    listed = await AuthChain([member("first", Endless(), CLOCK, Capability.USERS)]).listed()

    assert len(listed) == 2
    assert asked_after == [None, "alice"]


async def test_what_a_provider_was_said_to_do_and_does_not_is_told() -> None:
    backwards = member("first", Directory(), CLOCK, Capability.USERS, Capability.MANAGE_USERS)

    with pytest.raises(UnknownError, match="does not list users"):
        await AuthChain([backwards]).listed()
    with pytest.raises(Exception, match="does not manage users"):
        await backwards.administer("remove", lambda backend: backend.remove("alice"))


async def test_the_first_that_manages_users_makes_them() -> None:
    members = [
        member("first", Directory(), CLOCK),
        member("second", Managing(), CLOCK, Capability.MANAGE_USERS),
        member("third", Managing(), CLOCK, Capability.MANAGE_USERS),
    ]

    manager = AuthChain(members).manager
    assert manager is not None
    assert manager.name == "second"
    assert AuthChain(members[:1]).manager is None
    with pytest.raises(Conflict):
        await manager.administer(
            "create", lambda backend: backend.create("alice", PASSWORD, admin=False)
        )

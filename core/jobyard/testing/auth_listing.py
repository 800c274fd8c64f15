"""Rules of listings: everybody once, in order, whatever the size of a page (``USERS``)."""

from __future__ import annotations

from typing import Final

import pytest

from jobyard.domain.identity import Found, Identity, is_username
from jobyard.errors import NotSupported
from jobyard.seams.auth import UserListing
from jobyard.seams.provider import Capability
from jobyard.testing.auth_suite import PASSWORD, AuthSubject, AuthSuite, KnownUser
from jobyard.testing.conformance import lacks, requires

LAST: Final = "z" * 250
"""A name behind all that a source under test holds."""

CROWD: Final = ("dora_2", "Bob_2", "alice_2", "_x_2", "carol_2", "Zed_2", "x9_2")


class ListingRules(AuthSuite):
    """Hold ``users`` against the seam."""

    @lacks(Capability.USERS)
    async def test_users_cannot_be_listed(self, subject: AuthSubject) -> None:
        """What is not announced is not there, or says that it is not supported."""
        if isinstance(subject.backend, UserListing):
            with pytest.raises(NotSupported):
                await subject.backend.users(None, 10)

    @requires(Capability.USERS)
    async def test_whoever_can_log_in_is_listed(
        self, subject: AuthSubject, known: KnownUser
    ) -> None:
        """The listing holds the known user, and tells what a look-up tells."""
        listed = {each.name: each for each in await everybody(subject.backend)}

        assert known.name in listed
        assert await subject.backend.find(known.name) == Found(listed[known.name])
        assert all(is_username(name) for name in listed)
        assert {each.provider for each in listed.values()} == {subject.provider.name}

    @requires(Capability.USERS)
    async def test_pages_of_every_size_give_everybody_once_in_order(
        self, subject: AuthSubject, known: KnownUser
    ) -> None:
        """Page by page comes everybody, nobody twice, in the order of the names."""
        del known
        await _crowd(subject)
        expected = [each.name for each in await everybody(subject.backend)]

        assert len(expected) == len(set(expected)), "somebody is listed twice"
        assert expected in (sorted(expected), sorted(expected, key=str.casefold))
        for limit in (1, 2, 3, len(expected), len(expected) + 1):
            paged = [each.name for each in await everybody(subject.backend, limit)]
            assert paged == expected, f"with pages of {limit}"

    @requires(Capability.USERS)
    async def test_a_page_begins_after_a_name_that_is_nobodys(
        self, subject: AuthSubject, known: KnownUser
    ) -> None:
        """A page goes on after a name whether or not somebody has it, as after a removal."""
        page = await subject.backend.users(known.name[:-1], 1000)

        assert known.name in [each.name for each in page.users]
        page = await subject.backend.users(known.name, 1000)
        assert known.name not in [each.name for each in page.users]

    @requires(Capability.USERS)
    async def test_after_the_end_there_is_nobody(
        self, subject: AuthSubject, known: KnownUser
    ) -> None:
        """A page after the last name is empty, and says that it is the last."""
        del known
        last = [each.name for each in await everybody(subject.backend)][-1]
        for after in (last, LAST):
            page = await subject.backend.users(after, 10)

            assert page.users == ()
            assert page.next_after is None

    @requires(Capability.USERS)
    @requires(Capability.MANAGE_USERS)
    async def test_users_that_come_and_go_between_pages_double_nobody(
        self, subject: AuthSubject
    ) -> None:
        """Whoever stays is listed once, though others come and go while pages are read."""
        await _crowd(subject)
        backend = subject.backend

        async def goes(first: str) -> None:
            await backend.remove(first)

        async def comes(_: str) -> None:
            await backend.create("Aaron_2", PASSWORD, admin=False)

        for happens in (goes, comes):
            before = [each.name for each in await everybody(backend)]
            page = await backend.users(None, 3)
            await happens(page.users[0].name)
            rest = await backend.users(page.next_after, 1000)

            assert [each.name for each in (*page.users, *rest.users)] == before

    @requires(Capability.USERS)
    @requires(Capability.MANAGE_USERS)
    async def test_the_listing_follows_what_was_made_and_removed(
        self, subject: AuthSubject
    ) -> None:
        """Whoever was created is listed at once, and whoever was removed is not."""
        await _crowd(subject)
        await subject.backend.remove(CROWD[0])

        listed = {each.name for each in await everybody(subject.backend)}

        assert set(CROWD[1:]) <= listed
        assert CROWD[0] not in listed


async def everybody(backend: UserListing, limit: int = 500) -> list[Identity]:
    """Read all the pages."""
    users: list[Identity] = []
    after: str | None = None
    pages = 0
    while True:
        page = await backend.users(after, limit)
        assert len(page.users) <= limit, f"a page of {limit} has {len(page.users)} users"
        users += page.users
        pages += 1
        if page.next_after is None:
            return users
        assert page.users, "an empty page says that there are more"
        assert page.next_after != after, "a page goes on where it began"
        assert pages <= MOST_PAGES, "the pages have no end"
        after = page.next_after


MOST_PAGES: Final = 10_000


async def _crowd(subject: AuthSubject) -> None:
    """Make some users, where users can be made."""
    if subject.has(Capability.MANAGE_USERS):
        for name in CROWD:
            await subject.backend.create(name, PASSWORD, admin=False)

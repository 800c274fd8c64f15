"""Everybody of a large directory is listed, page by page, or nobody is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobyard.errors import Unavailable
from tests.backends.auth.ldap.world import directory
from tests.slapd import GROUPS, SERVICE_DN, Slapd, dn_of, group, person, running_slapd

HOW_MANY = 5000
NAMES = [f"user{number:04d}" for number in range(HOW_MANY)]


@pytest.fixture(scope="module")
def crowded() -> Iterator[Slapd]:
    more = f'limits dn.exact="{SERVICE_DN}" size.prtotal=unlimited size.pr=1000'
    with running_slapd(more_database=more) as server:
        server.add_quickly(person(name, None) for name in NAMES)
        server.add(group("even", *(dn_of(name) for name in NAMES[::2])))
        yield server


@pytest.mark.parametrize("size", [500, 5000, 777])
async def test_five_thousand_are_listed_once_and_in_order(
    crowded: Slapd, tmp_path: Path, size: int
) -> None:
    # What it takes is not what is shown here, and other tests keep the machine busy.
    patience = {"receive_timeout": 60, "total_timeout": 120}
    settings = crowded.settings(list_users=True, group_base_dn=GROUPS, **patience)
    async with directory(settings, tmp_path) as users:
        listed: list[str] = []
        after: str | None = None
        while True:
            page = await users.users(after, size)
            listed += [each.name for each in page.users]
            assert all(bool(each.groups) is (int(each.name[4:]) % 2 == 0) for each in page.users)
            after = page.next_after
            if after is None:
                break

        assert listed == NAMES


async def test_a_directory_that_tells_fewer_than_there_are_lists_nobody(
    tmp_path: Path,
) -> None:
    with running_slapd(size_limit="20") as small:
        small.add_quickly(person(name, None) for name in NAMES[:50])
        async with directory(small.settings(list_users=True), tmp_path) as users:
            with pytest.raises(Unavailable) as raised:
                await users.users(None, 10)

            assert raised.value.message == "The directory tells fewer users than there are."
            # A search for one is not hindered by it.
            assert await users.authenticate("nobody", small.password) is None

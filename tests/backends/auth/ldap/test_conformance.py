"""A real OpenLDAP server, held against the suite that every way to log in passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import ClassVar

import pytest

from jobyard.seams.provider import Seam
from jobyard.testing import AuthConformance, Kind, KnownUser, provider_named
from tests.slapd import PASSWORD, Slapd, dn_of, group, group_dn, person, running_slapd


class Spellings(tuple[str, ...]):
    """Be some spellings of a name, and hold all that differ in blanks around it."""

    __slots__ = ()

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.strip(" ").casefold() == "alice"


@pytest.fixture(scope="module")
def filled() -> Iterator[Slapd]:
    with running_slapd() as server:
        server.add(
            person("alice"),
            person("bob"),
            person("carol"),
            person("locked", pwdAccountLockedTime="000001010000Z"),
            group("team1", dn_of("alice"), dn_of("bob")),
            group("everybody", group_dn("team1"), dn_of("carol")),
        )
        yield server


class TestLdap(AuthConformance):
    provider = provider_named(Seam.AUTH, "ldap")
    outliving: ClassVar[Mapping[Kind, str]] = {
        Kind.PROCESS: "the test's own server is started again after an outage"
    }

    @pytest.fixture
    def settings(self, filled: Slapd) -> Mapping[str, object]:
        return filled.settings(list_users=True, nested_groups="expand")

    @pytest.fixture
    def known(self) -> KnownUser:
        return KnownUser("alice", PASSWORD, [group_dn("team1"), group_dn("everybody")])

    @pytest.fixture
    def spellings(self) -> Sequence[str]:
        return Spellings(("Alice", "ALICE", "ALICE ", " alice"))

    @pytest.fixture
    def disabled(self) -> KnownUser:
        return KnownUser("locked", PASSWORD)

    @pytest.fixture
    def outage(self, filled: Slapd) -> AbstractContextManager[object]:
        @contextmanager
        def stopped() -> Iterator[None]:
            filled.stop()
            yield
            filled.start()

        return stopped()

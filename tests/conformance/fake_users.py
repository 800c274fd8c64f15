"""The auth suite with all its fixtures, for users in memory and for what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from jobyard.secret import Secret
from jobyard.testing import AuthConformance, FakeAuth, KnownUser, Subject


class FakeFixtures(AuthConformance):
    @pytest.fixture
    def known(self, subject: Subject[FakeAuth]) -> KnownUser:
        fake = subject.backend
        password = Secret("what alice knows")
        fake.put("alice", password, groups=["team1", "cn=a,dc=example"], admin=False)
        return KnownUser("alice", password, ["team1", "cn=a,dc=example"])

    @pytest.fixture
    def spellings(self) -> tuple[str, ...]:
        return ("Alice", "ALICE")

    @pytest.fixture
    def disabled(self, subject: Subject[FakeAuth]) -> KnownUser:
        fake = subject.backend
        fake.put("bob", Secret("what bob knows"), enabled=False)
        return KnownUser("bob", Secret("what bob knows"))

    @pytest.fixture
    def outage(self, subject: Subject[FakeAuth]) -> AbstractContextManager[object]:
        @contextmanager
        def down() -> Iterator[None]:
            subject.backend.down = True
            yield
            subject.backend.down = False

        return down()

"""The contract of the seam, point by point, run against this backend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from jobyard.seams.provider import Seam
from jobyard.secret import Secret
from jobyard.testing import AuthConformance, KnownUser, provider_named

# As `htpasswd -B` of Apache 2.4 wrote them; the passwords are in the fixtures.
USERS = """\
# users of the wiki
alice:$2y$05$wBvgGsIa95fTGHs1zRJo1ObkJz9NI1ySg744LZHpRumn7wg8OEAya
Bob:$2y$05$wBvgGsIa95fTGHs1zRJo1ObkJz9NI1ySg744LZHpRumn7wg8OEAya
_carol_2:{SHA}Q0dB23juBlDPzb7VKfGvlWlQVFk=
"""
GROUPS = """\
team1: alice Bob
operators: alice
"""


class TestHtpasswd(AuthConformance):
    provider = provider_named(Seam.AUTH, "htpasswd")

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Mapping[str, object]:
        (tmp_path / "users").write_text(USERS)
        (tmp_path / "groups").write_text(GROUPS)
        return {"path": str(tmp_path / "users"), "group-file": str(tmp_path / "groups")}

    @pytest.fixture
    def known(self) -> KnownUser:
        return KnownUser("alice", Secret("right one"), {"team1", "operators"})

    @pytest.fixture
    def outage(self, tmp_path: Path) -> AbstractContextManager[None]:
        @contextmanager
        def taken_away() -> Iterator[None]:
            file = (tmp_path / "users").rename(tmp_path / "elsewhere")
            yield
            file.rename(tmp_path / "users")

        return taken_away()

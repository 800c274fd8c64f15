"""Users in memory whose names are read wrongly, each in one way."""

from __future__ import annotations

import fnmatch
import unicodedata

from jobyard.domain.identity import Found, Lookup, NotMine
from jobyard.testing import FakeAuth
from jobyard.testing.fakes.auth import FakeUser
from tests.conformance.auth_mutants import caught_by


@caught_by("test_names_that_differ_in_case_are_one")
class FindsTheExactNameAlone(FakeAuth):
    async def find(self, username: str) -> Lookup:
        found = await super().find(username)
        exact = isinstance(found, Found) and found.identity.name == username
        return found if exact else NotMine()


@caught_by("test_every_spelling_is_the_same_user")
class KnowsTheExactNameAlone(FakeAuth):
    def _user(self, username: str) -> FakeUser | None:
        user = super()._user(username)
        return user if user and user.identity.name == username else None


class ReadsNames(FakeAuth):
    """Look for what it makes of a name."""

    @staticmethod
    def made(name: str) -> str:
        raise NotImplementedError

    def _user(self, username: str) -> FakeUser | None:
        return super()._user(self.made(username))


@caught_by("test_no_hostile_name_gets_in")
class StripsNames(ReadsNames):
    @staticmethod
    def made(name: str) -> str:
        return name.strip()


@caught_by("test_no_hostile_name_gets_in")
class CutsNamesAtNul(ReadsNames):
    @staticmethod
    def made(name: str) -> str:
        return name.partition("\0")[0]


@caught_by("test_no_hostile_name_gets_in")
class TakesNamesForPaths(ReadsNames):
    @staticmethod
    def made(name: str) -> str:
        return name.rpartition("/")[2]


@caught_by("test_no_hostile_name_gets_in")
class NormalisesNames(ReadsNames):
    @staticmethod
    def made(name: str) -> str:
        return unicodedata.normalize("NFKC", name)


@caught_by("test_no_hostile_name_gets_in")
class TakesNamesForPatterns(FakeAuth):
    def _user(self, username: str) -> FakeUser | None:
        found = (user for key, user in self._people.items() if fnmatch.fnmatch(key, username))
        return super()._user(username) or next(found, None)


@caught_by("test_nothing_around_or_inside_the_name_gets_in")
class DropsWhatIsNoLetter(ReadsNames):
    @staticmethod
    def made(name: str) -> str:
        return "".join(filter(str.isalpha, name))


@caught_by("test_no_text_but_the_name_gets_in")
class ChokesOnNamesThatAreNotAscii(FakeAuth):
    async def find(self, username: str) -> Lookup:
        username.encode("ascii")
        return await super().find(username)

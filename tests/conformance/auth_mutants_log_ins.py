"""Users in memory whose log-ins are wrong in one thing each."""

from __future__ import annotations

from anyio.lowlevel import checkpoint
from attrs import evolve

from jobyard.domain.identity import Found, Identity, Lookup, NotMine
from jobyard.errors import Unavailable
from jobyard.seams.auth import CredentialsRejected, UserPage
from jobyard.secret import Secret
from jobyard.testing import FakeAuth
from tests.conformance.auth_mutants import caught_by


@caught_by("test_an_outage_is_never_an_unknown_user")
class SwallowsUnavailable(FakeAuth):
    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        try:
            return await super().authenticate(username, password)
        except Unavailable:
            return None


@caught_by("test_an_outage_is_never_an_unknown_user")
class FindsNobodyInAnOutage(FakeAuth):
    async def find(self, username: str) -> Lookup:
        try:
            return await super().find(username)
        except Unavailable:
            return NotMine()


@caught_by("test_an_outage_is_never_an_unknown_user")
class RejectsInAnOutage(FakeAuth):
    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        try:
            return await super().authenticate(username, password)
        except Unavailable as error:
            raise CredentialsRejected("no answer") from error


@caught_by("test_an_outage_is_never_an_unknown_user")
class AlwaysAnswersPing(FakeAuth):
    async def ping(self) -> None:
        await checkpoint()


@caught_by("test_an_outage_is_never_an_unknown_user")
class ListsNobodyInAnOutage(FakeAuth):
    async def users(self, after: str | None, limit: int) -> UserPage:
        return UserPage(()) if self.down else await super().users(after, limit)


@caught_by("test_an_empty_or_blank_password_never_gets_in")
class AcceptsAnEmptyPassword(FakeAuth):
    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        user = self._user(username)
        if user is not None and not password:
            return user.identity
        return await super().authenticate(username, password)


@caught_by("test_an_empty_or_blank_password_never_gets_in")
class AcceptsABlankPassword(FakeAuth):
    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        user = self._user(username)
        if user is not None and password.reveal().isspace():
            return user.identity
        return await super().authenticate(username, password)


@caught_by("test_a_wrong_password_is_rejected")
class WrongPasswordIsNone(FakeAuth):
    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        try:
            return await super().authenticate(username, password)
        except CredentialsRejected:
            return None


class ReadsPasswords(FakeAuth):
    """Hold what it makes of a password against what it makes of the right one."""

    @staticmethod
    def made(text: str) -> str:
        raise NotImplementedError

    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        user = self._user(username)
        if user and password and self.made(password.reveal()) == self.made(user.password.reveal()):
            await self._answer()
            return user.identity
        return await super().authenticate(username, password)


@caught_by("test_a_wrong_password_is_rejected")
class IgnoresTheCaseOfPasswords(ReadsPasswords):
    @staticmethod
    def made(text: str) -> str:
        return text.casefold()


@caught_by("test_a_wrong_password_is_rejected")
class StripsPasswords(ReadsPasswords):
    @staticmethod
    def made(text: str) -> str:
        return text.strip()


@caught_by("test_a_wrong_password_is_rejected")
class CutsPasswordsAtNul(ReadsPasswords):
    @staticmethod
    def made(text: str) -> str:
        return text.partition("\0")[0]


@caught_by("test_any_text_may_be_the_password")
class CutsLongPasswords(ReadsPasswords):
    @staticmethod
    def made(text: str) -> str:
        return text[:72]


@caught_by("test_any_other_text_as_the_password_is_rejected")
class ChokesOnLongPasswords(FakeAuth):
    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        if len(password.reveal().encode()) > 1024:
            raise ValueError("too long")
        return await super().authenticate(username, password)


@caught_by("test_any_text_may_be_the_password")
class RejectsPasswordsThatAreNotAscii(FakeAuth):
    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        if not password.reveal().isascii():
            raise CredentialsRejected("no")
        return await super().authenticate(username, password)


@caught_by("test_an_unknown_user_is_not_this_providers")
class RejectsWhomItDoesNotKnow(FakeAuth):
    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        found = await super().authenticate(username, password)
        if found is None:
            raise CredentialsRejected("unknown")
        return found


@caught_by("test_find_agrees_with_authenticate")
class FindsLess(FakeAuth):
    async def find(self, username: str) -> Lookup:
        found = await super().find(username)
        return (
            Found(evolve(found.identity, groups=frozenset())) if isinstance(found, Found) else found
        )


@caught_by("test_many_log_ins_at_once_are_all_right")
class MixesLogInsUp(FakeAuth):
    _asked: tuple[str, Secret] = ("", Secret(""))

    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        self._asked = username, password
        await checkpoint()
        return await super().authenticate(*self._asked)


class Tells(FakeAuth):
    """Tell something else of those that it lets in."""

    def told(self, identity: Identity, username: str) -> Identity:
        raise NotImplementedError

    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        found = await super().authenticate(username, password)
        return None if found is None else self.told(found, username)

    async def find(self, username: str) -> Lookup:
        found = await super().find(username)
        if isinstance(found, Found):
            return Found(self.told(found.identity, username))
        return found


@caught_by("test_a_disabled_user_does_not_get_in")
class LetsTheDisabledIn(Tells):
    def told(self, identity: Identity, username: str) -> Identity:
        return evolve(identity, enabled=True)


@caught_by("test_the_groups_are_told")
class ForgetsGroups(Tells):
    def told(self, identity: Identity, username: str) -> Identity:
        return evolve(identity, groups=frozenset(sorted(identity.groups)[1:]))


@caught_by("test_the_identity_names_its_provider")
class NamesAnotherProvider(Tells):
    def told(self, identity: Identity, username: str) -> Identity:
        return evolve(identity, provider="another")


@caught_by("test_the_canonical_name_matches_the_pattern")
class GivesDistinguishedNames(Tells):
    def told(self, identity: Identity, username: str) -> Identity:
        return evolve(identity, name=f"uid={identity.name}")


@caught_by("test_the_right_password_gives_the_identity")
class DisablesEverybody(Tells):
    def told(self, identity: Identity, username: str) -> Identity:
        return evolve(identity, enabled=False)


@caught_by("test_names_that_differ_in_case_are_one")
class GivesNamesAsTheyWereTyped(Tells):
    def told(self, identity: Identity, username: str) -> Identity:
        return evolve(identity, name=username)

"""Users in memory that are listed and managed wrongly, each in one way."""

from __future__ import annotations

from anyio.lowlevel import checkpoint
from attrs import evolve

from jobyard.domain.identity import Identity
from jobyard.errors import Conflict, NotFound
from jobyard.seams.auth import UserChange, UserPage
from jobyard.secret import Secret
from jobyard.testing import FakeAuth
from tests.conformance.auth_mutants import caught_by


@caught_by("test_pages_of_every_size_give_everybody_once_in_order")
class PagesWithDoubles(FakeAuth):
    async def users(self, after: str | None, limit: int) -> UserPage:
        keys = [key for key in sorted(self._people) if after is None or key >= after.casefold()]
        page = tuple(self._people[key].identity for key in keys[:limit])
        return UserPage(page, page[-1].name if len(keys) > limit else None)


@caught_by("test_pages_of_every_size_give_everybody_once_in_order")
class ListsInTheOrderOfCreation(FakeAuth):
    async def users(self, after: str | None, limit: int) -> UserPage:
        users = [user.identity for user in self._people.values()]
        names = [user.name for user in users]
        start = names.index(after) + 1 if after in names else 0
        page = tuple(users[start : start + limit])
        return UserPage(page, page[-1].name if start + limit < len(users) else None)


@caught_by("test_pages_of_every_size_give_everybody_once_in_order")
class GivesMoreThanWasAskedFor(FakeAuth):
    async def users(self, after: str | None, limit: int) -> UserPage:
        return await super().users(after, limit + 1)


@caught_by("test_users_that_come_and_go_between_pages_double_nobody")
class PagesByNumber(FakeAuth):
    async def users(self, after: str | None, limit: int) -> UserPage:
        start = int(after or 0)
        page = tuple(self._people[key].identity for key in sorted(self._people))[start:]
        return UserPage(page[:limit], str(start + limit) if len(page) > limit else None)


@caught_by("test_a_page_begins_after_a_name_that_is_nobodys")
class NeedsANameThatIsThere(FakeAuth):
    async def users(self, after: str | None, limit: int) -> UserPage:
        if after is not None and self._user(after) is None:
            return UserPage(())
        return await super().users(after, limit)


@caught_by("test_after_the_end_there_is_nobody")
class BeginsAnewAfterTheEnd(FakeAuth):
    async def users(self, after: str | None, limit: int) -> UserPage:
        page = await super().users(after, limit)
        return page if page.users else await super().users(None, limit)


@caught_by("test_whoever_can_log_in_is_listed")
class ListsWithoutGroups(FakeAuth):
    async def users(self, after: str | None, limit: int) -> UserPage:
        page = await super().users(after, limit)
        return evolve(page, users=tuple(evolve(user, groups=frozenset()) for user in page.users))


@caught_by("test_the_listing_follows_what_was_made_and_removed")
class ListsFromMemory(FakeAuth):
    async def users(self, after: str | None, limit: int) -> UserPage:
        return evolve(await super().users(after, limit), users=())


# ------------------------------------------------------------------------------ administration


@caught_by("test_a_name_that_is_taken_is_a_conflict")
class OverwritesWhoIsThere(FakeAuth):
    async def create(self, username: str, password: Secret, *, admin: bool) -> Identity:
        await self._answer()
        return self.put(username, password, admin=admin)


@caught_by("test_a_name_that_is_taken_is_a_conflict")
class OverwritesAndComplains(FakeAuth):
    async def create(self, username: str, password: Secret, *, admin: bool) -> Identity:
        there = self._user(username)
        made = self.put(username, password, admin=admin)
        if there is not None:
            raise Conflict("there already")
        return made


@caught_by("test_of_many_creations_at_once_one_is_done")
class LooksBeforeItCreates(FakeAuth):
    async def create(self, username: str, password: Secret, *, admin: bool) -> Identity:
        if self._user(username) is not None:
            raise Conflict("there already")
        await checkpoint()
        return self.put(username, password, admin=admin)


@caught_by("test_whoever_was_created_can_log_in")
class ForgetsTheFlag(FakeAuth):
    async def create(self, username: str, password: Secret, *, admin: bool) -> Identity:
        return await super().create(username, password, admin=False)


@caught_by("test_a_changed_password_is_the_only_one_at_once")
class KeepsTheOldPassword(FakeAuth):
    async def change(self, username: str, change: UserChange) -> Identity:
        return await super().change(username, evolve(change, password=None))


@caught_by("test_the_administrator_flag_is_set_and_taken_back")
class NeverTakesTheFlagBack(FakeAuth):
    async def change(self, username: str, change: UserChange) -> Identity:
        return await super().change(username, evolve(change, admin=change.admin or None))


@caught_by("test_a_change_of_nothing_changes_nothing")
class ClearsWhatIsNotSaid(FakeAuth):
    async def change(self, username: str, change: UserChange) -> Identity:
        password = change.password or Secret("none")
        return await super().change(username, UserChange(password, bool(change.admin)))


@caught_by("test_a_change_is_dated_if_users_are")
class DatesChangesBack(FakeAuth):
    async def change(self, username: str, change: UserChange) -> Identity:
        return evolve(await super().change(username, change), credentials_changed_at=1)


@caught_by("test_nobody_can_be_changed_who_is_not_there")
class MakesWhoIsChanged(FakeAuth):
    async def change(self, username: str, change: UserChange) -> Identity:
        try:
            return await super().change(username, change)
        except NotFound:
            return self.put(username, change.password or Secret("none"))


@caught_by("test_nobody_can_be_removed_who_is_not_there")
class RemovesNobodySilently(FakeAuth):
    async def remove(self, username: str) -> None:
        await self._answer()
        self._people.pop(username.casefold(), None)


@caught_by("test_whoever_was_removed_is_gone")
class RemovesNobodyAtAll(FakeAuth):
    async def remove(self, username: str) -> None:
        await self._answer()
        self._known(username)


@caught_by("test_any_sequence_of_changes_is_as_in_the_model")
class ChangesEverybody(FakeAuth):
    async def change(self, username: str, change: UserChange) -> Identity:
        changed = await super().change(username, change)
        for key in self._people:
            await super().change(key, change)
        return changed

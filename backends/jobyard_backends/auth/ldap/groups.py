"""Groups: those that name a user, and those that name these groups.

A group that cannot be looked at is an error, never a group that nobody is in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final

from attrs import field, frozen

from jobyard.errors import Unavailable
from jobyard_backends.auth.ldap import distinguished
from jobyard_backends.auth.ldap.calls import RETRY_AFTER, Call
from jobyard_backends.auth.ldap.directory import Directory
from jobyard_backends.auth.ldap.distinguished import Dn
from jobyard_backends.auth.ldap.entries import Entry
from jobyard_backends.auth.ldap.escaping import in_filter
from jobyard_backends.auth.ldap.filters import all_of, any_of, parse
from jobyard_backends.auth.ldap.link import Query
from jobyard_backends.auth.ldap.settings import Groups, Membership, Nesting

LOG: Final = logging.getLogger("jobyard.auth.ldap")

CHAIN: Final = "1.2.840.113556.1.4.1941"
"""The matching rule of Active Directory that follows groups inside of groups."""

MEMBER_OF: Final = "memberOf"
_AT_ONCE: Final = 50
"""Groups that one search asks about."""
_NO_SUCH_OBJECT: Final = 32

Key = tuple[tuple[tuple[str, str], ...], ...]


@frozen
class Group:
    """Be a group, and through which ones a user is in it, the nearest first."""

    dn: Dn
    through: tuple[Dn, ...] = field(default=(), eq=False)

    @property
    def name(self) -> str:
        """Give what the configuration calls it."""
        return str(self.dn)


Parents = Callable[[Iterable[Group]], Iterable[tuple[Group, Dn]]]
"""Find the groups that name some groups: with each the one that it names."""


class GroupSearch:
    """Find the groups of users."""

    def __init__(self, directory: Directory, settings: Groups) -> None:
        self._directory = directory
        self._settings = settings
        self._base = distinguished.parse(settings.base)
        self._filter = str(parse(settings.filter))

    @property
    def user_attributes(self) -> tuple[str, ...]:
        """Give what has to be read of a user's entry."""
        return (MEMBER_OF,) if self._user_tells else ()

    @property
    def _user_tells(self) -> bool:
        """Tell whether a user's own entry has the groups that name the user."""
        chained = self._settings.nesting is Nesting.CHAIN
        return chained or self._settings.membership is Membership.MEMBER_OF

    def of(self, call: Call, user: Entry, name: str) -> tuple[Group, ...]:
        """Give the groups of a user whom the directory calls ``name``, sorted.

        Raises:
            Unavailable: The directory does not tell.
        """
        if self._settings.nesting is Nesting.CHAIN:
            rule = f"(member:{CHAIN}:={in_filter(user.dn)})"
            return _sorted(Group(dn) for dn, _ in self._search(call, rule))
        return self._closed(
            user, self._direct(call, user, name), lambda level: self._parents(call, level)
        )

    def asked(self, user: Entry, name: str) -> str:
        """Say by what the groups of a user are found, for people."""
        if self._settings.nesting is Nesting.CHAIN:
            return all_of((self._filter, f"(member:{CHAIN}:={in_filter(user.dn)})"))
        if self._settings.membership is Membership.MEMBER_OF:
            return f"{MEMBER_OF} of {user.dn}"
        return all_of((self._filter, self._naming([self._called(user, name)])))

    def required(self, groups: Iterable[Group]) -> bool:
        """Tell whether the group is among them outside of which nobody logs in."""
        if self._settings.required is None:
            return True
        wanted = distinguished.parse(self._settings.required).key
        return any(each.dn.key == wanted for each in groups)

    def everybody(self, call: Call) -> Callable[[Entry, str], tuple[Group, ...]]:
        """Read all groups at once, and give what tells anybody's.

        Raises:
            Unavailable: The directory does not tell.
        """
        graph = _Graph()
        if not self._user_tells:
            attribute = self._settings.membership.value
            for dn, entry in self._search(call, None, (attribute,)):
                graph.add_members(dn, entry.texts(attribute))
        elif self._settings.nesting is not Nesting.OFF:
            # Also for chain, which can only be asked for users one by one.
            for dn, entry in self._search(call, None, (MEMBER_OF,)):
                graph.add_parents(dn, self._counting(entry.texts(MEMBER_OF)))
        return lambda user, name: self._told(graph, user, name)

    def _told(self, graph: _Graph, user: Entry, name: str) -> tuple[Group, ...]:
        if self._user_tells:
            direct = self._counting(user.texts(MEMBER_OF))
        else:
            direct = graph.naming(self._called(user, name))
        return self._closed(user, map(Group, direct), graph.parents)

    def _closed(self, user: Entry, direct: Iterable[Group], parents: Parents) -> tuple[Group, ...]:
        """Go up from the groups that name a user, each once."""
        found = {each.dn.key: each for each in direct}
        level = list(found.values())
        depth = 0
        while level and self._settings.nesting is not Nesting.OFF:
            depth += 1
            if depth > self._settings.depth and self._settings.nesting is Nesting.EXPAND:
                LOG.warning(
                    "the groups of %s go on after %d levels, where group-depth ends the search",
                    user.dn,
                    self._settings.depth,
                )
                break
            above = {dn.key: Group(dn, (child.dn, *child.through)) for child, dn in parents(level)}
            level = [each for key, each in above.items() if key not in found]
            found |= {each.dn.key: each for each in level}
        return _sorted(found.values())

    def _direct(self, call: Call, user: Entry, name: str) -> Iterable[Group]:
        if self._settings.membership is Membership.MEMBER_OF:
            return [Group(dn) for dn in self._counting(user.texts(MEMBER_OF))]
        naming = self._naming([self._called(user, name)])
        return [Group(dn) for dn, _ in self._search(call, naming)]

    def _parents(self, call: Call, level: Iterable[Group]) -> Iterable[tuple[Group, Dn]]:
        children = list(level)
        if self._settings.membership is Membership.MEMBER_OF:
            for child in children:
                for dn in self._groups_of_group(call, child):
                    yield child, dn
            return
        attribute = self._settings.membership.value
        for begin in range(0, len(children), _AT_ONCE):
            some = {each.dn.key: each for each in children[begin : begin + _AT_ONCE]}
            naming = self._naming([str(each.dn) for each in some.values()])
            for dn, entry in self._search(call, naming, (attribute,)):
                for member in _dns(entry.texts(attribute)):
                    if member.key in some:
                        yield some[member.key], dn

    def _groups_of_group(self, call: Call, group: Group) -> Iterable[Dn]:
        query = Query(str(group.dn), "(objectClass=*)", (MEMBER_OF,), whole_subtree=False)
        answer = self._directory.find(call, query)
        if not answer.outcome.good and answer.outcome.code != _NO_SUCH_OBJECT:
            raise _untold(f"{group.dn}: {answer.outcome}")
        return [dn for entry in answer.entries for dn in self._counting(entry.texts(MEMBER_OF))]

    def _counting(self, texts: Iterable[str]) -> list[Dn]:
        """Give those of some groups that count: the ones below the base."""
        return [dn for dn in _dns(texts) if dn.below(self._base)]

    def _called(self, user: Entry, name: str) -> str:
        by_name = self._settings.membership is Membership.MEMBER_UID
        return name if by_name else user.dn

    def _naming(self, members: list[str]) -> str:
        attribute = self._settings.membership.value
        return any_of([f"({attribute}={in_filter(each)})" for each in members])

    def _search(
        self, call: Call, naming: str | None, attributes: tuple[str, ...] = ()
    ) -> Iterable[tuple[Dn, Entry]]:
        asked = self._filter if naming is None else all_of((self._filter, naming))
        answer = self._directory.find_all(call, Query(self._settings.base, asked, attributes))
        if not answer.outcome.good:
            raise _untold(f"{self._settings.base}: {asked}: {answer.outcome}")
        return [(dn, entry) for entry in answer.entries for dn in _dns([entry.dn])]


class _Graph:
    """Be all groups, and whom each of them names."""

    def __init__(self) -> None:
        self.by_member: dict[object, list[Dn]] = {}

    def add_members(self, group: Dn, members: Iterable[str]) -> None:
        """Add a group that tells whom it holds."""
        for member in members:
            self.by_member.setdefault(_key(member), []).append(group)

    def add_parents(self, group: Dn, above: Iterable[Dn]) -> None:
        """Add a group that tells what it is in."""
        self.by_member.setdefault(group.key, []).extend(above)

    def naming(self, member: str) -> list[Dn]:
        return self.by_member.get(_key(member), [])

    def parents(self, level: Iterable[Group]) -> Iterable[tuple[Group, Dn]]:
        return [(each, dn) for each in level for dn in self.by_member.get(each.dn.key, [])]


def _key(member: str) -> Key | str:
    try:
        return distinguished.parse(member).key
    except distinguished.DnError:
        return member


def _dns(texts: Iterable[str]) -> list[Dn]:
    found: list[Dn] = []
    for text in texts:
        try:
            found.append(distinguished.parse(text))
        except distinguished.DnError:
            LOG.warning("the directory gave %r as the DN of a group", text)
    return found


def _sorted(groups: Iterable[Group]) -> tuple[Group, ...]:
    return tuple(sorted(groups, key=lambda each: each.dn.key))


def _untold(detail: str) -> Unavailable:
    message = "The directory does not tell a user's groups."
    return Unavailable(message, detail=detail, retry_after=RETRY_AFTER)

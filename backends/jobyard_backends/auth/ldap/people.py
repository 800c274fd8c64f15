"""People: found by a name that was typed, held against it, and called canonically."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from typing import Final

from attrs import frozen

from jobyard.domain.identity import is_username
from jobyard.errors import Unavailable
from jobyard_backends.auth.ldap import distinguished, filters
from jobyard_backends.auth.ldap.calls import RETRY_AFTER, Call
from jobyard_backends.auth.ldap.directory import Directory
from jobyard_backends.auth.ldap.entries import Entry
from jobyard_backends.auth.ldap.escaping import in_filter
from jobyard_backends.auth.ldap.link import Answer, Query
from jobyard_backends.auth.ldap.names import NameRule
from jobyard_backends.auth.ldap.settings import LdapSettings

LOG: Final = logging.getLogger("jobyard.auth.ldap")

_FEW: Final = 10
_SIZE_LIMIT: Final = 4
_NO_SUCH_OBJECT: Final = 32
_NO_DN: Final = 34


class Ambiguous(Exception):
    """Report that several entries could be meant; none of them logs in."""

    def __init__(self, name: str, entries: Iterable[Entry]) -> None:
        super().__init__(f"{name!r} is {' and '.join(sorted(each.dn for each in entries))}")


@frozen
class Person:
    """Be somebody; ``name`` is the directory's, ``canonical`` ours, ``None`` where none is."""

    entry: Entry
    name: str
    canonical: str | None


class People:
    """Find people below the base, by the filter or the template of a DN."""

    def __init__(
        self, directory: Directory, settings: LdapSettings, attributes: Iterable[str]
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._rule = NameRule(settings.name_map)
        self._filter = filters.parse(settings.user_filter)
        self._places = tuple(leaf for leaf in self._filter.leaves if leaf.open)
        named = (settings.name_attribute, *(leaf.attribute for leaf in self._places), *attributes)
        self._attributes = tuple({each.lower(): each for each in named}.values())

    def query(self, name: str) -> Query:
        """Give the search for a name that was typed."""
        asked = self._filter.filled(name)
        if self._settings.user_dn is None:
            return Query(self._settings.user_base, asked, self._attributes, limit=_FEW)
        dn = distinguished.filled(self._settings.user_dn, name)
        return Query(dn, asked, self._attributes, whole_subtree=False)

    def find(self, call: Call, name: str) -> Person | None:
        """Find who is meant by a name; ``name`` is as :func:`names.typed` gives it.

        Raises:
            Ambiguous: Several may be meant.
            Unavailable: The directory does not tell.
        """
        found = [
            each for each in self._search(call, self.query(name)) if self._is_called(each, name)
        ]
        if len(found) > 1:
            raise Ambiguous(name, (each.entry for each in found))
        person = found[0] if found else None
        canonical = name.casefold() if person is None else person.canonical
        if canonical is None or not is_username(canonical) or self._settled(name, canonical):
            return person
        return self._only(name, person, self._claimants(call, canonical))

    def everybody(self, call: Call) -> list[Person]:
        """Find all who have a canonical name of their own, in the order of these.

        Raises:
            Unavailable: The directory does not tell, or tells no more than so many.
        """
        people = self._all(call, "*")
        how_many = Counter(each.canonical for each in people)
        for each in people:
            if each.canonical is None or how_many[each.canonical] > 1:
                LOG.info(
                    "%s is not listed: the name is none, or not the user's alone", each.entry.dn
                )
        good = [each for each in people if each.canonical and how_many[each.canonical] == 1]
        return sorted(good, key=lambda each: each.canonical or "")

    def _settled(self, name: str, canonical: str) -> bool:
        """Tell whether the search for a name has found all who could be of this canonical one."""
        searched = self._settings.user_dn is None and any(
            leaf.attribute.lower() == self._settings.name_attribute.lower()
            and leaf.value == filters.PLACEHOLDER
            for leaf in self._places
        )
        same = name.casefold() == canonical
        return searched and same and not self._rule.ambiguous(canonical)

    def _claimants(self, call: Call, canonical: str) -> list[Person]:
        """Find all whose names become this one."""
        people = self._all(call, self._rule.claims(canonical))
        return [each for each in people if each.canonical == canonical]

    @staticmethod
    def _only(name: str, person: Person | None, claimants: list[Person]) -> Person | None:
        everybody = {each.entry.dn: each for each in claimants}
        if person is not None:
            everybody[person.entry.dn] = person
        if len(everybody) > 1:
            raise Ambiguous(name, (each.entry for each in everybody.values()))
        return next(iter(everybody.values()), None)

    def _search(self, call: Call, query: Query) -> list[Person]:
        answer = self._directory.find(call, query)
        absent = self._settings.user_dn is not None and answer.outcome.code in {
            _NO_SUCH_OBJECT,
            _NO_DN,
        }
        if absent:
            return []
        more_than_few = answer.outcome.code == _SIZE_LIMIT and len(answer.entries) > 1
        entries = answer.entries if more_than_few else _entries(answer, query.filter)
        return [self._person(entry) for entry in entries]

    def _is_called(self, person: Person, name: str) -> bool:
        """Hold an entry against the name: directories look through more than case and blanks."""
        spelt = in_filter(name)
        return any(
            filters.unescaped(leaf.filled(spelt)).casefold() == value.strip().casefold()
            for leaf in self._places
            for value in person.entry.texts(leaf.attribute)
        )

    def _person(self, entry: Entry) -> Person:
        name = self._name(entry)
        return Person(entry, name, self._rule.canonical(name))

    def _name(self, entry: Entry) -> str:
        """Give the directory's name of somebody: of several, the one in the DN."""
        attribute = self._settings.name_attribute
        values = sorted(entry.texts(attribute), key=str.casefold)
        if len(values) > 1 and distinguished.is_dn(entry.dn):
            first = distinguished.parse(entry.dn).parts[0]
            in_dn = {value.casefold() for kind, value in first if kind == attribute.lower()}
            values = [each for each in values if each.casefold() in in_dn] or values
        return values[0] if values else ""

    def _all(self, call: Call, assertion: str) -> list[Person]:
        asked = self._filter.claiming(self._settings.name_attribute, assertion)
        query = Query(self._settings.user_base, asked, self._attributes)
        answer = self._directory.find_all(call, query)
        return [self._person(entry) for entry in _entries(answer, asked)]


def _entries(answer: Answer, asked: str) -> tuple[Entry, ...]:
    if answer.outcome.good:
        return answer.entries
    message = "The directory does not tell its users."
    if answer.outcome.code == _SIZE_LIMIT:
        message = "The directory tells fewer users than there are."
    raise Unavailable(message, detail=f"search {asked}: {answer.outcome}", retry_after=RETRY_AFTER)

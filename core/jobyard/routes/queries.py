"""Read the parameters of a query, and find everything that is wrong with them at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request

from jobyard.errors import Problem
from jobyard.wire import cursors
from jobyard.wire.wording import shorten

LARGEST: Final = 2**53 - 1
"""The largest integer that every reader of JSON knows (RFC 8259, section 6)."""

_DIGITS: Final = re.compile(r"[0-9]{1,19}")


class QueryReader:
    """Read parameters by their names; what is wrong is in ``problems``, and read as not there."""

    def __init__(self, query: QueryParams) -> None:
        self._query = query
        self.problems: list[Problem] = []

    def text(self, name: str, pattern: re.Pattern[str]) -> str | None:
        """Give a text that a pattern matches."""
        value = self._query.get(name)
        if value is None or pattern.fullmatch(value):
            return value
        self._refuse(name, value, f"^{pattern.pattern}$")
        return None

    def number(self, name: str, least: int, most: int = LARGEST) -> int | None:
        """Give an integer between bounds, both inclusive."""
        value = self._query.get(name)
        if value is None:
            return None
        if _DIGITS.fullmatch(value) and least <= int(value) <= most:
            return int(value)
        self._refuse(name, value, f"an integer from {least} to {most}")
        return None

    def choice(self, name: str, values: Sequence[str]) -> str | None:
        """Give one of a few texts."""
        value = self._query.get(name)
        return None if value is None else self._known(name, value, values)

    def choices(self, name: str, values: Sequence[str]) -> frozenset[str]:
        """Give some of a few texts, of a parameter that comes once for each."""
        return self._all_known(name, self._query.getlist(name), values)

    def parts(self, name: str, values: Sequence[str]) -> frozenset[str]:
        """Give some of a few texts, of a parameter that has them between commas."""
        value = self._query.get(name)
        return self._all_known(name, () if value is None else value.split(","), values)

    def cursor(
        self, name: str, kind: str, shape: tuple[type[str | int], ...]
    ) -> cursors.Place | None:
        """Give the place that a cursor of one kind holds."""
        value = self._query.get(name)
        if value is None:
            return None
        place = cursors.read(kind, value, shape)
        if place is not None:
            return place
        self._refuse(name, value, "what a Link of this very list held")
        return None

    def _all_known(self, name: str, given: Iterable[str], values: Sequence[str]) -> frozenset[str]:
        found = (self._known(name, value, values) for value in given)
        return frozenset(each for each in found if each is not None)

    def _known(self, name: str, value: str, values: Sequence[str]) -> str | None:
        if value in values:
            return value
        self._refuse(name, value, f"one of {', '.join(values)}")
        return None

    def _refuse(self, name: str, value: str, expected: str) -> None:
        self.problems.append(Problem(name, f"{shorten(value)} is given; {expected} is expected"))


def next_link(request: Request, base_url: str, name: str, cursor: str) -> tuple[bytes, bytes]:
    """Give the ``Link`` to what follows (RFC 8288): the same request, from a cursor on."""
    pairs = [pair for pair in request.query_params.multi_items() if pair[0] != name]
    path = (request.scope.get("raw_path") or request.scope["path"].encode()).partition(b"?")[0]
    query = urlencode([*pairs, (name, cursor)])
    target = f"{base_url}{path.decode('latin-1')}?{query}"
    return b"link", f'<{target}>; rel="next"'.encode("latin-1", "replace")

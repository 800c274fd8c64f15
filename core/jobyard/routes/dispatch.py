"""The way of a request to its route: a table of segments, then who may, then the handler."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

from attrs import evolve, field, frozen, mutable
from starlette.requests import Request

from jobyard.domain.identity import USERNAME_PATTERN, Actor, is_username
from jobyard.errors import InvalidParameters, NoApi, Problem, UnauthorizedUser, UnknownError
from jobyard.routes.endpoint import Access, Answer, Call, Endpoint

ROOT: Final = "api/v1"
ALIAS: Final = "rest-server/"
"""What OpenPAI's front door put before the root (R)."""

REMEMBERED: Final = 4096
"""Paths whose routes are not looked up again."""
LONGEST_REMEMBERED: Final = 512
"""Letters of such a path, so that all of them together stay small."""

_BROKEN_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_REPEATABLE: Final = frozenset({"state"})

ReadBody = Callable[[Request, Mapping[str, object]], Awaitable[tuple[object, bool]]]
Authenticate = Callable[[str | None], Awaitable[Actor]]


@mutable
class _Node:
    literals: dict[str, _Node] = field(factory=dict)
    parameter: _Node | None = None
    name: str = ""
    wildcard: bool = False
    endpoints: dict[str, Endpoint] = field(factory=dict)


@frozen
class Match:
    """Be a route and the parameters of its path."""

    endpoint: Endpoint
    path: Mapping[str, str]


def split(raw_path: str) -> list[str]:
    """Split a path as it was sent into decoded segments; ``%2F`` never splits one.

    Raises:
        InvalidParameters: A percent sequence is malformed, or is no UTF-8.
    """
    return [_decoded(part) for part in raw_path.split("/") if part]


def _decoded(part: str) -> str:
    if _BROKEN_PERCENT.search(part):
        message = f"{part[:200]!r} holds a malformed percent sequence"
        raise InvalidParameters([Problem("path", message)])
    try:
        return unquote_to_bytes(part).decode()
    except UnicodeDecodeError as error:
        message = f"{part[:200]!r} is not UTF-8 once decoded"
        raise InvalidParameters([Problem("path", message)]) from error


class Table:
    """Find the route of a method and a path."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._root = _Node()
        for endpoint in endpoints:
            self._add(endpoint)

    def _add(self, endpoint: Endpoint) -> None:
        path = f"{ROOT}{endpoint.path}" if endpoint.rooted else endpoint.path
        node = self._root
        for segment in filter(None, path.split("/")):
            if segment.startswith("{"):
                node.parameter = node.parameter or _Node(name=segment[1:-1])
                node = node.parameter
            else:
                node = node.literals.setdefault(segment, _Node())
        node.wildcard = endpoint.wildcard
        node.endpoints[endpoint.method] = endpoint

    def match(self, method: str, raw_path: str) -> Match:
        """Find a route; ``HEAD`` is looked up as ``GET`` where it has none of its own.

        Raises:
            NoApi: There is none (R).
            InvalidParameters: The path cannot be decoded.
        """
        parts = [part for part in raw_path.split("/") if part]
        if parts[:1] == [ALIAS.rstrip("/")]:
            parts = parts[1:]
        found = self._walk(self._root, parts, {})
        if found is None:
            split(raw_path)
            raise NoApi(raw_path)
        node, path = found
        endpoint = node.endpoints.get(method)
        if endpoint is None and method == "HEAD":
            endpoint = node.endpoints.get("GET")
        if endpoint is None:
            raise NoApi(raw_path)
        return Match(endpoint, path)

    def _walk(
        self, node: _Node, parts: list[str], path: Mapping[str, str]
    ) -> tuple[_Node, Mapping[str, str]] | None:
        for at, part in enumerate(parts):
            if node.parameter is not None and node.parameter.wildcard:
                # As it was sent: how a part that cannot be decoded is refused is the route's.
                return node.parameter, {**path, node.parameter.name: "/".join(parts[at:])}
            segment = part if "%" not in part and part.isascii() else _decoded(part)
            following = node.literals.get(segment)
            if following is None and (following := node.parameter) is not None:
                path = {**path, following.name: segment}
            if following is None:
                return None
            node = following
        if not node.endpoints and node.parameter is not None and node.parameter.wildcard:
            return node.parameter, {**path, node.parameter.name: ""}
        return (node, path) if node.endpoints else None


class Dispatcher:
    """Check who calls, before the body is read, and call the route (contract, section 2)."""

    def __init__(
        self,
        endpoints: Iterable[Endpoint],
        *,
        authenticate: Authenticate,
        anonymous_read: bool,
        read_body: ReadBody,
    ) -> None:
        self._table = Table(endpoints)
        self._remembered = lru_cache(REMEMBERED)(self._table.match)
        self._authenticate = authenticate
        self._anonymous_read = anonymous_read
        self._read_body = read_body

    def match(self, method: str, raw_path: str) -> Match:
        """Find the route of a request; what is asked again and again is looked up once."""
        short = len(raw_path) <= LONGEST_REMEMBERED
        return (self._remembered if short else self._table.match)(method, raw_path)

    async def __call__(self, request: Request, match: Match) -> Answer:
        """Answer a request.

        Raises:
            ApiError: The contract's errors, and whatever the handler raises.
        """
        endpoint = match.endpoint
        caller = await self._caller(request, endpoint.access) if endpoint.identified else None
        if endpoint.rooted:
            _check_names(request, match)
        call = Call(request=request, path=match.path, caller=caller, read_body=self._read_body)
        return await endpoint.handler(call)

    async def _caller(self, request: Request, access: Access) -> Actor | None:
        header = request.headers.get("authorization")
        needed = access is Access.TOKEN or (access is Access.READ and not self._anonymous_read)
        if header is None and not needed:
            return None
        try:
            return await self._authenticate(header)
        except (UnauthorizedUser, UnknownError):
            # Whom nobody can identify now reads what a guest reads.
            if needed:
                raise
            return None


def _check_names(request: Request, match: Match) -> None:
    raw = request.scope.get("query_string", b"")
    problems = _bad_percent(raw)
    username = match.path.get("username")
    if username is not None and not is_username(username):
        problems.append(_bad_username("username", username))
    if raw:
        problems += _bad_query(request)
        if match.endpoint.check is not None:
            problems += match.endpoint.check(request.query_params)
    if problems:
        raise InvalidParameters(problems)


def _bad_query(request: Request) -> list[Problem]:
    problems: list[Problem] = []
    query = request.query_params
    asked = query.get("username")
    if asked is not None and not is_username(asked):
        problems.append(_bad_username("username", asked))
    problems += [
        Problem(name[:80], "is given more than once; once is expected")
        for name in query
        if name not in _REPEATABLE and len(query.getlist(name)) > 1
    ]
    return problems


def _bad_percent(query: bytes) -> list[Problem]:
    if b"%" not in query:
        return []
    try:
        _decoded(query.decode("latin-1"))
    except InvalidParameters as error:
        return [evolve(each, path="query") for each in error.problems]
    return []


def _bad_username(path: str, value: str) -> Problem:
    return Problem(path, f"{value[:80]!r} is no user name; {USERNAME_PATTERN} is expected")

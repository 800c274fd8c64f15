"""Lists of jobs: which of them, in which order, how much of each, in pages (contract, section 7)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from attrs import evolve
from starlette.datastructures import QueryParams

from jobyard.domain.states import JobState
from jobyard.errors import Problem
from jobyard.packing import Packed
from jobyard.routes.address import Addresses
from jobyard.routes.conditional import tagged
from jobyard.routes.endpoint import Access, Answer, Call, Endpoint, Header, QueryParameter, Success
from jobyard.routes.queries import LARGEST, QueryReader, next_link
from jobyard.services.board import Board
from jobyard.services.listing import EVERYTHING, Page, Query
from jobyard.services.ordering import Order
from jobyard.services.selection import Selection
from jobyard.wire import cursors
from jobyard.wire.answer_schemas import JobItem
from jobyard.wire.kinds import record_of
from jobyard.wire.schema import Schema

LARGEST_PAGE: Final = 1000
LINK: Final = Header("Link", 'With `rel="next"`: where what follows is, if anything does.')

_ORDERS: Final = {
    "createdTime": (Order.NEWEST, True),
    "-createdTime": (Order.NEWEST, False),
    "name": (Order.NAME, False),
    "-name": (Order.NAME, True),
    "state": (Order.STATE, False),
    "-state": (Order.STATE, True),
}
_DEFAULT: Final = "-createdTime"
_SHAPES: Final[dict[Order, tuple[type[str | int], ...]]] = {
    Order.NEWEST: (int, str),
    Order.NAME: (str, str),
    Order.STATE: (str, int, str),
}
_STATES: Final = tuple(JobState)
_FIELDS: Final = tuple(each.name for each in record_of(JobItem).fields)
_CLUSTER: Final = re.compile("[A-Za-z0-9_]+")
_LONGEST_KEYWORD: Final = 251
_KEYWORD: Final = re.compile(f"(?s:.){{0,{_LONGEST_KEYWORD}}}")
_TIME: Final = {"type": "integer", "minimum": 0, "maximum": LARGEST}

PARAMETERS: Final = (
    QueryParameter("username", "Only the jobs that this user submitted."),
    QueryParameter(
        "vc",
        "Only the jobs of this virtual cluster.",
        {"type": "string", "pattern": "^[A-Za-z0-9_]+$"},
    ),
    QueryParameter(
        "state",
        "Only jobs in this state; once for each state that is wanted.",
        {"type": "string", "enum": list(_STATES)},
        repeatable=True,
    ),
    QueryParameter(
        "keyword",
        "Only jobs whose name holds this, case included.",
        {"type": "string", "maxLength": _LONGEST_KEYWORD},
    ),
    QueryParameter(
        "submittedAfter", "Only jobs that came later, in milliseconds since the epoch.", _TIME
    ),
    QueryParameter(
        "submittedBefore", "Only jobs that came earlier, in milliseconds since the epoch.", _TIME
    ),
    QueryParameter(
        "order",
        "What the list is ordered by; `-` reverses. Newest first without it.",
        {"type": "string", "enum": list(_ORDERS)},
    ),
    QueryParameter(
        "fields",
        "What is wanted of each job, between commas; all without it.",
        {"type": "string", "enum": list(_FIELDS)},
        listed=True,
    ),
    QueryParameter(
        "limit",
        "How many jobs at most. The `Link` of the answer leads to those that follow.",
        {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE},
    ),
    QueryParameter("cursor", "Where the page before ended, as its `Link` has it."),
)


def read(query: QueryParams) -> tuple[Query, Sequence[Problem]]:
    """Read what a list is to be, and everything that is wrong with the question."""
    reader = QueryReader(query)
    ordered = reader.choice("order", tuple(_ORDERS)) or _DEFAULT
    order, reverse = _ORDERS[ordered]
    chosen = Selection(
        username=query.get("username"),
        virtual_cluster=reader.text("vc", _CLUSTER),
        states=frozenset(map(JobState, reader.choices("state", _STATES))),
        keyword=reader.text("keyword", _KEYWORD) or "",
        after=reader.number("submittedAfter", 0),
        before=reader.number("submittedBefore", 0),
    )
    fields = reader.parts("fields", _FIELDS)
    asked = Query(
        chosen=chosen,
        order=order,
        reverse=reverse,
        fields=tuple(name for name in _FIELDS if name in fields),
        limit=reader.number("limit", 1, LARGEST_PAGE),
        after=reader.cursor("cursor", ordered, _SHAPES[order]),
    )
    return asked, reader.problems


def problems(query: QueryParams) -> Sequence[Problem]:
    """Give what is wrong with the query of a list."""
    return read(query)[1]


class JobListRoutes:
    """List jobs."""

    def __init__(self, *, board: Board, addresses: Addresses) -> None:
        self._board = board
        self._addresses = addresses

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the routes."""
        return tuple(self._list(path) for path in ("/jobs", "/user/{username}/jobs"))

    def _list(self, path: str) -> Endpoint:
        return Endpoint(
            method="GET",
            path=path,
            handler=self.list,
            summary="List jobs, newest first",
            tag="jobs",
            access=Access.READ,
            query=PARAMETERS,
            check=problems,
            success=(Success(200, "The jobs.", _item(), many=True, headers=(LINK,)),),
            conditional=True,
        )

    async def list(self, call: Call) -> Answer:
        """Answer the jobs of all, or of one submitter, or some of them (S, R, N)."""
        query, _ = read(call.request.query_params)
        owner, asked = call.path.get("username"), query.chosen.username
        view = await self._board.view()
        if owner is not None and asked not in (None, owner):
            return tagged(call.request, Packed(b"[]"), stale=view.stale)
        if owner is not None:
            query = evolve(query, chosen=evolve(query.chosen, username=owner))
        page = await view.page(query)
        tag = _tag(page) if query.limit is not None else _version(view.version, query)
        return tagged(
            call.request,
            page.packed,
            tag=tag,
            stale=view.stale,
            headers=self._link(call, page),
        )

    def _link(self, call: Call, page: Page) -> tuple[tuple[bytes, bytes], ...]:
        if page.end is None:
            return ()
        ordered = call.request.query_params.get("order", _DEFAULT)
        cursor = cursors.write(ordered, page.end)
        base_url = self._addresses.base_url(call.request)
        return (next_link(call.request, base_url, "cursor", cursor),)


def _version(version: str, query: Query) -> str:
    """Name a long list by the board's version: a digest of it would take longer than it."""
    if query == EVERYTHING:
        return version
    return f"{version}.{blake2b(repr(query).encode(), digest_size=6).hexdigest()}"


def _tag(page: Page) -> str:
    """Name a page by what is on it: it is the same while only others change."""
    return page.packed.digest if page.end is None else f"{page.packed.digest}.more"


def _item() -> dict[str, object]:
    """Describe an entry: whole, or with the wanted fields alone."""
    shape = Schema(JobItem).answer_schema()
    some = {name: each for name, each in shape.items() if name != "required"}
    some["description"] = "What `fields` asked for."
    return {"anyOf": [{"$ref": "#/components/schemas/JobItem"}, some]}

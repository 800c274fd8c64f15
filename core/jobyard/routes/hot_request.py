"""Requests as the hot path reads them: the same as Starlette's, found faster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar, overload

from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.types import Receive, Scope

T = TypeVar("T")

_NO_QUERY: Final = QueryParams()


class IndexedHeaders(Headers):
    """Be a request's headers, whose first values :meth:`get` finds without a search."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope=scope)
        first: dict[str, str] = {}
        for name, value in self._list:
            first.setdefault(name.decode("latin-1"), value.decode("latin-1"))
        self._first: Mapping[str, str] = first

    @overload
    def get(self, key: str, /) -> str | None: ...
    @overload
    def get(self, key: str, default: str, /) -> str: ...
    @overload
    def get(self, key: str, default: T, /) -> str | T: ...
    def get(self, key: str, default: str | T | None = None, /) -> str | T | None:
        """Give a header's first value."""
        found = self._first.get(key)
        return self._first.get(key.lower(), default) if found is None else found


class HotRequest(Request):
    """Be a request that is asked for a few headers, and has no query most of the time."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__(scope, receive)
        self._headers = IndexedHeaders(scope)

    @property
    def query_params(self) -> QueryParams:
        """Give the query."""
        return super().query_params if self.scope["query_string"] else _NO_QUERY

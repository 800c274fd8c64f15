"""What a route is: where, who may, what it reads, what it answers."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import orjson
from attrs import field, frozen
from starlette.datastructures import QueryParams
from starlette.requests import Request

from jobyard.domain.identity import Actor
from jobyard.errors import ApiError, ForbiddenUser, Problem, UnauthorizedUser
from jobyard.packing import Packed

if TYPE_CHECKING:
    from jobyard.wire.schema import Schema

T = TypeVar("T")

JSON = (b"content-type", b"application/json; charset=utf-8")
TEXT = (b"content-type", b"text/plain; charset=utf-8")
BYTES = (b"content-type", b"application/octet-stream")
NO_STORE = (b"cache-control", b"no-store")
NOSNIFF = (b"x-content-type-options", b"nosniff")


class Access(enum.Enum):
    """Say who may call a route, before its body is read (contract, section 2)."""

    PUBLIC = "public"
    """Anybody, always."""
    READ = "read"
    """Anybody, or with ``anonymous-read: false`` whoever has a token."""
    TOKEN = "token"  # noqa: S105 - the name of a rule
    """Whoever has a valid token."""


@frozen
class Answer:
    """Be what a route answers; the cheapest form that the hot path can send.

    ``chunks`` streams where a whole ``body`` would be large or is not there yet; ``endless``
    says that they end with something that happens, and not with what there is. ``packed`` holds
    the same body where others will be sent it too, so that it is compressed once for all.
    """

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    chunks: AsyncIterator[bytes] | None = None
    endless: bool = False
    packed: Packed | None = None


def json_answer(
    document: object,
    status: int = 200,
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> Answer:
    """Answer a JSON document."""
    return Answer(status, orjson.dumps(document), (JSON, *headers))


def message_answer(
    message: str,
    status: int = 200,
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> Answer:
    """Answer ``{"message": ...}``, as the contract's changing routes do (S)."""
    return json_answer({"message": message}, status, headers)


@frozen
class Call:
    """Be one request on its way to a route.

    ``path`` holds the path's parameters, decoded but for a wildcard. ``caller`` is ``None`` for a guest.
    """

    request: Request
    path: Mapping[str, str]
    caller: Actor | None
    read_body: Callable[[Request, Mapping[str, object]], Awaitable[tuple[object, bool]]] = field(
        repr=False
    )

    @property
    def user(self) -> Actor:
        """Give the caller of a route that guests cannot reach."""
        if self.caller is None:
            raise UnauthorizedUser
        return self.caller

    def require_admin(self) -> Actor:
        """Give the caller if an administrator.

        Raises:
            ForbiddenUser: They are not (S).
        """
        if not self.user.admin:
            raise ForbiddenUser.not_admin()
        return self.user

    async def body(self, schema: Schema[T], defaults: Mapping[str, object] | None = None) -> T:
        """Read and validate the body; ``defaults`` fill fields that it leaves out.

        Raises:
            InvalidParameters: Every failing field, by its path as the client wrote it.
        """
        document, coerce = await self.read_body(self.request, defaults or {})
        return schema.decode(document, coerce=coerce)

    async def document(self, defaults: Mapping[str, object] | None = None) -> tuple[object, bool]:
        """Read the body as a document, and tell whether its numbers arrived as texts."""
        return await self.read_body(self.request, defaults or {})


Handler = Callable[[Call], Awaitable[Answer]]


@frozen
class QueryParameter:
    """Document one query parameter; ``schema`` is a JSON Schema, of one value where there may be more.

    A ``repeatable`` one comes once for each value, a ``listed`` one has them between commas.
    """

    name: str
    doc: str
    schema: Mapping[str, object] = {"type": "string"}
    repeatable: bool = False
    listed: bool = False


@frozen
class Header:
    """Document one header of a request or of an answer; ``schema`` is a JSON Schema."""

    name: str
    doc: str
    schema: Mapping[str, object] = {"type": "string"}


@frozen
class Success:
    """Document a good answer; ``schema`` is an attrs class or a JSON Schema, or nothing.

    With ``many`` the answer is an array of it. ``also`` are media types in which the same is
    answered to those who prefer them.
    """

    status: int
    doc: str
    schema: type | Mapping[str, object] | None = None
    media_type: str = "application/json"
    many: bool = False
    also: tuple[str, ...] = ()
    headers: tuple[Header, ...] = ()


@frozen
class Endpoint:
    """Be one route: method and path below the root, with everything the document says of it.

    ``path`` has parameters in braces, such as ``/user/{username}/jobs``. ``body`` is the schema
    of the request's body. ``errors`` are those beyond what every route can answer.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    tag: str
    access: Access = Access.TOKEN
    body: Schema[object] | None = None
    query: tuple[QueryParameter, ...] = ()
    check: Callable[[QueryParams], Sequence[Problem]] | None = None
    """Finds everything that is wrong with a query, so that all of it is told at once."""
    success: tuple[Success, ...] = ()
    errors: tuple[type[ApiError], ...] = ()
    rooted: bool = True
    """False for what lies beside ``/api/v1``: ``/healthz``, ``/docs``, ``/webhdfs/v1``."""
    wildcard: bool = False
    """True where the last parameter takes the rest of the path, slashes included, as it was sent:
    the route decodes it."""
    documented: bool = True
    headers: tuple[Header, ...] = ()
    """The headers of a request that mean something here beyond what they mean everywhere."""
    filled: tuple[str, ...] = ()
    """The fields of the body that come from elsewhere, such as the path, where it has them not."""
    conditional: bool = False
    """True where good answers carry an ``ETag``, and ``If-None-Match`` is answered with 304."""
    identified: bool = True
    """False where it makes no difference who calls: the token is not looked at, so that no
    backend is waited for."""

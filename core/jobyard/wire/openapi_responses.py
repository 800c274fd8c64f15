"""What a route can answer, as the OpenAPI document has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jobyard.errors import (
    ApiError,
    InvalidParameters,
    NoUser,
    NoVirtualCluster,
    PayloadTooLarge,
    UnauthorizedUser,
    UnknownError,
    UnsupportedMediaType,
)
from jobyard.wire.answer_schemas import ErrorBody
from jobyard.wire.json_schema import Document
from jobyard.wire.openapi_components import Components

if TYPE_CHECKING:
    from jobyard.routes.endpoint import Endpoint, Header, Success

_PHRASES: Final = {
    400: "The request is wrong.",
    401: "A valid token is needed.",
    403: "It is not allowed.",
    404: "It is not there.",
    409: "Something else is there.",
    413: "The body is too large.",
    415: "The body's charset or encoding is not read.",
    422: "The key was used for another request.",
    429: "Too many requests.",
    500: "Something behind the gateway failed.",
}
_REQUEST_ID: Final[Document] = {
    "X-Request-ID": {"description": "The request's id.", "schema": {"type": "string"}},
}
_ETAG: Final[Document] = {
    "ETag": {"description": "The version of the answer.", "schema": {"type": "string"}},
}
_CHALLENGE: Final[Document] = {
    "WWW-Authenticate": {"description": "Always `Bearer`.", "schema": {"type": "string"}},
}
_RETRY: Final[Document] = {
    "Retry-After": {
        "description": "After how many seconds trying again may help, if at all.",
        "schema": {"type": "integer", "minimum": 1},
    },
}
_MORE_HEADERS: Final = {401: _CHALLENGE, 429: _RETRY, 500: _RETRY}


def responses(endpoint: Endpoint, components: Components) -> Document:
    """Describe everything that a route answers: the good, and the errors by their status.

    Raises:
        ValueError: Two schemas have one name, or one that is referred to is not there.
    """
    answers: dict[str, Document] = {}
    for success in endpoint.success:
        answer = _success(success, endpoint, components)
        _merge(answers.setdefault(str(success.status), answer), answer)
    if endpoint.conditional:
        headers = {**_REQUEST_ID, **_ETAG}
        answers["304"] = {"description": "The caller has it already.", "headers": headers}
    for status, codes in sorted(_codes(endpoint).items()):
        answers.setdefault(str(status), _error(status, codes, components))
    return dict(answers)


def _merge(answer: Document, other: Document) -> None:
    """Add the other's media types: one status may have several, each with its own schema."""
    content, more = answer.get("content"), other.get("content")
    if isinstance(content, dict) and isinstance(more, dict):
        answer["content"] = {**more, **content}


def _success(success: Success, endpoint: Endpoint, components: Components) -> Document:
    headers = {**_REQUEST_ID, **{each.name: _header(each) for each in success.headers}}
    if endpoint.conditional:
        headers |= _ETAG
    answer: Document = {"description": success.doc, "headers": headers}
    schema = _schema(success, components)
    if schema is not None or success.media_type != "application/json":
        content: Document = {} if schema is None else {"schema": schema}
        answer["content"] = dict.fromkeys((success.media_type, *success.also), content)
    return answer


def _schema(success: Success, components: Components) -> Document | None:
    if success.schema is None:
        return None
    if isinstance(success.schema, type):
        schema = components.answer(success.schema)
    else:
        schema = components.document(success.schema)
    return {"type": "array", "items": schema} if success.many else schema


def _header(header: Header) -> Document:
    return {"description": header.doc, "schema": dict(header.schema)}


def _codes(endpoint: Endpoint) -> dict[int, list[str]]:
    codes: dict[int, list[str]] = {}
    for error in _errors(endpoint):
        at_status = codes.setdefault(_status(error, endpoint), [])
        if error.code not in at_status:
            at_status.append(error.code)
    return codes


def _errors(endpoint: Endpoint) -> list[type[ApiError]]:
    errors: list[type[ApiError]] = [InvalidParameters, UnknownError]
    if endpoint.access.value != "public":
        errors.append(UnauthorizedUser)
    if endpoint.body is not None:
        errors += [PayloadTooLarge, UnsupportedMediaType]
    return [*errors, *endpoint.errors]


def _status(error: type[ApiError], endpoint: Endpoint) -> int:
    """Give the status of an error at a route: what a body names is 400 where a path's is 404."""
    if error is NoUser and endpoint.path == "/token":
        return 400
    if error is NoVirtualCluster and not endpoint.path.startswith("/virtual-clusters"):
        return 400
    return error.status


def _error(status: int, codes: list[str], components: Components) -> Document:
    code = {"type": "object", "properties": {"code": {"enum": codes}}}
    return {
        "description": _PHRASES.get(status, "It failed."),
        "headers": {**_REQUEST_ID, **_MORE_HEADERS.get(status, {})},
        "content": {
            "application/json": {"schema": {"allOf": [components.answer(ErrorBody), code]}},
        },
    }

"""Make the OpenAPI 3.1 document from the routes themselves (contract, section 6, N)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from jobyard.domain.identity import USERNAME_PATTERN
from jobyard.domain.job import ROLE_NAME_PATTERN
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
from jobyard.wire.body import FORM
from jobyard.wire.json_schema import Document
from jobyard.wire.schema import Schema

if TYPE_CHECKING:
    from jobyard.routes.endpoint import Endpoint, QueryParameter, Success

ROOT: Final = "/api/v1"

_PARAMETER: Final = re.compile(r"\{([^{}]+)\}")
_PARAMETERS: Final[dict[str, Document]] = {
    "username": {"type": "string", "pattern": USERNAME_PATTERN},
    "jobName": {"type": "string", "pattern": r"^[A-Za-z0-9\-._~]+$"},
    "vcName": {"type": "string", "pattern": "^[A-Za-z0-9_]+$"},
    "role": {"type": "string", "pattern": ROLE_NAME_PATTERN},
    "index": {"type": "integer", "minimum": 0},
}
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


def document(endpoints: Sequence[Endpoint], *, version: str, server: str) -> Document:
    """Describe routes as an OpenAPI document.

    Args:
        endpoints: The routes; those that are not ``documented`` are left out.
        version: The gateway's version.
        server: The gateway's address without a path, such as ``https://pai.example.org``.

    Raises:
        ValueError: Two routes have one method and path.
    """
    components = _Components()
    components.add(ErrorBody)
    documented = [each for each in endpoints if each.documented]
    paths = _paths(documented, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Jobyard",
            "version": version,
            "description": "Takes jobs for shared GPU and CPU clusters.",
        },
        "servers": [{"url": server.rstrip("/") or "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(each.tag for each in documented)],
        "paths": paths,
        "components": {
            "schemas": components.schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


class _Components:
    """Collect the schemas that answers refer to by the names of their classes."""

    def __init__(self) -> None:
        self.schemas: dict[str, Document] = {}
        self._classes: dict[str, type] = {}

    def add(self, cls: type) -> Document:
        """Publish a class, and give the reference to it."""
        name = cls.__name__
        if self._classes.setdefault(name, cls) is not cls:
            message = f"two classes of answers are called {name}"
            raise ValueError(message)
        if name not in self.schemas:
            self.schemas[name] = Schema(cls).answer_schema()
        return {"$ref": f"#/components/schemas/{name}"}


def _paths(endpoints: Sequence[Endpoint], components: _Components) -> dict[str, Document]:
    paths: dict[str, Document] = {}
    for endpoint in endpoints:
        path = _path(endpoint)
        operations = paths.setdefault(path, {})
        if endpoint.method.lower() in operations:
            message = f"{endpoint.method} {path} is there twice"
            raise ValueError(message)
        operations[endpoint.method.lower()] = _operation(endpoint, components)
    return paths


def _path(endpoint: Endpoint) -> str:
    return ROOT + endpoint.path if endpoint.rooted else endpoint.path


def _operation(endpoint: Endpoint, components: _Components) -> Document:
    operation: Document = {
        "operationId": operation_id(endpoint),
        "summary": endpoint.summary,
        "tags": [endpoint.tag],
        "security": _security(endpoint),
        "responses": _responses(endpoint, components),
    }
    parameters = [*_path_parameters(endpoint), *(_query(each) for each in endpoint.query)]
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        operation["requestBody"] = _request_body(endpoint.body)
    return operation


def operation_id(endpoint: Endpoint) -> str:
    """Name an operation by its method and path: ``getUserByUsernameJobs``."""
    words = [endpoint.method.lower()]
    for segment in endpoint.path.split("/"):
        parameter = _PARAMETER.fullmatch(segment)
        text = f"by-{parameter[1]}" if parameter else segment
        words += [word[0].upper() + word[1:] for word in re.findall("[A-Za-z0-9]+", text)]
    if len(words) == 1:
        words.append("Index" if endpoint.rooted else "Root")
    return "".join(words)


def _security(endpoint: Endpoint) -> list[Document]:
    bearer: Document = {"bearer": []}
    return {"public": [], "read": [{}, bearer], "token": [bearer]}[endpoint.access.value]


def _path_parameters(endpoint: Endpoint) -> list[Document]:
    names = _PARAMETER.findall(endpoint.path)
    parameters: list[Document] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": _PARAMETERS.get(name, {"type": "string", "minLength": 1}),
        }
        for name in names
    ]
    if endpoint.wildcard and parameters:
        parameters[-1]["description"] = "The rest of the path; it may hold slashes."
        parameters[-1]["schema"] = {"type": "string"}
    return parameters


def _query(parameter: QueryParameter) -> Document:
    schema: Mapping[str, object] = parameter.schema
    if parameter.repeatable:
        schema = {"type": "array", "items": dict(schema)}
    return {
        "name": parameter.name,
        "in": "query",
        "description": parameter.doc,
        "schema": dict(schema),
    }


def _request_body(schema: Schema[object]) -> Document:
    shape = schema.json_schema()
    return {
        "required": "required" in shape,
        "content": {"application/json": {"schema": shape}, FORM: {"schema": shape}},
    }


def _responses(endpoint: Endpoint, components: _Components) -> Document:
    responses: Document = {
        str(success.status): _success(success, components) for success in endpoint.success
    }
    codes: dict[int, list[str]] = {}
    for error in _errors(endpoint):
        at_status = codes.setdefault(_status(error, endpoint), [])
        if error.code not in at_status:
            at_status.append(error.code)
    for status in sorted(codes):
        responses.setdefault(str(status), _error(status, codes[status], components))
    return responses


def _success(success: Success, components: _Components) -> Document:
    answer: Document = {"description": success.doc}
    if isinstance(success.schema, type):
        answer["content"] = {success.media_type: {"schema": components.add(success.schema)}}
    elif success.schema is not None:
        answer["content"] = {success.media_type: {"schema": dict(success.schema)}}
    elif success.media_type != "application/json":
        answer["content"] = {success.media_type: {}}
    return answer


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


def _error(status: int, codes: list[str], components: _Components) -> Document:
    code = {"type": "object", "properties": {"code": {"enum": codes}}}
    return {
        "description": _PHRASES.get(status, "It failed."),
        "content": {
            "application/json": {"schema": {"allOf": [components.add(ErrorBody), code]}},
        },
    }

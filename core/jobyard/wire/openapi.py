"""Make the OpenAPI 3.1 document from the routes themselves (contract, section 6, N)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from jobyard.domain.identity import USERNAME_PATTERN
from jobyard.domain.job import ROLE_NAME_PATTERN
from jobyard.wire.answer_schemas import ErrorBody
from jobyard.wire.body import FORM
from jobyard.wire.json_schema import Document
from jobyard.wire.openapi_components import Components
from jobyard.wire.openapi_responses import responses

if TYPE_CHECKING:
    from jobyard.routes.endpoint import Endpoint, Header, QueryParameter

ROOT: Final = "/api/v1"

_PARAMETER: Final = re.compile(r"\{([^{}]+)\}")
_PARAMETERS: Final[dict[str, Document]] = {
    "username": {"type": "string", "pattern": USERNAME_PATTERN},
    "jobName": {"type": "string", "pattern": r"^[A-Za-z0-9\-._~]+$"},
    "vcName": {"type": "string", "pattern": "^[A-Za-z0-9_]+$"},
    "role": {"type": "string", "pattern": ROLE_NAME_PATTERN},
    "index": {"type": "integer", "minimum": 0},
}
_IF_NONE_MATCH: Final[Document] = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The `ETag` of an answer that the caller has; 304 where it is still so.",
    "schema": {"type": "string"},
}
_TAGS: Final = {
    "tokens": "Log in.",
    "users": "Who may use the gateway, and which virtual clusters.",
    "jobs": "Submit jobs, look at them, read their logs, stop and delete them.",
    "virtual clusters": "The shares into which the cluster is divided.",
    "files": "The files of jobs, in Hadoop's WebHDFS dialect.",
    "operation": "What this gateway is, and how it is.",
}
_DESCRIPTION: Final = """\
Takes jobs for shared GPU and CPU clusters.

Bodies are JSON or forms with bracket nesting (`taskRoles[0][name]=worker`), and may be compressed
with gzip. Every error is an object with `code` and `message`. Every answer carries `X-Request-ID`;
a caller's own of 1..128 characters `A-Za-z0-9._-` is kept. Every path below `/api/v1` is served
below `/rest-server/api/v1` too. `HEAD` works wherever `GET` does."""


def document(
    endpoints: Sequence[Endpoint], *, version: str, server: str, anonymous_read: bool = True
) -> Document:
    """Describe routes as an OpenAPI document.

    Args:
        endpoints: The routes; those that are not ``documented`` are left out.
        version: The gateway's version.
        server: The gateway's address, such as ``https://pai.example.org``.
        anonymous_read: Whether guests may call the routes of ``Access.READ``.

    Raises:
        ValueError: Two routes have one method and path, two schemas one name, or a route refers
            to a schema that is not there.
    """
    components = Components()
    components.answer(ErrorBody)
    documented = [each for each in endpoints if each.documented]
    paths = _paths(documented, components, anonymous_read=anonymous_read)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Jobyard", "version": version, "description": _DESCRIPTION},
        "servers": servers(server),
        "tags": [_tag(tag) for tag in _tags(documented)],
        "paths": paths,
        "components": {
            "schemas": components.schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


def servers(server: str) -> list[Document]:
    """Name the address under which the document's reader reaches the gateway."""
    return [{"url": server.rstrip("/") or "/"}]


def _tags(endpoints: Sequence[Endpoint]) -> list[str]:
    """Give the tags in the order in which a reader needs them, those of strangers last."""
    found = dict.fromkeys(each.tag for each in endpoints)
    return [*(tag for tag in _TAGS if tag in found), *(tag for tag in found if tag not in _TAGS)]


def _tag(name: str) -> Document:
    description = _TAGS.get(name)
    return {"name": name} if description is None else {"name": name, "description": description}


def _paths(
    endpoints: Sequence[Endpoint], components: Components, *, anonymous_read: bool
) -> dict[str, Document]:
    paths: dict[str, Document] = {}
    for endpoint in endpoints:
        path = _path(endpoint)
        operations = paths.setdefault(path, {})
        if endpoint.method.lower() in operations:
            message = f"{endpoint.method} {path} is there twice"
            raise ValueError(message)
        operation = _operation(endpoint, components)
        operation["security"] = _security(endpoint, anonymous_read=anonymous_read)
        operations[endpoint.method.lower()] = operation
    return paths


def _path(endpoint: Endpoint) -> str:
    return ROOT + endpoint.path if endpoint.rooted else endpoint.path


def _operation(endpoint: Endpoint, components: Components) -> Document:
    operation: Document = {
        "operationId": operation_id(endpoint),
        "summary": endpoint.summary,
        "tags": [endpoint.tag],
        "responses": responses(endpoint, components),
    }
    parameters = [
        *_path_parameters(endpoint),
        *(_query(each) for each in endpoint.query),
        *(_header(each) for each in endpoint.headers),
        *([_IF_NONE_MATCH] if endpoint.conditional else []),
    ]
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        operation["requestBody"] = _request_body(endpoint, components)
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


def _security(endpoint: Endpoint, *, anonymous_read: bool) -> list[Document]:
    bearer: Document = {"bearer": []}
    read: list[Document] = [{}, bearer] if anonymous_read else [bearer]
    return {"public": [], "read": read, "token": [bearer]}[endpoint.access.value]


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
        parameters[-1] |= {"schema": {"type": "string"}, "x-wildcard": True}
    return parameters


def _query(parameter: QueryParameter) -> Document:
    schema = dict(parameter.schema)
    if parameter.repeatable or parameter.listed:
        schema = {"type": "array", "items": schema}
    if parameter.listed:
        schema |= {"minItems": 1}
    return {
        "name": parameter.name,
        "in": "query",
        "description": parameter.doc,
        "schema": schema,
        **({"style": "form", "explode": False} if parameter.listed else {}),
    }


def _header(header: Header) -> Document:
    return {
        "name": header.name,
        "in": "header",
        "description": header.doc,
        "schema": dict(header.schema),
    }


def _request_body(endpoint: Endpoint, components: Components) -> Document:
    schema, required = components.request(endpoint)
    return {
        "required": required,
        "content": {"application/json": {"schema": schema}, FORM: {"schema": schema}},
    }

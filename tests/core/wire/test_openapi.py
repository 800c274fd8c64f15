"""The OpenAPI document: valid, complete, and made from the routes."""

from __future__ import annotations

from typing import Any

import attrs
import orjson
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from jobyard.errors import ConflictUser, ForbiddenUser, NoJob, NoUser, NoVirtualCluster
from jobyard.routes.endpoint import Access, Answer, Call, Endpoint, QueryParameter, Success
from jobyard.wire import answer_schemas, requests
from jobyard.wire.openapi import document, operation_id


async def handler(call: Call) -> Answer:
    return Answer()


TOKEN = Endpoint(
    "POST",
    "/token",
    handler,
    summary="Log in.",
    tag="tokens",
    access=Access.PUBLIC,
    body=requests.TOKEN_REQUEST,
    success=(Success(200, "A token.", answer_schemas.Token),),
    errors=(NoUser,),
)
USERS = Endpoint(
    "PUT",
    "/user",
    handler,
    summary="Create a user.",
    tag="users",
    body=requests.USER_REQUEST,
    success=(Success(201, "It is done.", answer_schemas.Message),),
    errors=(NoUser, ForbiddenUser, ConflictUser),
)
SUBMIT = Endpoint(
    "POST",
    "/user/{username}/jobs",
    handler,
    summary="Submit a job.",
    tag="jobs",
    body=requests.JOB_REQUEST,
    success=(Success(202, "It is accepted.", answer_schemas.Message),),
    errors=(ForbiddenUser, NoVirtualCluster),
)
LIST = Endpoint(
    "GET",
    "/user/{username}/jobs",
    handler,
    summary="List jobs.",
    tag="jobs",
    access=Access.READ,
    query=(QueryParameter("state", "States.", {"type": "string"}, repeatable=True),),
    success=(
        Success(200, "Jobs.", {"type": "array", "items": {"$ref": "#/components/schemas/JobItem"}}),
    ),
)
DETAIL = Endpoint(
    "GET",
    "/user/{username}/jobs/{jobName}",
    handler,
    summary="Show a job.",
    tag="jobs",
    access=Access.READ,
    success=(Success(200, "The job.", answer_schemas.JobDetail),),
    errors=(NoJob,),
)
CLUSTER = Endpoint(
    "GET",
    "/virtual-clusters/{vcName}",
    handler,
    summary="Show a virtual cluster.",
    tag="virtual clusters",
    access=Access.PUBLIC,
    success=(Success(200, "It.", answer_schemas.VirtualCluster),),
    errors=(NoVirtualCluster,),
)
FILES = Endpoint(
    "GET",
    "/webhdfs/v1/{path}",
    handler,
    summary="Read a file.",
    tag="files",
    success=(Success(307, "Elsewhere."), Success(200, "Bytes.", media_type="text/plain")),
    rooted=False,
    wildcard=True,
)
HIDDEN = attrs.evolve(FILES, path="/hidden", tag="hidden", documented=False)
ITEMS = attrs.evolve(
    LIST, path="/jobs", success=(Success(200, "One.", answer_schemas.JobItem),), query=()
)
ALL = (TOKEN, USERS, SUBMIT, LIST, ITEMS, DETAIL, CLUSTER, FILES, HIDDEN)


def made(*endpoints: Endpoint) -> Any:
    return orjson.loads(
        orjson.dumps(document(endpoints or ALL, version="1.2.3", server="https://pai.example.org/"))
    )


def test_the_document_is_openapi() -> None:
    OpenAPIV31SpecValidator(made()).validate()


def test_every_documented_route_is_there() -> None:
    paths = made()["paths"]

    assert {(path, method) for path, methods in paths.items() for method in methods} == {
        ("/api/v1/token", "post"),
        ("/api/v1/user", "put"),
        ("/api/v1/user/{username}/jobs", "post"),
        ("/api/v1/user/{username}/jobs", "get"),
        ("/api/v1/jobs", "get"),
        ("/api/v1/user/{username}/jobs/{jobName}", "get"),
        ("/api/v1/virtual-clusters/{vcName}", "get"),
        ("/webhdfs/v1/{path}", "get"),
    }


def test_names_of_operations_differ() -> None:
    names = [operation_id(endpoint) for endpoint in ALL]

    assert operation_id(DETAIL) == "getUserByUsernameJobsByJobName"
    assert len(set(names)) == len(names)


def codes(operation: Any) -> dict[str, list[str]]:
    return {
        status: answer["content"]["application/json"]["schema"]["allOf"][1]["properties"]["code"][
            "enum"
        ]
        for status, answer in operation["responses"].items()
        if int(status) >= 400
    }


def test_errors_are_grouped_by_the_status_that_the_contract_gives_them() -> None:
    assert codes(made(TOKEN)["paths"]["/api/v1/token"]["post"]) == {
        "400": ["InvalidParametersError", "NoUserError"],
        "413": ["PayloadTooLargeError"],
        "415": ["UnsupportedMediaTypeError"],
        "500": ["UnknownError"],
    }
    assert codes(made(USERS)["paths"]["/api/v1/user"]["put"]) == {
        "400": ["InvalidParametersError"],
        "401": ["UnauthorizedUserError"],
        "403": ["ForbiddenUserError"],
        "404": ["NoUserError"],
        "409": ["ConflictUserError"],
        "413": ["PayloadTooLargeError"],
        "415": ["UnsupportedMediaTypeError"],
        "500": ["UnknownError"],
    }


def test_a_virtual_cluster_that_a_body_names_is_400_and_a_paths_404() -> None:
    paths = made()["paths"]
    submit = codes(paths["/api/v1/user/{username}/jobs"]["post"])
    show = codes(paths["/api/v1/virtual-clusters/{vcName}"]["get"])

    assert "NoVirtualClusterError" in submit["400"]
    assert show["404"] == ["NoVirtualClusterError"]


@pytest.mark.parametrize(
    ("endpoint", "security"),
    [(TOKEN, []), (LIST, [{}, {"bearer": []}]), (USERS, [{"bearer": []}])],
)
def test_security_follows_access(endpoint: Endpoint, security: object) -> None:
    methods = made(endpoint, ITEMS)["paths"]["/api/v1" + endpoint.path]

    assert methods[endpoint.method.lower()]["security"] == security


def test_both_forms_of_a_body_are_documented() -> None:
    body = made(TOKEN)["paths"]["/api/v1/token"]["post"]["requestBody"]

    assert body["required"] is True
    assert set(body["content"]) == {"application/json", "application/x-www-form-urlencoded"}


def test_two_routes_with_one_method_and_path_are_refused() -> None:
    with pytest.raises(ValueError, match="POST /api/v1/token is there twice"):
        made(TOKEN, TOKEN)


def test_two_answers_of_one_name_are_refused() -> None:
    other = attrs.make_class("Token", {"x": attrs.field(type=int)})
    clash = attrs.evolve(TOKEN, path="/other", success=(Success(200, "", other),))

    with pytest.raises(ValueError, match="called Token"):
        made(TOKEN, clash)

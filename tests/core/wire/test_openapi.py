"""The OpenAPI document: valid, complete, and made from the routes."""

from __future__ import annotations

from typing import Any

import attrs
import orjson
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from jobyard.errors import ConflictUser, ForbiddenUser, NoJob, NoUser, NoVirtualCluster
from jobyard.routes.endpoint import Access, Answer, Call, Endpoint, Header, QueryParameter, Success
from jobyard.wire import answer_schemas, requests
from jobyard.wire.openapi import document, operation_id
from jobyard.wire.schema import Schema


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
ALL = (TOKEN, USERS, SUBMIT, LIST, DETAIL, CLUSTER, FILES, HIDDEN)


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
    methods = made(endpoint)["paths"]["/api/v1" + endpoint.path]

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


def test_two_requests_of_one_name_are_refused() -> None:
    other: Schema[object] = Schema(attrs.make_class("TokenRequest", {"x": attrs.field(type=int)}))
    clash = attrs.evolve(TOKEN, path="/other", body=other)

    with pytest.raises(ValueError, match="called TokenRequest"):
        made(TOKEN, clash)


def test_what_a_schema_refers_to_is_published() -> None:
    document = made(LIST)

    assert set(document["components"]["schemas"]) == {"ErrorBody", "JobItem"}


def test_a_reference_to_no_class_is_refused() -> None:
    schema = {"$ref": "#/components/schemas/Nothing"}
    endpoint = attrs.evolve(LIST, success=(Success(200, "", schema),))

    with pytest.raises(ValueError, match="no class of answers is called Nothing"):
        made(endpoint)


def only(document: Any) -> Any:
    [methods] = document["paths"].values()
    [operation] = methods.values()
    return operation


def test_one_schema_serves_all_forms_of_a_body_and_all_routes() -> None:
    document = made(SUBMIT, attrs.evolve(SUBMIT, method="PUT"))

    assert list(document["components"]["schemas"]).count("JobRequest") == 1
    for operation in document["paths"]["/api/v1/user/{username}/jobs"].values():
        schemas = [each["schema"] for each in operation["requestBody"]["content"].values()]
        assert schemas == [{"$ref": "#/components/schemas/JobRequest"}] * 2


def test_fields_that_the_path_fills_are_not_required() -> None:
    filled = only(made(attrs.evolve(SUBMIT, filled=("jobName",))))
    schema = filled["requestBody"]["content"]["application/json"]["schema"]

    assert schema["required"] == ["image", "taskRoles"]
    assert "jobName" in schema["properties"]


def test_a_body_of_which_everything_is_filled_may_be_absent() -> None:
    filled = only(made(attrs.evolve(TOKEN, filled=("username", "password"))))

    assert filled["requestBody"]["required"] is False


def test_many_are_an_array() -> None:
    endpoint = attrs.evolve(LIST, success=(Success(200, "", answer_schemas.User, many=True),))
    content = only(made(endpoint))["responses"]["200"]["content"]

    assert content["application/json"]["schema"] == {
        "type": "array",
        "items": {"$ref": "#/components/schemas/User"},
    }


def test_answers_of_one_status_have_all_their_media_types() -> None:
    text = Success(200, "A text.", media_type="text/html", also=("text/plain",))
    both = (Success(200, "A user.", answer_schemas.User), text)
    content = only(made(attrs.evolve(LIST, success=both)))["responses"]["200"]["content"]

    assert set(content) == {"application/json", "text/html", "text/plain"}
    assert content["text/html"] == {}


def test_conditional_routes_answer_304_and_an_etag() -> None:
    operation = only(made(attrs.evolve(LIST, conditional=True)))
    responses = operation["responses"]

    assert operation["parameters"][-1]["name"] == "If-None-Match"
    assert "ETag" in responses["200"]["headers"]
    assert "content" not in responses["304"]
    assert "304" not in only(made(LIST))["responses"]


def test_headers_of_requests_and_answers_are_documented() -> None:
    key = Header("Idempotency-Key", "A key.", {"type": "string", "maxLength": 255})
    place = Header("Location", "Where it is.")
    accepted = Success(202, "It is accepted.", answer_schemas.Message, headers=(place,))
    operation = only(made(attrs.evolve(SUBMIT, headers=(key,), success=(accepted,))))

    assert operation["parameters"][-1] == {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A key.",
        "schema": {"type": "string", "maxLength": 255},
    }
    assert operation["responses"]["202"]["headers"]["Location"]["description"] == "Where it is."


@pytest.mark.parametrize(
    ("status", "header"), [("401", "WWW-Authenticate"), ("500", "Retry-After")]
)
def test_errors_have_their_headers(status: str, header: str) -> None:
    answer = only(made(SUBMIT))["responses"][status]

    assert set(answer["headers"]) == {"X-Request-ID", header}


def test_reading_needs_a_token_where_guests_are_kept_out() -> None:
    closed = document([LIST], version="1", server="", anonymous_read=False)

    assert only(closed)["security"] == [{"bearer": []}]


def test_a_server_without_an_address_is_the_one_that_was_asked() -> None:
    assert document([LIST], version="1", server="")["servers"] == [{"url": "/"}]


def test_tags_have_an_order_of_their_own() -> None:
    other = attrs.evolve(LIST, path="/other", tag="other")
    tags = [each["name"] for each in made(other, CLUSTER, TOKEN)["tags"]]

    assert tags == ["tokens", "virtual clusters", "other"]

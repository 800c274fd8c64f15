"""The launcher's REST service over the lives of frameworks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import orjson
from attrs import evolve
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from jobyard.testing.launcher import documents
from jobyard.testing.launcher.access import ANYBODY, AccessRules, check_name
from jobyard.testing.launcher.descriptor import START, STOP, read_descriptor
from jobyard.testing.launcher.fields import Fields, as_object
from jobyard.testing.launcher.framework import Framework
from jobyard.testing.launcher.launcher_status import launcher_status
from jobyard.testing.launcher.life import Lives
from jobyard.testing.launcher.refusal import (
    Refusal,
    bad_request,
    not_acceptable,
    not_found,
    too_many,
    unreadable,
)

Handler = Callable[[Request], Awaitable[Response]]

_JSON: Final = "application/json"
_TEXT: Final = "text/plain; charset=utf-8"
_CLIENTS: Final = ("UNKNOWN", "DATA_DEPLOYMENT")
_FRAMEWORK: Final = "/v1/Frameworks/{name}"


class LauncherService:
    """Answer requests; ``lives`` does what they ask for."""

    def __init__(self, lives: Lives) -> None:
        self._lives = lives
        self._access = AccessRules.of(lives.options.access)
        self._nodes: object = {"nodes": {}}
        self._encoded: dict[str, tuple[Framework, str, bytes]] = {}

    def app(self, *more: Route) -> Starlette:
        """Make the application; ``more`` routes are added to it."""
        routes = [
            Route("/", self._index),
            Route("/v1", self._index),
            Route("/v1/LauncherStatus", self._launcher_status),
            Route("/v1/LauncherRequest", self._launcher_request),
            *self._configuration("AclConfiguration", self._acl, self._put_acl),
            *self._configuration("ClusterConfiguration", self._cluster, self._put_cluster),
            Route("/v1/Frameworks", self._list),
            Route(_FRAMEWORK, self._framework, methods=["GET", "PUT", "DELETE"]),
            Route(f"{_FRAMEWORK}/ExecutionType", self._execution_type, methods=["PUT"]),
            Route(f"{_FRAMEWORK}/TaskRoles/{{role}}/TaskNumber", self._scale, methods=["PUT"]),
            Route(f"{_FRAMEWORK}/ApplicationProgress", self._progress, methods=["PUT"]),
            Route(f"{_FRAMEWORK}/MigrateTasks/{{container}}", self._migrate, methods=["PUT"]),
            Route(f"{_FRAMEWORK}/{{part}}", self._part),
            *more,
        ]
        handlers = {Refusal: _refused, HTTPException: _not_routed}
        # Starlette types the handlers by Exception, whatever they are registered for.
        return Starlette(routes=routes, exception_handlers=handlers)  # type: ignore[arg-type]

    @staticmethod
    def _configuration(name: str, read: Handler, write: Handler) -> list[Route]:
        path = f"/v1/LauncherRequest/{name}"
        return [Route(path, read), Route(path, write, methods=["PUT"])]

    async def _index(self, _request: Request) -> Response:
        return PlainTextResponse("Active at 127.0.0.1: 127.0.0.1", media_type=_JSON)

    async def _launcher_status(self, request: Request) -> Response:
        address = self._lives.address or _address(request)
        return _answer(launcher_status(self._lives.options, address))

    async def _launcher_request(self, _request: Request) -> Response:
        return _answer(
            {
                "launchingDataDeploymentVersion": None,
                "launchedDataDeploymentVersion": None,
                "clusterConfiguration": self._nodes,
                "aclConfiguration": self._access.document(),
            }
        )

    async def _acl(self, _request: Request) -> Response:
        return _answer(self._access.document())

    async def _put_acl(self, request: Request) -> Response:
        self._access.check_administrator(_asking(request))
        self._access.change(await _body(request))
        return _accepted(request, 200)

    async def _cluster(self, _request: Request) -> Response:
        return _answer(self._nodes)

    async def _put_cluster(self, request: Request) -> Response:
        self._access.check_administrator(_asking(request))
        self._nodes = await _body(request)
        return _accepted(request)

    async def _list(self, request: Request) -> Response:
        user = request.query_params.get("UserName")
        client = request.query_params.get("LaunchClientType")
        if user is not None:
            check_name(user)
        if client is not None:
            _check_client(client)
        entries = [
            self._entry(framework)
            for framework in self._lives.frameworks.values()
            if user in (None, framework.descriptor.user) and client in (None, framework.client_type)
        ]
        body = b'{"summarizedFrameworkInfos":[' + b",".join(entries) + b"]}"
        return Response(body, media_type=_JSON)

    def _entry(self, framework: Framework) -> bytes:
        """Encode an entry, once for each framework that is over: lists can be long."""
        known = self._encoded.get(framework.name)
        kind = framework.descriptor.execution_type
        if known is not None and known[0] is framework and known[1] == kind:
            return known[2]
        entry = orjson.dumps(documents.summary(framework, status=self._has_status(framework)))
        if framework.over:
            self._encoded[framework.name] = (framework, kind, entry)
        return entry

    async def _framework(self, request: Request) -> Response:
        name = str(request.path_params["name"])
        if request.method == "PUT":
            return await self._put(request, name)
        if request.method == "DELETE":
            self._access.check_framework(name, _asking(request), None)
            self._lives.delete(name)
            self._encoded.pop(name, None)
            return Response(status_code=202, headers={"Content-Type": _TEXT})
        framework = self._found(name)
        present = self._has_status(framework)
        return _answer(
            {
                "summarizedFrameworkInfo": documents.summary(framework, status=present),
                "aggregatedFrameworkRequest": documents.aggregated_request(framework),
                "aggregatedFrameworkStatus": (
                    documents.aggregated_status(framework, self._lives.address) if present else None
                ),
            }
        )

    async def _put(self, request: Request, name: str) -> Response:
        client = request.headers.get("LaunchClientType", "UNKNOWN")
        _check_client(client)
        descriptor = read_descriptor(await _body(request), self._lives.options.cluster)
        self._access.check_framework(name, _asking(request), descriptor.user)
        most = self._lives.options.most_tasks
        if self._lives.tasks + descriptor.tasks > most:
            raise too_many(f"Total TaskNumber is larger than maxTotalTaskNumber {most}")
        self._lives.put(name, descriptor, client)
        return _accepted(request)

    async def _part(self, request: Request) -> Response:
        part = request.path_params["part"]
        known = ("FrameworkRequest", "AggregatedFrameworkRequest")
        if part not in (*known, "FrameworkStatus", "AggregatedFrameworkStatus"):
            raise HTTPException(404)
        framework = self._found(request.path_params["name"])
        if part == "FrameworkRequest":
            return _answer(documents.request(framework))
        if part == "AggregatedFrameworkRequest":
            return _answer(documents.aggregated_request(framework))
        if not self._has_status(framework):
            raise not_found()
        if part == "FrameworkStatus":
            return _answer(documents.status(framework))
        return _answer(documents.aggregated_status(framework, self._lives.address))

    async def _execution_type(self, request: Request) -> Response:
        fields = _object(await _body(request), "UpdateExecutionTypeRequest")
        kind = fields.choice("executionType", "", (START, STOP), "ExecutionType")
        if not kind:
            raise fields.refuse("executionType", "may not be null")
        framework = self._writable(request)
        framework.descriptor = evolve(framework.descriptor, execution_type=kind)
        framework.last_requested = self._lives.wall()
        return _accepted(request)

    async def _scale(self, request: Request) -> Response:
        fields = _object(await _body(request), "UpdateTaskNumberRequest")
        number = fields.integer("taskNumber", least=0, most=50_000)
        framework = self._writable(request)
        role = request.path_params["role"]
        if role not in framework.descriptor.roles:
            raise not_found()
        framework.descriptor = framework.descriptor.scaled(role, number)
        framework.last_requested = self._lives.wall()
        return _accepted(request)

    async def _progress(self, request: Request) -> Response:
        body = as_object(await _body(request), "OverrideApplicationProgressRequest")
        progress = body.get("applicationProgress")
        if not isinstance(progress, int | float):
            raise Fields(body).refuse("applicationProgress", "may not be null")
        self._writable(request).progress_asked = float(progress)
        return _accepted(request)

    async def _migrate(self, request: Request) -> Response:
        fields = _object(await _body(request), "MigrateTaskRequest")
        fields.choice("antiAffinityLevel", "ANY", ("ANY", "NODE", "RACK"), "AntiAffinityLevel")
        self._writable(request)
        return _accepted(request)

    def _writable(self, request: Request) -> Framework:
        name = str(request.path_params["name"])
        self._access.check_framework(name, _asking(request), None)
        return self._found(name)

    def _found(self, name: str) -> Framework:
        framework = self._lives.frameworks.get(name)
        if framework is None:
            raise not_found()
        return framework

    def _has_status(self, framework: Framework) -> bool:
        return framework.status_from <= self._lives.now()


def _asking(request: Request) -> str:
    return request.headers.get("UserName", ANYBODY)


def _check_client(client: str) -> None:
    if client not in _CLIENTS:
        raise bad_request(f"Failed to ParseLaunchClientTypeStr: [{client}]")


async def _body(request: Request) -> object:
    content = await request.body()
    if not content:
        return None
    if not request.headers.get("Content-Type", "").startswith(_JSON):
        raise not_acceptable()
    try:
        return orjson.loads(content)
    except ValueError as error:
        raise unreadable("JsonParseException", str(error)) from error


def _object(body: object, kind: str) -> Fields:
    return Fields(as_object(body, kind))


def _answer(document: object) -> Response:
    return Response(orjson.dumps(document), media_type=_JSON)


def _accepted(request: Request, status: int = 202) -> Response:
    location = f"{_address(request)}{request.url.path}"
    return Response(status_code=status, headers={"Content-Type": _TEXT, "Location": location})


def _address(request: Request) -> str:
    return f"{request.url.scheme}://{request.headers.get('Host', 'localhost')}"


async def _refused(_request: Request, refusal: Refusal) -> Response:
    return Response(orjson.dumps(refusal.body()), refusal.status, media_type=_JSON)


async def _not_routed(request: Request, error: HTTPException) -> Response:
    if error.status_code == 405:  # the launcher says 400
        return await _refused(request, not_acceptable())
    page = f"<html>\n<head>\n<title>Error 404 NOT_FOUND</title>\n</head>\n<body>{request.url.path}"
    return HTMLResponse(f"{page}</body>\n</html>\n", error.status_code)

"""The served document and the served answers agree, whoever asks."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest
import schemathesis
import uvicorn
from attrs import frozen
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, from_schema
from schemathesis.engine.events import FatalError, NonFatalError, ScenarioFinished

from jobyard.app import create_app
from jobyard.cli.protocols import http_protocol
from jobyard.config.loading import load
from jobyard.registry import Registry

PASSWORD: Final = "correct horse"
# No task ever fits into a tenth of a CPU, so that what the fuzzer submits waits for ever.
CONFIGURATION: Final = f"""\
rest-server:
  server-host: 127.0.0.1
  server-port: 0
  accept-unsatisfiable: true
  default-pai-admin-password: {PASSWORD}
scheduling:
  local: {{cpus: 1, cpu-overcommit: 0.1, gpus: 0}}
accounts:
  login-throttle: "off"
"""
JOB: Final = {
    "jobName": "seeded",
    "image": "debian:12",
    "taskRoles": [{"name": "main", "command": "true"}],
}
CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@frozen
class Served:
    base: str
    tokens: dict[str, str]


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Run a gateway in a thread, and give its address."""
    configuration = folder / "services-configuration.yaml"
    configuration.write_text(CONFIGURATION)
    state = folder / "state"
    state.mkdir(mode=0o700)
    registry = Registry()
    app = create_app(
        load(configuration, registry, {}), registry, state_dir=state, address="http://127.0.0.1"
    )
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=0,
            http=http_protocol(),
            log_config=None,
            access_log=False,
        )
    )
    thread = threading.Thread(target=server.run, name="gateway")
    thread.start()
    try:
        end = time.monotonic() + 30
        while not server.started and thread.is_alive() and time.monotonic() < end:
            time.sleep(0.02)
        assert server.started
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)
    assert not thread.is_alive()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A gateway of the test's own: an administrator may well remove the user."""
    with serving(tmp_path) as base, httpx.Client(base_url=f"{base}/api/v1") as client:
        root = log_in(client, "admin")
        alice = {"username": "alice", "password": PASSWORD, "modify": False}
        answer = client.put("/user", json=alice, headers={"Authorization": root})
        assert answer.status_code == 201
        user = log_in(client, "alice")
        answer = client.post("/user/alice/jobs", json=JOB, headers={"Authorization": user})
        assert answer.status_code == 202
        yield Served(base, {"user": user, "administrator": root})


def log_in(client: httpx.Client, username: str) -> str:
    answer = client.post("/token", json={"username": username, "password": PASSWORD})
    assert answer.status_code == 200
    return f"Bearer {answer.json()['token']}"


def document(served: Served) -> dict[str, object]:
    found: dict[str, object] = httpx.get(f"{served.base}/api/v1/openapi.json").json()
    return found


def test_the_served_document_is_valid(served: Served) -> None:
    OpenAPIV31SpecValidator(document(served)).validate()


def test_a_gateway_with_everything_embedded_is_ready(served: Served) -> None:
    answer = httpx.get(f"{served.base}/readyz")

    assert answer.status_code == 200
    assert {each["name"] for each in answer.json()["backends"]} == {
        "database",
        "auth.local",
        "scheduling.local",
        "storage.local",
    }


@pytest.mark.parametrize("path", ["/api/v1/%0A", "/%0A", "/api/v1/jobs/a%0Ab"])
def test_a_line_break_in_a_path_is_answered_like_any_other(served: Served, path: str) -> None:
    answer = httpx.get(served.base + path)

    assert answer.status_code == 404
    assert answer.json()["code"] in {"NoApiError", "NoJobError"}


def configuration(served: Served, caller: str) -> SchemathesisConfig:
    authorization = served.tokens.get(caller)
    return SchemathesisConfig.from_dict(
        {
            "seed": 7,
            "base-url": served.base,
            "headers": {} if authorization is None else {"Authorization": authorization},
            "request-timeout": 30,
            "generation": {
                "max-examples": 8,
                "deterministic": True,
                "no-shrink": True,
                "with-security-parameters": False,
            },
            "phases": {
                "examples": {"enabled": True},
                "coverage": {"enabled": True, "unexpected-methods": []},
                "fuzzing": {"enabled": True},
                "stateful": {"enabled": False},
            },
            "checks": {"enabled": False, **{name: {"enabled": True} for name in CHECKS}},
        }
    )


@pytest.mark.parametrize(
    ("caller", "met"),
    [
        ("guest", {200, 400, 401, 404}),
        ("user", {200, 202, 400, 403, 404}),
        ("administrator", {200, 201, 202, 400, 403, 404}),
    ],
)
def test_no_answer_is_a_surprise(served: Served, caller: str, met: set[int]) -> None:
    schema = schemathesis.openapi.from_dict(document(served), config=configuration(served, caller))
    surprises: list[str] = []
    statuses: Counter[int] = Counter()
    for event in from_schema(schema).execute():
        if isinstance(event, FatalError):
            raise event.exception
        if isinstance(event, NonFatalError):
            surprises.append(f"{event.label}: {event.value!r}")
        if isinstance(event, ScenarioFinished):
            answers = [each.response for each in event.recorder.interactions.values()]
            statuses.update(each.status_code for each in answers if each is not None)
            surprises += failures(event)

    assert surprises == [], "\n\n".join(surprises)
    assert met <= set(statuses)
    assert statuses.total() > 1000


def failures(event: ScenarioFinished) -> Iterator[str]:
    """Say what failed: the check's words, the request, and the answer."""
    for case, checks in event.recorder.checks.items():
        for check in checks:
            if check.status is not Status.FAILURE or check.failure_info is None:
                continue
            asked = event.recorder.interactions[case]
            answer = asked.response
            yield (
                f"{check.name}: {check.failure_info.failure}\n"
                f"{asked.request.method} {asked.request.uri} {asked.request.body!r}\n"
                f"{answer and (answer.status_code, answer.content[:300])}"
            )

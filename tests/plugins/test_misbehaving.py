"""What callers and deployers are told of a plugin that was opened and then breaks its contract."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import anyio
import pytest

import jobyard
from jobyard.domain.identity import Identity, NotMine
from jobyard.errors import Unavailable
from jobyard.seams.auth import Authenticator
from jobyard.seams.observer import Admission, JobSubmitted, Refusal, UserAuthenticated
from jobyard.seams.scheduling import Scheduler
from jobyard.services.observers import Observers
from jobyard.testing.unsupported import UnsupportedScheduler
from tests.gateways import SMALL, Gateway, auth_double, observer_double, running, scheduling_double
from tests.gateways import told as told_of

INCIDENT = re.compile(r"incident ([0-9a-f]{12})\.$")
AUTH = f"{SMALL}\nauth: [local, double]\n"
SCHEDULING = f"{SMALL}\nscheduling: double\n"
OBSERVERS = f"{SMALL}\nobservers: [double]\n"
LOGIN = {"username": "somebody", "password": "long enough"}
JOB = {"image": "none", "taskRoles": [{"name": "main", "command": "true"}]}


class Directory:
    """A directory that answers whatever it was made with, or raises it."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    async def authenticate(self, username: str, password: object) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def find(self, username: str) -> object:
        return NotMine()

    async def ping(self) -> None:
        if isinstance(self.answer, Unavailable):
            raise self.answer


def directory(answer: object) -> Authenticator:
    return cast("Authenticator", Directory(answer))


class Cluster(UnsupportedScheduler):
    """A cluster whose every answer is the same nonsense."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    async def _nonsense(self, *_: object) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def cluster(answer: object) -> Scheduler:
    made = Cluster(answer)
    for name in ("jobs", "job", "quotas", "nodes", "refusal", "submit"):
        setattr(made, name, made._nonsense)
    return made


async def submit(gateway: Gateway, name: str, query: str = "") -> tuple[int, Mapping[str, str]]:
    answer = await gateway.admin.call("POST", f"/user/admin/jobs{query}", {"jobName": name, **JOB})
    return answer.status_code, answer.json()


def incident_of(document: Mapping[str, str], caplog: pytest.LogCaptureFixture) -> str:
    """Give the number under which the caller can ask, and with which the log has the trace."""
    found = INCIDENT.search(document["message"])
    assert found is not None, document
    assert document["code"] == "UnknownError"
    (record,) = [each for each in caplog.records if found[1] in each.getMessage()]
    assert record.exc_info is not None
    return found[1]


async def test_a_call_that_raises_is_an_incident_whose_trace_is_in_the_log_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    double = auth_double(directory(KeyError("the secret of 192.0.2.1")))

    async with running(tmp_path, AUTH, double) as gateway:
        answer = await gateway.guest.call("POST", "/token", LOGIN)

        assert answer.status_code == 500
        incident_of(answer.json(), caplog)
        assert "192.0.2.1" not in answer.text
        assert "KeyError" not in answer.text
        assert (await gateway.admin.get("/user")).status_code == 200


async def test_a_backend_that_goes_away_is_said_to_and_is_nobodys_unknown_user(
    tmp_path: Path,
) -> None:
    double = auth_double(directory(Unavailable("nobody answers", detail="192.0.2.1")))

    async with running(tmp_path, AUTH, double) as gateway:
        answer = await gateway.guest.call("POST", "/token", LOGIN)
        ready = await gateway.guest.get("//readyz")

    assert (answer.status_code, answer.headers["Retry-After"]) == (500, "5")
    assert told_of(answer).message == "auth.double: nobody answers"
    assert ready.status_code == 503
    assert "192.0.2.1" not in answer.text + ready.text


@pytest.mark.parametrize("nonsense", ["a text", 7, object(), {}, Identity("double", "../root")])
async def test_nonsense_from_a_directory_lets_nobody_in(tmp_path: Path, nonsense: object) -> None:
    async with running(tmp_path, AUTH, auth_double(directory(nonsense))) as gateway:
        answer = await gateway.guest.call("POST", "/token", LOGIN)

        assert answer.status_code == 500
        assert told_of(answer).code == "UnknownError"
        assert "Traceback" not in answer.text
        assert (await gateway.admin.get("/user")).status_code == 200


@pytest.mark.parametrize("nonsense", ["a text", 7, None, KeyError("of the cluster")])
async def test_nonsense_from_a_cluster_breaks_no_route_but_those_that_need_it(
    tmp_path: Path, nonsense: object
) -> None:
    double = scheduling_double(cluster(nonsense))

    async with running(tmp_path, SCHEDULING, double) as gateway:
        for path in ("/virtual-clusters", "/jobs", "/user/admin/jobs", "/user/admin/jobs/none"):
            answer = await gateway.admin.get(path)
            assert answer.status_code in (404, 500), path
            assert told_of(answer).code in ("NoJobError", "UnknownError"), path
        assert (await gateway.guest.get("/info")).status_code == 200
        assert (await gateway.guest.get("//healthz")).status_code == 200


# ----------------------------------------------------------------------------------- observers


class Listener:
    """An observer that does the same at each event."""

    def __init__(self, error: Exception | None = None, *, hangs: bool = False) -> None:
        self.error = error
        self.hangs = hangs
        self.heard: list[object] = []

    async def hear(self, event: object) -> None:
        self.heard.append(event)
        if self.hangs:
            await anyio.sleep_forever()
        if self.error is not None:
            raise self.error

    @jobyard.hookimpl
    async def jobyard_job_submitted(self, event: JobSubmitted) -> None:
        await self.hear(event)

    @jobyard.hookimpl
    async def jobyard_user_authenticated(self, event: UserAuthenticated) -> None:
        await self.hear(event)


@pytest.mark.parametrize(
    "listener", [Listener(), Listener(ValueError("deaf")), Listener(hangs=True)]
)
async def test_an_observer_never_breaks_what_it_hears_of(
    tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Observers.__init__, "__kwdefaults__", {"deadline": 0.05})

    async with running(tmp_path, OBSERVERS, observer_double(listener)) as gateway:
        status, document = await submit(gateway, "heard")

    assert (status, document["message"]) == (202, "update job heard successfully")
    assert [type(each) for each in listener.heard] == [UserAuthenticated, JobSubmitted]


class Gatekeeper:
    """An observer that is asked."""

    def __init__(self, answer: Refusal | Exception) -> None:
        self.answer = answer
        self.asked: list[Admission] = []

    @jobyard.hookimpl
    async def jobyard_admit_job(self, request: Admission) -> Refusal | None:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def jobs_of(gateway: Gateway) -> Sequence[object]:
    return cast("Sequence[object]", await gateway.admin.good("GET", "/user/admin/jobs"))


async def test_a_refused_job_is_403_with_the_observers_reason(tmp_path: Path) -> None:
    keeper = Gatekeeper(Refusal("no jobs on Sundays"))

    async with running(tmp_path, OBSERVERS, observer_double(keeper)) as gateway:
        refused = await submit(gateway, "refused")
        tried = await submit(gateway, "tried", "?dryRun=true")
        jobs = await jobs_of(gateway)

    expected = {"code": "ForbiddenUserError", "message": "no jobs on Sundays"}
    assert refused == tried == (403, expected)
    assert [each.dry_run for each in keeper.asked] == [False, True]
    assert jobs == []


async def test_an_admission_that_cannot_be_decided_is_not_open(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = Gatekeeper(ZeroDivisionError("the rule of 192.0.2.1"))

    async with running(tmp_path, OBSERVERS, observer_double(keeper)) as gateway:
        status, document = await submit(gateway, "undecided")
        jobs = await jobs_of(gateway)

    assert status == 500
    incident_of(document, caplog)
    assert "192.0.2.1" not in document["message"]
    assert jobs == []

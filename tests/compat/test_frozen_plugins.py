"""Plugins that were written for an older Jobyard go on working, or are told what to upgrade."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import AsyncIterator, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import anyio.to_thread
import pytest

import jobyard
from jobyard.domain.identity import Identity
from jobyard.errors import Incompatible
from jobyard.registry import Registry
from jobyard.seams.observer import UserAuthenticated
from jobyard.seams.provider import API_VERSIONS, Seam
from jobyard.services.observers import Observer, Observers
from tests.core.plugins import entry_point, provider
from tests.gateways import Caller, Gateway, running, told

FROZEN: Final = Path(__file__).parent / "plugin_v1"
DIGEST: Final = "57bc4df7e321812121d736c27d2b1b4617c638cb17121609528d8a64e34923f7"
CONFIGURATION: Final = """
rest-server: {default-pai-admin-password: secret of the admin}
auth:
  - local
  - frozen: {users: [ada, bob], password: secret of both}
scheduling: {frozen: {cpus: 4}}
storage: {frozen: {}}
observers:
  - frozen: {refused-image: unwelcome}
"""
PASSWORD: Final = "secret of both"


def _points() -> list[EntryPoint]:
    """Give the entry points that the plugins' own metadata announce."""
    points: list[EntryPoint] = []
    for file in sorted(FROZEN.glob("*/pyproject.toml")):
        project = tomllib.loads(file.read_text())["project"]
        for group, names in project["entry-points"].items():
            seam = Seam(group.removeprefix("jobyard."))
            for name, value in cast("Mapping[str, str]", names).items():
                origin = project["name"], project["version"]
                points.append(entry_point(seam, name, value, *origin))
    return points


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    """The plugins where an import finds them."""
    for folder in sorted(FROZEN.glob("*/")):
        monkeypatch.syspath_prepend(folder)
    return _points()


@pytest.fixture(params=[0, 1], ids=["as long as 1 is current", "when 2 is current"])
def current(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The seams, at the plugins' version and at the one after."""
    for seam in Seam:
        monkeypatch.setitem(API_VERSIONS, seam, 1 + int(request.param))


@pytest.fixture
async def gateway(
    current: None, installed: list[EntryPoint], tmp_path: Path
) -> AsyncIterator[Gateway]:
    async with running(tmp_path, CONFIGURATION, *installed) as gateway:
        yield gateway


@pytest.fixture
async def ada(gateway: Gateway) -> Caller:
    return await gateway.log_in("ada", PASSWORD)


def _job(name: str, **changes: object) -> dict[str, object]:
    role = {"name": "main", "command": "run", "taskNumber": 2}
    return {"jobName": name, "image": "welcome", "taskRoles": [role], **changes}


def test_every_seam_has_a_frozen_plugin() -> None:
    assert {each.group for each in _points()} == {seam.entry_point_group for seam in Seam}


def test_nobody_has_edited_them() -> None:
    """They stand for what others have written: Jobyard is what has to change."""
    digest = hashlib.sha256()
    for file in sorted(FROZEN.rglob("*")):
        if file.is_file() and file.suffix in {".py", ".toml", ".md"}:
            digest.update(f"{file.relative_to(FROZEN)}\n".encode())
            digest.update(file.read_bytes())

    assert digest.hexdigest() == DIGEST


async def test_its_users_log_in_and_are_listed(gateway: Gateway, ada: Caller) -> None:
    wrong = {"username": "ada", "password": "of nobody"}
    listed = cast("list[dict[str, Any]]", await gateway.admin.good("GET", "/user"))

    assert told(await gateway.guest.call("POST", "/token", wrong)).code == "IncorrectPassworkError"
    assert {"ada", "bob"} <= {each["username"] for each in listed}


async def test_its_cluster_runs_jobs(gateway: Gateway, ada: Caller) -> None:
    await ada.good("POST", "/user/ada/jobs", _job("one"))
    status = await gateway.state("ada", "one", "RUNNING")
    log = await ada.get("/user/ada/jobs/one/tasks/main/1/logs?stream=stdout")
    await ada.good("PUT", "/user/ada/jobs/one/executionType", {"value": "STOP"})
    stopped = await gateway.state("ada", "one", "STOPPED")
    await ada.good("DELETE", "/user/ada/jobs/one")

    assert (status["username"], log.text) == ("ada", "main 1 on stdout\n")
    assert stopped["appExitCode"] == -7351
    assert await ada.good("GET", "/jobs") == []


async def test_its_cluster_refuses_what_it_can_never_run(ada: Caller) -> None:
    large = [{"name": "main", "command": "run", "cpuNumber": 5}]
    answer = await ada.call("POST", "/user/ada/jobs", _job("large", taskRoles=large))

    assert (answer.status_code, told(answer).code) == (400, "InvalidParametersError")
    assert "the largest node has 4 CPUs" in told(answer).message


async def test_its_cluster_has_virtual_clusters(gateway: Gateway) -> None:
    await gateway.admin.good("PUT", "/virtual-clusters/team", {"vcCapacity": 30})
    clusters = cast(
        "dict[str, dict[str, Any]]", await gateway.guest.good("GET", "/virtual-clusters")
    )

    assert {name: each["capacity"] for name, each in clusters.items()} == {
        "default": 70,
        "team": 30,
    }


async def test_its_files_are_served(gateway: Gateway, ada: Caller) -> None:
    root = "//webhdfs/v1/user/ada"
    made = await _followed(ada, "PUT", f"{root}/a/file?op=CREATE", b"hello")
    await _followed(ada, "POST", f"{root}/a/file?op=APPEND", b" world")
    read = await _followed(ada, "GET", f"{root}/a/file?op=OPEN")
    moved = await ada.call("PUT", f"{root}/a/file?op=RENAME&destination=/user/ada/a/other")
    listed = await ada.get(f"{root}/a?op=LISTSTATUS")

    assert (made.status_code, read.content) == (201, b"hello world")
    assert moved.json() == {"boolean": True}
    assert [each["pathSuffix"] for each in listed.json()["FileStatuses"]["FileStatus"]] == ["other"]
    assert (await ada.call("DELETE", f"{root}/a?op=DELETE&recursive=true")).json() == {
        "boolean": True
    }


async def _followed(caller: Caller, method: str, path: str, content: bytes | None = None) -> Any:
    first = await caller.call(method, path)

    assert first.status_code == 307
    headers = {"Authorization": f"Bearer {caller.token}"}
    return await caller.http.request(
        method, first.headers["location"], content=content, headers=headers
    )


async def test_its_observer_hears_and_refuses(
    gateway: Gateway, ada: Caller, tmp_path: Path
) -> None:
    refused = await ada.call("POST", "/user/ada/jobs", _job("no", image="unwelcome"))
    await ada.good("POST", "/user/ada/jobs", _job("yes"))
    file = tmp_path / "state" / "observers.frozen" / "heard"
    with anyio.fail_after(10):
        while "changed ada~yes to RUNNING" not in (heard := await _lines(file)):  # noqa: ASYNC110 - a file
            await anyio.sleep(0.02)

    assert told(refused).message == "the image unwelcome is not welcome"
    assert {"authenticated ada", "submitted ada~yes by ada"} <= set(heard)
    assert not [each for each in heard if "ada~no" in each]


async def _lines(file: Path) -> list[str]:
    return (await anyio.to_thread.run_sync(file.read_text)).splitlines()


async def test_a_hook_may_get_arguments_that_its_plugin_does_not_know() -> None:
    heard: list[object] = []

    class Ears:
        @jobyard.hookimpl
        async def jobyard_user_authenticated(self, event: UserAuthenticated) -> None:
            heard.append(event)

    event = UserAuthenticated(Identity("frozen", "ada"), "192.0.2.7")
    observers = Observers([Observer("frozen", Ears())])
    await observers._tell("jobyard_user_authenticated", {"event": event, "new": "argument"})

    assert heard == [event]


@pytest.mark.parametrize("seam", Seam)
def test_a_plugin_of_two_versions_ago_is_to_be_upgraded(
    seam: Seam, installed: list[EntryPoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(API_VERSIONS, seam, 3)
    name = "observer" if seam is Seam.OBSERVERS else seam.value

    with pytest.raises(Incompatible, match=f"speaks 3: upgrade jobyard-frozen-{name}$"):
        Registry(installed).provider(seam, "frozen")


@pytest.mark.parametrize("seam", Seam)
def test_for_a_plugin_of_the_next_version_jobyard_is_to_be_upgraded(
    seam: Seam, installed: list[EntryPoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    point = next(each for each in installed if each.group == seam.entry_point_group)
    config = Registry(installed).provider(seam, "frozen").config
    newer = provider(seam, "frozen", config, api=API_VERSIONS[seam] + 1)
    hook = next(name for name in dir(point.load()) if name.startswith("jobyard_"))
    plugin = SimpleNamespace(**{hook: jobyard.hookimpl(lambda: [newer])})
    monkeypatch.setattr(EntryPoint, "load", lambda _: plugin)

    with pytest.raises(Incompatible, match=r"was written for version 2 of the .* upgrade Jobyard$"):
        Registry(installed).provider(seam, "frozen")

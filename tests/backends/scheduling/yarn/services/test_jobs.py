"""Jobs run as YARN Services on a real NodeManager, by our rules of completion and retry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import anyio
import httpx
import pytest
from anyio import to_thread

from tests.backends.scheduling.yarn.services.conftest import serving
from tests.gateways import Gateway
from tests.ports import lasting_ports
from tests.yarn import Yarn

pytestmark = pytest.mark.anyio

_EXAMPLES: Final = Path(__file__).parents[5] / "examples"
_PATIENCE: Final = 150.0
_ENDED: Final = ("SUCCEEDED", "FAILED", "STOPPED")


def _role(command: str, name: str = "main", tasks: int = 1, **more: object) -> dict[str, object]:
    return {"name": name, "taskNumber": tasks, "memoryMB": 128, "command": command, **more}


async def _submit(gateway: Gateway, name: str, *roles: dict[str, object], **more: object) -> None:
    job = {"jobName": name, "image": "none", "taskRoles": roles, **more}
    await gateway.admin.good("POST", "/user/admin/jobs", job)


async def _ended(gateway: Gateway, name: str) -> dict[str, Any]:
    return cast("dict[str, Any]", await gateway.state("admin", name, *_ENDED, within=_PATIENCE))


async def _codes(gateway: Gateway, name: str) -> dict[str, list[int | None]]:
    document = await gateway.admin.good("GET", f"/user/admin/jobs/{name}")
    roles = cast("Mapping[str, Any]", document)["taskRoles"]
    return {
        role: [task["containerExitCode"] for task in value["taskStatuses"]]
        for role, value in roles.items()
    }


async def _put(gateway: Gateway, path: str, content: bytes) -> None:
    assert gateway.admin.token is not None
    answer = await gateway.http.put(
        f"/webhdfs/v1{path}?op=CREATE&overwrite=true",
        content=content,
        headers={
            "Authorization": f"Bearer {gateway.admin.token}",
            "Content-Type": "application/octet-stream",
        },
        follow_redirects=True,
    )
    assert answer.status_code == 201, answer.text


async def _read(gateway: Gateway, path: str) -> bytes:
    headers = {"Authorization": f"Bearer {gateway.admin.token}"}
    address = f"/webhdfs/v1{path}?op=OPEN"
    return (await gateway.http.get(address, headers=headers, follow_redirects=True)).content


async def _upload(gateway: Gateway) -> None:
    for kind in ("code", "parameter-server"):
        folder = "data" if kind == "parameter-server" else kind
        for file in (_EXAMPLES / kind).glob("*"):
            if file.suffix in {".py", ".csv"}:
                path = f"/user/admin/examples/{folder}/{file.name}"
                await _put(gateway, path, file.read_bytes())


def _example(name: str) -> dict[str, object]:
    return cast("dict[str, object]", json.loads((_EXAMPLES / name / "job.json").read_text()))


async def test_the_demonstration_of_two_roles_runs_and_succeeds(gateway: Gateway) -> None:
    await _upload(gateway)
    await gateway.admin.good("POST", "/user/admin/jobs", _example("parameter-server"))
    running = await gateway.state("admin", "parameter-server", "RUNNING", *_ENDED, within=_PATIENCE)
    assert str(running["appId"]).startswith("application_")
    status = await _ended(gateway, "parameter-server")

    assert (status["state"], status["appExitCode"]) == ("SUCCEEDED", 0), status
    codes = await _codes(gateway, "parameter-server")
    assert codes == {"ps": [0], "worker": [0, 0, 0]}
    model = json.loads(await _read(gateway, "/Output/admin/parameter-server/model.json"))
    assert model


async def test_a_failure_is_retried_and_then_succeeds(gateway: Gateway) -> None:
    await _upload(gateway)
    await gateway.admin.good("POST", "/user/admin/jobs", _example("flaky"))
    status = await _ended(gateway, "flaky")

    assert (status["state"], status["retries"]) == ("SUCCEEDED", 1), status
    assert status["retryDetails"] == {"user": 1, "platform": 0, "resource": 0}


async def test_a_task_that_fails_ends_the_others(gateway: Gateway) -> None:
    await _submit(
        gateway, "failing", _role("exit 3", "bad"), _role("exec sleep 1000", "good", tasks=2)
    )
    status = await _ended(gateway, "failing")

    assert (status["state"], status["appExitCode"]) == ("FAILED", 3)
    assert status["appExitTriggerTaskRoleName"] == "bad"
    assert status["appExitType"] == "UNKNOWN"
    assert await _codes(gateway, "failing") == {"bad": [3], "good": [-7400, -7400]}


async def test_enough_successes_end_a_job(gateway: Gateway) -> None:
    command = '[ "$PAI_TASK_INDEX" = 0 ] || exec sleep 1000'
    await _submit(gateway, "enough", _role(command, tasks=2, minSucceededTaskCount=1))
    status = await _ended(gateway, "enough")

    assert (status["state"], status["appExitCode"]) == ("SUCCEEDED", 0)
    assert await _codes(gateway, "enough") == {"main": [0, -7400]}


async def test_the_output_is_on_a_page_of_yarns(gateway: Gateway) -> None:
    await _submit(gateway, "speaking", _role("echo spoken; exec sleep 1000"))
    await gateway.state("admin", "speaking", "RUNNING", within=_PATIENCE)
    document = await gateway.admin.good("GET", "/user/admin/jobs/speaking")
    (task,) = cast("Mapping[str, Any]", document)["taskRoles"]["main"]["taskStatuses"]
    address = f"{task['containerLog']}/stdout.txt/?start=0"
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        page = await http.get(address)

    assert page.status_code == 200, page.text
    await gateway.admin.good("DELETE", "/user/admin/jobs/speaking")


async def test_a_stop_in_the_middle_is_final_and_frees_the_cluster(
    gateway: Gateway, services: Yarn
) -> None:
    await _submit(gateway, "stopped", _role("exec sleep 1000"), retryCount=5)
    await gateway.state("admin", "stopped", "RUNNING", within=_PATIENCE)
    path = "/user/admin/jobs/stopped"
    await gateway.admin.good("PUT", f"{path}/executionType", {"value": "STOP"})
    status = await _ended(gateway, "stopped")

    assert (status["state"], status["appExitCode"]) == ("STOPPED", -7351)
    assert await _codes(gateway, "stopped") == {"main": [-7400]}
    await to_thread.run_sync(services.wait, lambda: not _held(services))


async def test_what_waits_is_stopped_at_once(gateway: Gateway) -> None:
    await _submit(gateway, "waiting", _role("true", tasks=20, memoryMB=1024))
    with anyio.fail_after(_PATIENCE):
        while True:
            document = await gateway.admin.good("GET", "/user/admin/jobs/waiting")
            status = cast("Mapping[str, Any]", document)["jobStatus"]
            if status["subState"] == "APPLICATION_WAITING":
                break
            await anyio.sleep(0.05)
    assert status["waitingReason"]["code"] == "NoCapacity"
    path = "/user/admin/jobs/waiting"
    await gateway.admin.good("PUT", f"{path}/executionType", {"value": "STOP"})
    document = await gateway.admin.good("GET", path)
    assert cast("Mapping[str, Any]", document)["jobStatus"]["state"] == "STOPPED"


async def test_a_deleted_job_leaves_nothing_and_its_name_is_free(
    gateway: Gateway, services: Yarn, tmp_path: Path
) -> None:
    await _submit(gateway, "deleted", _role("exec sleep 1000"))
    await gateway.state("admin", "deleted", "RUNNING", within=_PATIENCE)
    await gateway.admin.good("DELETE", "/user/admin/jobs/deleted")
    assert (await gateway.admin.get("/user/admin/jobs/deleted")).status_code == 404
    await _submit(gateway, "deleted", _role("true"))
    assert (await _ended(gateway, "deleted"))["state"] == "SUCCEEDED"
    await to_thread.run_sync(services.wait, lambda: not _held(services))


async def test_a_service_that_is_killed_from_outside_fails_its_job(
    gateway: Gateway, services: Yarn
) -> None:
    await _submit(gateway, "killed", _role("exec sleep 1000"))
    await gateway.state("admin", "killed", "RUNNING", within=_PATIENCE)
    await to_thread.run_sync(services.end_all)
    status = await _ended(gateway, "killed")

    assert (status["state"], status["appExitCode"]) == ("FAILED", -7101)
    assert "nobody knows how" in status["appExitDiagnostics"]


async def test_ports_and_addresses_of_all_are_in_every_task(gateway: Gateway) -> None:
    command = (
        'printf "%s|%s|%s|%s" "$PAI_HOST_IP_b_0" "$PAI_PORT_LIST_a_0_http" '
        '"$PAI_CONTAINER_HOST_PORT_LIST" "$ODD" | curl -s -L --noproxy "*" -T - '
        '-H "Authorization: Bearer $PAI_STORAGE_TOKEN" -H "Content-Type: application/octet-stream" '
        '"${PAI_OUTPUT_DIR}/$PAI_CURRENT_TASK_ROLE_NAME?op=CREATE&overwrite=true"'
    )
    odd = 'it\'s "$odd"\nand `odd` ${COMPONENT_NAME}'
    envs = {"ODD": odd}
    await _submit(gateway, "told", _role(command, "a"), _role(command, "b"), jobEnvs=envs)
    status = await _ended(gateway, "told")
    assert status["state"] == "SUCCEEDED", status
    said = [
        (await _read(gateway, f"/Output/admin/told/{name}")).decode().split("|", 3)
        for name in ("a", "b")
    ]
    assert said[0][:2] == said[1][:2]
    assert said[0][0] == "127.0.0.1"
    assert f"http:{said[0][1]}" in said[0][2].split(";")
    assert said[0][2] != said[1][2]
    assert said[0][3] == said[1][3] == odd


async def test_a_job_goes_on_while_the_gateway_is_away(services: Yarn, tmp_path: Path) -> None:
    (port,) = lasting_ports(1)
    flag = tmp_path / "go"
    command = f"until [ -e {flag} ]; do sleep 0.1; done; exit 4"
    async with serving(tmp_path, services, port=port) as gateway:
        await _submit(gateway, "patient", _role(command))
        before = await gateway.state("admin", "patient", "RUNNING", within=_PATIENCE)
    await to_thread.run_sync(flag.touch)
    async with serving(tmp_path, services, port=port) as gateway:
        status = await _ended(gateway, "patient")

    assert (status["state"], status["appExitCode"]) == ("FAILED", 4)
    assert (status["appId"], status["retries"]) == (before["appId"], 0)


def _held(yarn: Yarn) -> int:
    used = cast("Mapping[str, int]", yarn.queues()["default"]["resourcesUsed"])
    return used["memory"]

"""The rows of section 5 of the contract, on a gateway with the embedded scheduler."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from tests.gateways import Caller, Gateway, Told, running, told

NOT_ADMIN = Told(403, "ForbiddenUserError", "Non-admin is not allow to do this operation.")
UPDATE_DEFAULT = Told(403, "ForbiddenUserError", "Don't allow to update default vc")
REMOVE_DEFAULT = Told(403, "ForbiddenUserError", "Don't allow to remove default vc.")
UNKNOWN = Told(404, "NoVirtualClusterError", "Virtual cluster vc9 is not found.")
GUEST = Told(401, "UnauthorizedUserError", "Guest is not allowed to do this operation.")


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with running(tmp_path) as gateway:
        yield gateway


@pytest.fixture
async def admin(gateway: Gateway) -> Caller:
    return gateway.admin


async def all_of(caller: Caller) -> dict[str, dict[str, Any]]:
    return cast("dict[str, dict[str, Any]]", await caller.good("GET", "/virtual-clusters"))


async def test_there_is_default_with_everything(gateway: Gateway) -> None:
    assert await all_of(gateway.guest) == {
        "default": {
            "capacity": 100,
            "maxCapacity": 100,
            "usedCapacity": 0.0,
            "numActiveJobs": 0,
            "numJobs": 0,
            "numPendingJobs": 0,
            "resourcesUsed": {"memory": 0, "vCores": 0, "GPUs": 0},
            "state": "running",
            "status": "RUNNING",
        }
    }


async def test_one_is_made_changed_and_removed_at_the_cost_of_default(admin: Caller) -> None:
    response = await admin.call("PUT", "/virtual-clusters/vc1", {"vcCapacity": 30})
    assert response.status_code == 201
    assert response.json() == {"message": "Update vc: vc1 to capacity: 30 successfully."}
    found = await all_of(admin)
    assert (found["vc1"]["capacity"], found["vc1"]["maxCapacity"]) == (30, 30)
    assert (found["default"]["capacity"], found["default"]["maxCapacity"]) == (70, 100)

    change = {"vcCapacity": 12.5, "vcMaxCapacity": 80}
    response = await admin.call("PUT", "/virtual-clusters/vc1", change)
    assert response.json() == {"message": "Update vc: vc1 to capacity: 12.5 successfully."}
    one = cast("dict[str, Any]", await admin.good("GET", "/virtual-clusters/vc1"))
    assert (one["capacity"], one["maxCapacity"]) == (13, 80)

    response = await admin.call("DELETE", "/virtual-clusters/vc1")
    assert response.status_code == 201
    assert response.json() == {"message": "Remove vc: vc1 successfully."}
    assert (await all_of(admin))["default"]["capacity"] == 100


async def test_one_is_stopped_and_let_run_again(admin: Caller) -> None:
    await admin.good("PUT", "/virtual-clusters/vc1", {"vcCapacity": 30})
    path = "/virtual-clusters/vc1/status"

    response = await admin.call("PUT", path, {"vcStatus": "stopped"})
    assert response.status_code == 201
    assert response.json() == {"message": "Update vc: vc1 to status: stopped successfully."}
    found = (await all_of(admin))["vc1"]
    assert (found["state"], found["status"]) == ("stopped", "STOPPED")

    response = await admin.call("PUT", path, {"vcStatus": "running"})
    assert response.json() == {"message": "Update vc: vc1 to status: running successfully."}
    assert (await all_of(admin))["vc1"]["status"] == "RUNNING"


async def test_default_is_protected(admin: Caller) -> None:
    path = "/virtual-clusters/default"
    assert told(await admin.call("PUT", path, {"vcCapacity": 50})) == UPDATE_DEFAULT
    stop = await admin.call("PUT", f"{path}/status", {"vcStatus": "stopped"})
    assert told(stop) == UPDATE_DEFAULT
    assert told(await admin.call("DELETE", path)) == REMOVE_DEFAULT


@pytest.mark.parametrize("name", ["default", "vc1", "vc9"])
async def test_others_than_administrators_may_change_nothing(gateway: Gateway, name: str) -> None:
    alice = await gateway.user("alice")
    path = f"/virtual-clusters/{name}"

    assert told(await alice.call("PUT", path, {"vcCapacity": 10})) == NOT_ADMIN
    assert told(await alice.call("DELETE", path)) == NOT_ADMIN
    assert told(await alice.call("PUT", f"{path}/status", {"vcStatus": "stopped"})) == NOT_ADMIN
    assert told(await gateway.guest.call("DELETE", path)) == GUEST


async def test_more_than_default_has_is_refused(admin: Caller) -> None:
    await admin.good("PUT", "/virtual-clusters/vc1", {"vcCapacity": 70})
    response = await admin.call("PUT", "/virtual-clusters/vc2", {"vcCapacity": 31})

    message = "No enough quota in default vc."
    assert told(response) == Told(403, "NoEnoughQuotaError", message)
    assert (await all_of(admin)).keys() == {"default", "vc1"}


async def test_an_unknown_one_is_not_found(admin: Caller) -> None:
    path = "/virtual-clusters/vc9"
    assert told(await admin.get(path)) == UNKNOWN
    assert told(await admin.call("DELETE", path)) == UNKNOWN
    assert told(await admin.call("PUT", f"{path}/status", {"vcStatus": "stopped"})) == UNKNOWN


async def test_jobs_that_have_not_ended_block_the_removal(admin: Caller, gateway: Gateway) -> None:
    await admin.good("PUT", "/virtual-clusters/vc1", {"vcCapacity": 50})
    role = {"name": "main", "command": "exec sleep 600"}
    job = {"jobName": "x", "image": "none", "virtualCluster": "vc1", "taskRoles": [role]}
    await admin.good("POST", "/user/admin/jobs", job)
    await gateway.state("admin", "x", "RUNNING")

    used = (await all_of(admin))["vc1"]
    assert (used["numJobs"], used["numActiveJobs"], used["numPendingJobs"]) == (1, 1, 0)
    assert used["resourcesUsed"] == {"memory": 100, "vCores": 1, "GPUs": 0}
    assert used["usedCapacity"] > 0

    message = "Virtual cluster vc1 has 1 unfinished job; stop or delete them first."
    answer = told(await admin.call("DELETE", "/virtual-clusters/vc1"))
    assert answer == Told(403, "RemoveRunningVcError", message)
    assert (await all_of(admin))["vc1"]["status"] == "RUNNING"

    await admin.good("PUT", "/user/admin/jobs/x/executionType", {"value": "STOP"})
    await gateway.state("admin", "x", "STOPPED")
    await admin.good("DELETE", "/virtual-clusters/vc1")
    shown = cast("dict[str, Any]", await admin.good("GET", "/user/admin/jobs/x"))
    assert shown["jobStatus"]["virtualCluster"] == "vc1"


async def test_a_namesake_of_a_removed_one_grants_nothing(gateway: Gateway) -> None:
    await gateway.admin.good("PUT", "/virtual-clusters/vc1", {"vcCapacity": 50})
    await gateway.user("alice", "vc1")
    await gateway.admin.good("DELETE", "/virtual-clusters/vc1")
    await gateway.admin.good("PUT", "/virtual-clusters/vc1", {"vcCapacity": 50})

    user = cast("dict[str, str]", await gateway.admin.good("GET", "/user/alice"))
    assert user["virtualCluster"] == "default"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "vcCapacity"),
        ({"vcCapacity": -1}, "vcCapacity"),
        ({"vcCapacity": 101}, "vcCapacity"),
        ({"vcCapacity": "much"}, "vcCapacity"),
        ({"vcCapacity": 10, "vcMaxCapacity": 101}, "vcMaxCapacity"),
        ({"vcCapacity": 10, "vcMaxCapacity": 9}, "vcMaxCapacity"),
        ({"vcCapacity": 10, "wrong": 1}, "wrong"),
    ],
)
async def test_bad_numbers_are_named(admin: Caller, body: dict[str, object], field: str) -> None:
    answer = told(await admin.call("PUT", "/virtual-clusters/vc1", body))

    assert (answer.status, answer.code) == (400, "InvalidParametersError")
    assert answer.message.startswith(f"{field}: ")
    assert (await all_of(admin)).keys() == {"default"}


async def test_a_bad_status_is_named(admin: Caller) -> None:
    response = await admin.call("PUT", "/virtual-clusters/vc1/status", {"vcStatus": "off"})

    message = 'vcStatus: expected "running" or "stopped", got "off"'
    assert told(response) == Told(400, "InvalidParametersError", message)


async def test_a_name_out_of_its_pattern_is_invalid(admin: Caller) -> None:
    message = 'vcName: "a-b" is no virtual cluster\'s name; ^[A-Za-z0-9_]+$ is expected'
    expected = Told(400, "InvalidParametersError", message)
    assert told(await admin.get("/virtual-clusters/a-b")) == expected
    assert told(await admin.call("DELETE", "/virtual-clusters/a-b")) == expected
    change = await admin.call("PUT", "/virtual-clusters/a-b", {"vcCapacity": 10})
    assert told(change) == expected


async def test_a_form_changes_a_share_too(admin: Caller) -> None:
    response = await admin.call("PUT", "/virtual-clusters/vc1", data={"vcCapacity": "20"})

    assert response.json() == {"message": "Update vc: vc1 to capacity: 20 successfully."}

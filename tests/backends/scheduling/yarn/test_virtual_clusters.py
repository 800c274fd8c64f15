"""Section 5 of the contract on a ResourceManager: what a gateway says is what YARN does."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, cast

import anyio
import pytest
from anyio import to_thread

from jobyard.domain import capacity
from jobyard.domain.virtual_cluster import VirtualClusterState
from jobyard.errors import BadConfiguration, Conflict, Rejected
from tests.backends.scheduling.yarn.conftest import clusters_at, gateway_at
from tests.gateways import Gateway, Told, told
from tests.yarn import NODE_CORES, NODE_MEMORY, Yarn, running_yarn

pytestmark = pytest.mark.anyio

_NON_ADMIN: Final = "Non-admin is not allow to do this operation."
_CHANGES: Final = 6


def _held(yarn: Yarn) -> dict[str, tuple[float, float, str]]:
    """Give the queues as YARN has them: share, maximum, state."""
    return {
        name: (
            round(cast("float", queue["capacity"]), 3),
            round(cast("float", queue["maxCapacity"]), 3),
            str(queue["state"]),
        )
        for name, queue in yarn.queues().items()
    }


async def _shown(gateway: Gateway) -> dict[str, Any]:
    return cast("dict[str, Any]", await gateway.guest.good("GET", "/virtual-clusters"))


async def _said(gateway: Gateway, method: str, path: str, body: object = None) -> tuple[int, str]:
    response = await gateway.admin.call(method, f"/virtual-clusters/{path}", body)
    return response.status_code, response.json()["message"]


async def _refused(gateway: Gateway, method: str, path: str, body: object = None) -> Told:
    return told(await gateway.admin.call(method, f"/virtual-clusters/{path}", body))


async def test_one_is_made_changed_and_removed_and_default_has_the_rest(
    gateway: Gateway, yarn: Yarn
) -> None:
    made = await _said(gateway, "PUT", "vc1", {"vcCapacity": 20})
    assert made == (201, "Update vc: vc1 to capacity: 20 successfully.")
    assert _held(yarn) == {"default": (80, 100, "RUNNING"), "vc1": (20, 20, "RUNNING")}

    await _said(gateway, "PUT", "vc1", {"vcCapacity": 30.5, "vcMaxCapacity": 60})
    assert _held(yarn) == {"default": (69.5, 100, "RUNNING"), "vc1": (30.5, 60, "RUNNING")}
    assert (await _shown(gateway))["vc1"]["maxCapacity"] == 60

    await _said(gateway, "PUT", "vc1", {"vcCapacity": 5})
    assert _held(yarn) == {"default": (95, 100, "RUNNING"), "vc1": (5, 5, "RUNNING")}

    removed = await _said(gateway, "DELETE", "vc1")
    assert removed == (201, "Remove vc: vc1 successfully.")
    assert _held(yarn) == {"default": (100, 100, "RUNNING")}


async def test_one_is_stopped_and_let_go_on(gateway: Gateway, yarn: Yarn) -> None:
    await _said(gateway, "PUT", "vc1", {"vcCapacity": 20, "vcMaxCapacity": 40})

    stopped = await _said(gateway, "PUT", "vc1/status", {"vcStatus": "stopped"})
    assert stopped == (201, "Update vc: vc1 to status: stopped successfully.")
    assert _held(yarn)["vc1"] == (20, 40, "STOPPED")
    assert (await _shown(gateway))["vc1"]["status"] == "STOPPED"

    going = await _said(gateway, "PUT", "vc1/status", {"vcStatus": "running"})
    assert going == (201, "Update vc: vc1 to status: running successfully.")
    assert _held(yarn)["vc1"] == (20, 40, "RUNNING")


async def test_what_runs_in_one_is_counted_and_keeps_it(gateway: Gateway, yarn: Yarn) -> None:
    await _said(gateway, "PUT", "vc1", {"vcCapacity": 50})
    await to_thread.run_sync(lambda: yarn.submit("vc1", "sleep 1000", memory=1024))
    await to_thread.run_sync(
        lambda: yarn.wait(lambda: bool(yarn.queues()["vc1"]["allocatedContainers"]))
    )

    shown = (await _shown(gateway))["vc1"]
    assert shown["resourcesUsed"] == {"memory": 1024, "vCores": 1, "GPUs": 0}
    assert (shown["numJobs"], shown["numActiveJobs"], shown["numPendingJobs"]) == (1, 1, 0)
    assert shown["usedCapacity"] == 25

    message = "Virtual cluster vc1 has 1 unfinished job; stop or delete them first."
    assert await _refused(gateway, "DELETE", "vc1") == Told(403, "RemoveRunningVcError", message)
    assert _held(yarn)["vc1"] == (50, 50, "RUNNING")


async def test_one_that_was_stopped_drains_and_goes_when_it_is_empty(
    gateway: Gateway, yarn: Yarn
) -> None:
    await _said(gateway, "PUT", "vc1", {"vcCapacity": 50})
    application = await to_thread.run_sync(lambda: yarn.submit("vc1", "sleep 1000"))
    await _said(gateway, "PUT", "vc1/status", {"vcStatus": "stopped"})
    assert _held(yarn)["vc1"] == (50, 50, "DRAINING")
    shown = (await _shown(gateway))["vc1"]
    assert (shown["status"], shown["numJobs"]) == ("STOPPED", 1)
    assert (await _refused(gateway, "DELETE", "vc1")).code == "RemoveRunningVcError"

    await to_thread.run_sync(yarn.kill, application)
    await _said(gateway, "DELETE", "vc1")
    assert _held(yarn) == {"default": (100, 100, "RUNNING")}


async def test_default_is_protected_and_can_be_drained(gateway: Gateway, yarn: Yarn) -> None:
    update = Told(403, "ForbiddenUserError", "Don't allow to update default vc")
    assert await _refused(gateway, "PUT", "default", {"vcCapacity": 20}) == update
    stop = {"vcStatus": "stopped"}
    assert await _refused(gateway, "PUT", "default/status", stop) == update
    remove = Told(403, "ForbiddenUserError", "Don't allow to remove default vc.")
    assert await _refused(gateway, "DELETE", "default") == remove

    await _said(gateway, "PUT", "vc1", {"vcCapacity": 100})
    assert _held(yarn) == {"default": (0, 100, "RUNNING"), "vc1": (100, 100, "RUNNING")}
    await _said(gateway, "DELETE", "vc1")
    assert _held(yarn) == {"default": (100, 100, "RUNNING")}


async def test_what_the_contract_refuses_changes_nothing(gateway: Gateway, yarn: Yarn) -> None:
    await _said(gateway, "PUT", "vc1", {"vcCapacity": 70})
    before = _held(yarn)

    quota = Told(403, "NoEnoughQuotaError", "No enough quota in default vc.")
    assert await _refused(gateway, "PUT", "vc2", {"vcCapacity": 31}) == quota
    unknown = Told(404, "NoVirtualClusterError", "Virtual cluster nope is not found.")
    assert await _refused(gateway, "DELETE", "nope") == unknown
    assert await _refused(gateway, "PUT", "nope/status", {"vcStatus": "stopped"}) == unknown
    assert await _refused(gateway, "GET", "nope") == unknown
    for wrong in ({"vcCapacity": 101}, {"vcCapacity": -1}, {"vcCapacity": 9, "vcMaxCapacity": 8}):
        assert (await _refused(gateway, "PUT", "vc1", wrong)).code == "InvalidParametersError"
    alice = await gateway.user("alice")
    for method, path in (("PUT", "vc1"), ("DELETE", "vc1"), ("PUT", "vc1/status")):
        body: dict[str, object] = {"vcCapacity": 10}
        if path == "vc1/status":
            body = {"vcStatus": "stopped"}
        answer = told(await alice.call(method, f"/virtual-clusters/{path}", body))
        assert answer == Told(403, "ForbiddenUserError", _NON_ADMIN)

    assert _held(yarn) == before


async def test_two_gateways_at_once_never_make_another_sum(
    gateway: Gateway, yarn: Yarn, tmp_path: Path
) -> None:
    sums: list[float] = []
    over = anyio.Event()

    async def change(which: Gateway, name: str) -> None:
        for number in range(_CHANGES):
            body = {"vcCapacity": 5 + number}
            status, message = await _said(which, "PUT", name, body)
            assert status == 201, message

    async def watch() -> None:
        while not over.is_set():
            queues = await to_thread.run_sync(yarn.queues)
            sums.append(sum(cast("float", queue["capacity"]) for queue in queues.values()))

    async with (
        gateway_at(tmp_path / "other", *yarn.addresses) as other,
        anyio.create_task_group() as watching,
    ):
        watching.start_soon(watch)
        async with anyio.create_task_group() as group:
            for number, which in enumerate((gateway, other, gateway, other)):
                group.start_soon(change, which, f"vc{number}")
        over.set()

    assert sums == pytest.approx([100.0] * len(sums), abs=0.001)
    last = float(4 + _CHANGES)
    expected = {f"vc{number}": (last, last, "RUNNING") for number in range(4)}
    assert _held(yarn) == {"default": (100 - 4 * last, 100, "RUNNING"), **expected}


async def test_of_two_plans_of_one_version_one_comes_true(yarn: Yarn) -> None:
    async with clusters_at(*yarn.addresses) as one, clusters_at(*yarn.addresses) as other:
        state = await one.quotas()
        outcomes: list[str] = []

        async def apply(clusters: Any, name: str) -> None:
            try:
                await clusters.apply(capacity.updated(state, name, 20, 20))
            except Conflict:
                outcomes.append("conflict")
            else:
                outcomes.append(name)

        async with anyio.create_task_group() as group:
            group.start_soon(apply, one, "vc1")
            group.start_soon(apply, other, "vc2")

    assert sorted(outcomes) == ["conflict", max(outcomes)]
    assert _held(yarn).keys() == {"default", max(outcomes)}


async def test_a_plan_without_a_running_cluster_removes_it(yarn: Yarn) -> None:
    async with clusters_at(*yarn.addresses) as clusters:
        await clusters.apply(capacity.updated(await clusters.quotas(), "vc1", 20, 20))
        await clusters.apply(capacity.removed(await clusters.quotas(), "vc1"))

    assert _held(yarn) == {"default": (100, 100, "RUNNING")}


async def test_a_removal_whose_second_half_fails_leaves_everything_as_it_was(yarn: Yarn) -> None:
    async with clusters_at(*yarn.addresses) as clusters:
        await clusters.apply(capacity.updated(await clusters.quotas(), "vc1", 20, 30))
        await to_thread.run_sync(lambda: yarn.submit("vc1", "sleep 1000"))
        before = _held(yarn)
        with pytest.raises(Rejected, match="not yet in stopped state") as refused:
            await clusters.apply(capacity.removed(await clusters.quotas(), "vc1"))

    assert "\n" not in refused.value.message
    assert _held(yarn) == before


async def test_a_state_comes_true_alone(yarn: Yarn) -> None:
    async with clusters_at(*yarn.addresses) as clusters:
        await clusters.apply(capacity.updated(await clusters.quotas(), "vc1", 33.3333, 66.6667))
        stopped = VirtualClusterState.STOPPED
        await clusters.apply(capacity.in_state(await clusters.quotas(), "vc1", stopped))
        found = (await clusters.quotas()).get("vc1")

    assert found is not None
    assert (found.share.capacity, found.share.max_capacity) == (33.3333, 66.6667)
    assert found.share.state is stopped


async def test_nodes_are_as_large_as_they_say(yarn: Yarn) -> None:
    async with clusters_at(*yarn.addresses) as clusters:
        await clusters.ping()
        (shape,) = await clusters.nodes()

    assert (shape.count, shape.cpus, shape.memory_mb, shape.gpus) == (1, NODE_CORES, NODE_MEMORY, 0)


async def test_who_is_no_administrator_of_yarn_is_told_so(yarn: Yarn, tmp_path: Path) -> None:
    async with gateway_at(tmp_path / "gateway", *yarn.addresses, user="nobody") as gateway:
        refused = await _refused(gateway, "PUT", "vc1", {"vcCapacity": 20})

    assert (refused.status, refused.code) == (403, "ForbiddenUserError")
    assert "nobody" in refused.message
    assert "Only admins" in refused.message
    assert _held(yarn) == {"default": (100, 100, "RUNNING")}


async def test_a_yarn_that_keeps_no_changes_says_what_to_set(tmp_path: Path) -> None:
    with running_yarn(node_managers=0, store="file") as yarn:
        async with gateway_at(tmp_path / "gateway", *yarn.addresses) as gateway:
            refused = await _refused(gateway, "PUT", "vc1", {"vcCapacity": 20})

    assert (refused.status, refused.code) == (403, "ForbiddenUserError")
    assert "yarn.scheduler.configuration.store.class" in refused.message


async def test_another_scheduler_is_a_bad_configuration() -> None:
    scheduler = "org.apache.hadoop.yarn.server.resourcemanager.scheduler.fifo.FifoScheduler"
    settings = {"yarn.resourcemanager.scheduler.class": scheduler}
    with running_yarn(node_managers=0, store="file", settings=settings) as yarn:
        async with clusters_at(*yarn.addresses) as clusters:
            with pytest.raises(BadConfiguration, match="fifoScheduler"):
                await clusters.quotas()

"""Section 5 of the contract, in front of clusters that are not as they should be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from attrs import evolve

from jobyard.domain.virtual_cluster import (
    ResourcesUsed,
    VirtualCluster,
    VirtualClusterShare,
    VirtualClusterUsage,
)
from jobyard.errors import BadConfiguration, Rejected
from tests.core.routes.contract_cluster import DOWN, Cluster, job, served
from tests.gateways import Gateway, Told, told

NO_DEFAULT = Told(
    404,
    "NoVirtualClusterError",
    "Default virtual cluster is not found, can't allocate or free resource.",
)


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
async def gateway(
    tmp_path_factory: pytest.TempPathFactory, cluster: Cluster
) -> AsyncIterator[Gateway]:
    async with served(tmp_path_factory.mktemp("clusters"), cluster) as gateway:
        yield gateway


async def shown(gateway: Gateway) -> dict[str, Any]:
    return cast("dict[str, Any]", (await gateway.guest.get("/virtual-clusters")).json())


async def test_one_is_shown_with_every_field_of_the_contract(
    gateway: Gateway, cluster: Cluster
) -> None:
    share = VirtualClusterShare("vc1", 10.000002, 49.6)
    usage = VirtualClusterUsage(7.25, 1, 2, ResourcesUsed(1024, 3, 1))
    cluster.clusters["vc1"] = VirtualCluster(share, usage)

    expected = {
        "capacity": 10,
        "maxCapacity": 50,
        "usedCapacity": 7.25,
        "numActiveJobs": 1,
        "numJobs": 3,
        "numPendingJobs": 2,
        "resourcesUsed": {"memory": 1024, "vCores": 3, "GPUs": 1},
        "state": "running",
        "status": "RUNNING",
    }
    assert (await shown(gateway))["vc1"] == expected
    assert (await gateway.guest.get("/virtual-clusters/vc1")).json() == expected


async def test_without_default_nothing_is_given_nor_taken(
    gateway: Gateway, cluster: Cluster
) -> None:
    cluster.clusters = {"vc1": VirtualCluster(VirtualClusterShare("vc1", 50.0))}

    made = await gateway.admin.call("PUT", "/virtual-clusters/vc2", {"vcCapacity": 10})
    assert told(made) == NO_DEFAULT
    removed = await gateway.admin.call("DELETE", "/virtual-clusters/vc1")
    assert told(removed) == NO_DEFAULT
    assert (await shown(gateway)).keys() == {"vc1"}


async def test_default_may_be_drained_and_gets_everything_back(gateway: Gateway) -> None:
    made = await gateway.admin.call("PUT", "/virtual-clusters/vc1", {"vcCapacity": 100})
    assert made.json() == {"message": "Update vc: vc1 to capacity: 100 successfully."}
    default = (await shown(gateway))["default"]
    assert (default["capacity"], default["maxCapacity"]) == (0, 100)

    await gateway.admin.good("DELETE", "/virtual-clusters/vc1")
    assert (await shown(gateway))["default"]["capacity"] == 100


async def test_a_scheduler_without_capacities_is_a_bad_configuration(
    gateway: Gateway, cluster: Cluster
) -> None:
    message = "The ResourceManager's scheduler is no CapacityScheduler."
    cluster.always["quotas"] = lambda: BadConfiguration(message)

    expected = Told(500, "BadConfigurationError", message)
    assert told(await gateway.guest.get("/virtual-clusters")) == expected
    assert told(await gateway.guest.get("/virtual-clusters/default")) == expected
    change = await gateway.admin.call("PUT", "/virtual-clusters/vc1", {"vcCapacity": 10})
    assert told(change) == expected
    submitted = await gateway.admin.call("POST", "/user/admin/jobs", job())
    assert submitted.status_code == 202


async def test_unfinished_jobs_are_counted(gateway: Gateway, cluster: Cluster) -> None:
    await gateway.admin.good("PUT", "/virtual-clusters/vc1", {"vcCapacity": 10})
    cluster.uses("vc1", VirtualClusterUsage(active_jobs=2, pending_jobs=1))

    message = "Virtual cluster vc1 has 3 unfinished jobs; stop or delete them first."
    answer = told(await gateway.admin.call("DELETE", "/virtual-clusters/vc1"))
    assert answer == Told(403, "RemoveRunningVcError", message)
    assert (await shown(gateway))["vc1"]["status"] == "RUNNING"


async def test_a_removal_that_fails_half_way_changes_nothing_or_tells_the_second_failure(
    gateway: Gateway, cluster: Cluster
) -> None:
    await gateway.admin.good("PUT", "/virtual-clusters/vc1", {"vcCapacity": 10})
    before = await shown(gateway)
    calls = iter(["stop", "remove", "undo"])
    failing = {"remove"}

    async def apply(plan: Any) -> None:
        step = next(calls)
        if step in failing:
            raise Rejected(f"{step} was refused.")
        await Cluster.apply(cluster, plan)

    class Failing(Cluster):
        pass

    Failing.apply = staticmethod(apply)  # type: ignore[assignment,method-assign]
    cluster.__class__ = Failing
    answer = told(await gateway.admin.call("DELETE", "/virtual-clusters/vc1"))
    assert answer == Told(500, "UnknownError", "remove was refused.")
    assert await shown(gateway) == before

    calls = iter(["stop", "remove", "undo"])
    failing |= {"undo"}
    answer = told(await gateway.admin.call("DELETE", "/virtual-clusters/vc1"))
    assert answer == Told(500, "UnknownError", "undo was refused.")


async def test_changes_fail_while_the_scheduler_is_down(gateway: Gateway, cluster: Cluster) -> None:
    await gateway.admin.good("PUT", "/virtual-clusters/vc1", {"vcCapacity": 10})
    cluster.fail()
    change: dict[str, object] = {"vcCapacity": 20}
    for method, path, body in (
        ("PUT", "/virtual-clusters/vc1", change),
        ("PUT", "/virtual-clusters/vc1/status", {"vcStatus": "stopped"}),
        ("DELETE", "/virtual-clusters/vc1", None),
        ("PUT", "/user/admin/virtualClusters", {"virtualClusters": "vc1"}),
    ):
        answer = await gateway.admin.call(method, path, body)
        if path.startswith("/user"):
            assert answer.status_code == 403
            continue
        assert told(answer) == Told(500, "UnknownError", DOWN)
        assert answer.headers["retry-after"]


async def test_a_share_may_be_made_smaller_than_it_is_used(
    gateway: Gateway, cluster: Cluster
) -> None:
    await gateway.admin.good("PUT", "/virtual-clusters/vc1", {"vcCapacity": 50})
    cluster.clusters["vc1"] = evolve(
        cluster.clusters["vc1"], usage=VirtualClusterUsage(used_capacity=40.0)
    )
    await gateway.admin.good("PUT", "/virtual-clusters/vc1", {"vcCapacity": 10})

    found = await shown(gateway)
    assert (found["vc1"]["capacity"], found["default"]["capacity"]) == (10, 90)

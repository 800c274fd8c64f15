"""ResourceManagers die, and answers are lost: a plan comes true or does not, and as a whole."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

import anyio
import pytest
from anyio import to_thread

from jobyard.domain import capacity
from jobyard.domain.virtual_cluster import QuotaState
from jobyard.errors import BackendError, Conflict, DeadlineExceeded, Unavailable
from jobyard_backends.scheduling.yarn.resource_manager import VirtualClusters
from tests.backends.scheduling.yarn.conftest import clusters_at
from tests.fault_proxy import Proxy
from tests.yarn import Yarn, running_yarn

pytestmark = pytest.mark.anyio

_ROUNDS: Final = 20 if os.environ.get("JOBYARD_LONG") == "1" else 3


@pytest.fixture(scope="module")
def yarn_pair() -> Iterator[Yarn]:
    with running_yarn(resource_managers=2, node_managers=0) as yarn:
        yield yarn


@pytest.fixture
def pair(yarn_pair: Yarn) -> Yarn:
    """Two ResourceManagers, whole, whatever the test before did to them."""
    yarn_pair.start()
    yarn_pair.reset()
    return yarn_pair


def _active(yarn: Yarn) -> int:
    return [yarn.state(address) for address in yarn.addresses].index("ACTIVE")


def _fail_over(yarn: Yarn) -> None:
    """Kill the active ResourceManager, and make the other one active."""
    active = _active(yarn)
    yarn.resource_managers[active].crash()
    yarn.activate(1 - active)


def _capacities(state: QuotaState) -> dict[str, float]:
    return {each.share.name: each.share.capacity for each in state.clusters}


async def _update(clusters: VirtualClusters, name: str, percent: float) -> None:
    """Change a share, as often as others change something meanwhile."""
    while True:
        plan = capacity.updated(await clusters.quotas(), name, percent, 100)
        with suppress(Conflict):
            await clusters.apply(plan)
            return


async def test_a_standby_that_becomes_active_is_found(pair: Yarn) -> None:
    active = _active(pair)
    async with clusters_at(*reversed(pair.addresses)) as clusters:
        await _update(clusters, "vc1", 20)
        await to_thread.run_sync(pair.step_down, active)
        await to_thread.run_sync(pair.activate, 1 - active)
        await _update(clusters, "vc1", 30)
        assert _capacities(await clusters.quotas()) == {"default": 70, "vc1": 30}
        await clusters.ping()


async def test_changes_go_on_through_the_death_of_the_active_one(pair: Yarn) -> None:
    done: list[float] = []
    over = anyio.Event()

    async def change(clusters: VirtualClusters) -> None:
        while not over.is_set() or len(done) < 3:
            percent = float(1 + len(done) % 50)
            await _update(clusters, "vc1", percent)
            done.append(percent)

    async with (
        clusters_at(*pair.addresses, failover=80) as clusters,
        anyio.create_task_group() as group,
    ):
        group.start_soon(change, clusters)
        await to_thread.run_sync(_fail_over, pair)
        over.set()

    async with clusters_at(*pair.addresses) as clusters:
        last = done[-1]
        assert _capacities(await clusters.quotas()) == {"default": 100 - last, "vc1": last}


async def test_one_that_is_killed_in_the_middle_does_a_change_or_does_not(yarn: Yarn) -> None:
    names = [f"vc{number}" for number in range(_ROUNDS)]
    made: list[str] = []

    async def change(clusters: VirtualClusters, name: str) -> None:
        with suppress(BackendError):
            await _update(clusters, name, 10)
            made.append(name)

    for number, name in enumerate(names):
        async with clusters_at(*yarn.addresses, failover=0.1) as clusters:
            before = await clusters.quotas()
            async with anyio.create_task_group() as group:
                group.start_soon(change, clusters, name)
                for _ in range(number * 7):
                    await anyio.lowlevel.checkpoint()
                await to_thread.run_sync(yarn.resource_managers[0].crash)
        await to_thread.run_sync(yarn.start)
        async with clusters_at(*yarn.addresses) as clusters:
            after = _capacities(await clusters.quotas())
            taken = {**_capacities(before), name: 10.0}
            taken["default"] -= 10.0
            assert after in ([taken] if name in made else [taken, _capacities(before)])
            await _update(clusters, name, 1)


@pytest.mark.parametrize("lost", [1, 2])
async def test_a_change_whose_answer_is_lost_is_looked_up(
    yarn: Yarn, network: Proxy, lost: int
) -> None:
    async with clusters_at(network.address()) as clusters:
        plan = capacity.updated(await clusters.quotas(), "vc1", 20, 40)
        # The look before it, the change, and looks after it: one of their answers is lost.
        network.tell("lose", 0, lost)
        await clusters.apply(plan)
        assert _capacities(await clusters.quotas()) == {"default": 80, "vc1": 20}


@pytest.mark.parametrize("size", [0, 1000, 3000, 6000, 9000])
async def test_a_connection_that_is_cut_anywhere_leaves_a_whole(
    yarn: Yarn, network: Proxy, size: int
) -> None:
    async with clusters_at(network.address()) as clusters:
        plan = capacity.updated(await clusters.quotas(), "vc1", 20, 40)
        network.tell("cut", 0, size)
        await clusters.apply(plan)
        assert _capacities(await clusters.quotas()) == {"default": 80, "vc1": 20}


async def test_a_removal_whose_answers_are_lost_is_a_removal(yarn: Yarn, network: Proxy) -> None:
    async with clusters_at(network.address()) as clusters:
        await _update(clusters, "vc1", 20)
        plan = capacity.removed(await clusters.quotas(), "vc1")
        network.tell("cut", 0, 16_000)
        with suppress(Unavailable):
            await clusters.apply(plan)
        found = await clusters.quotas()
    assert _capacities(found) in ({"default": 100}, {"default": 80, "vc1": 20})
    assert all(each.share.state.value == "running" for each in found.clusters)


async def test_a_silent_one_is_late_and_nothing_is_lost(yarn: Yarn, network: Proxy) -> None:
    async with clusters_at(network.address(), answer=1, failover=0.1) as clusters:
        plan = capacity.updated(await clusters.quotas(), "vc1", 20, 40)
        network.tell("hang")
        for work in (clusters.quotas, clusters.ping, clusters.nodes):
            with pytest.raises(DeadlineExceeded):
                await work()
        with pytest.raises(DeadlineExceeded):
            await clusters.apply(plan)
        network.tell("up")
        assert _capacities(await clusters.quotas()) in _either(20)


async def test_an_absent_one_is_unavailable(yarn: Yarn, network: Proxy) -> None:
    async with clusters_at(network.address(), failover=0.1) as clusters:
        plan = capacity.updated(await clusters.quotas(), "vc1", 20, 40)
        with network.outage(), pytest.raises(Unavailable):
            await clusters.apply(plan)
        assert _capacities(await clusters.quotas()) == {"default": 100}


def _either(percent: float) -> Sequence[dict[str, float]]:
    return [{"default": 100}, {"default": 100 - percent, "vc1": percent}]

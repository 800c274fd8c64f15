"""The ways of queueing that the embedded scheduler is held against."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from benchmarks.policies import easy, fifo
from benchmarks.simulation import Job, Policy, simulate
from jobyard.domain.virtual_cluster import VirtualClusterShare
from jobyard_backends.scheduling.local.decisions import Board, Held, Need, Resources
from tests.backends.scheduling.local.traces import MACHINE, SHARES, traces

HELD = Held(Need("runs", "default", Resources(10, 100, 0), 0, 100), 0, 100)


def need(key: str, cpus: int, since: int, runs: int, cluster: str = "default") -> Need:
    return Need(key, cluster, Resources(cpus, 100, 0), since, runs)


@pytest.mark.parametrize("policy", [fifo, easy])
@given(trace=traces(("default", "vc1", "vc2")))
@settings(deadline=None)
def test_rivals_heed_quotas_and_run_all_that_can_run(
    policy: Policy, trace: tuple[Job, ...]
) -> None:
    outcome = simulate(MACHINE, SHARES, trace, policy)

    able = {
        job.need.key
        for job in trace
        if job.need.resources.within(MACHINE.percent(SHARES[job.need.cluster].max_capacity))
    }
    assert outcome.violations == 0
    assert set(outcome.started) == able


def test_in_a_fifo_nobody_overtakes() -> None:
    waiting = (need("head", 12, 1, 50), need("small", 1, 2, 5))

    assert fifo(Board.of(MACHINE, SHARES, [HELD], waiting)) == []


def test_a_full_quota_keeps_its_own_virtual_cluster_back_alone() -> None:
    shares = SHARES | {"vc1": VirtualClusterShare("vc1", 30, 50)}
    held = [Held(need("b", 6, 0, 9, "vc1"))]
    waiting = (need("full", 4, 1, 50, "vc1"), need("late", 1, 2, 5, "vc1"), need("other", 2, 3, 5))

    assert fifo(Board.of(MACHINE, shares, held, waiting)) == [waiting[2]]
    assert easy(Board.of(MACHINE, shares, held, waiting)) == [waiting[2]]


def test_easy_lets_in_who_is_gone_in_time_or_takes_what_the_first_leaves() -> None:
    head, short, beside = need("head", 12, 1, 50), need("short", 6, 2, 100), need("l", 4, 3, 999)
    late = need("late", 5, 2, 101)

    def chosen(*waiting: Need) -> list[Need]:
        return list(easy(Board.of(MACHINE, SHARES, [HELD], waiting)))

    assert chosen(head, short) == [short]
    assert chosen(head, late) == []
    assert chosen(head, beside) == [beside]
    assert chosen(head, beside, need("m", 2, 4, 999)) == [beside]

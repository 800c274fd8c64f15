"""The rules of the queue, for any queue and any trace of jobs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.simulation import Job
from jobyard_backends.scheduling.local.decisions import Board, Held, Need, Resources
from jobyard_backends.scheduling.local.turns import starts, victims

from .traces import ALONE, BOUNDED, MACHINE, SHARES, run, traces


@given(trace=traces(("default", "vc1", "vc2", "gone")))
@settings(max_examples=200, deadline=None)
def test_no_quota_is_ever_exceeded_and_all_capacity_comes_back(trace: tuple[Job, ...]) -> None:
    outcome = run(trace)

    able = {
        job.need.key
        for job in trace
        if job.need.cluster in SHARES
        and job.need.resources.within(MACHINE.percent(SHARES[job.need.cluster].max_capacity))
    }
    assert outcome.violations == 0
    assert set(outcome.started) == able
    assert outcome.left == ()


@pytest.mark.parametrize("cluster", ["default", "vc1"])
@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_a_job_at_the_end_of_the_line_delays_nobody(cluster: str, data: st.DataObject) -> None:
    """Where all run as long as they promise; what is not promised may be of any length.

    Nobody starts later, that is. Both are looked at at each instant, as if something happened.
    """
    looks = [Job(Need(f"look{n}", "gone", MACHINE, n), 1) for n in range(60)]
    trace = data.draw(traces((cluster,)))
    shares = ALONE if cluster == "default" else BOUNDED
    last = max(trace, key=lambda job: job.need.order, default=None)

    without = run([*looks, *(job for job in trace if job is not last)], shares).started
    with_it = run([*looks, *trace], shares).started

    assert {key: with_it[key] for key in without if with_it[key] > without[key]} == {}


@given(trace=traces(), data=st.data())
@settings(max_examples=200, deadline=None)
def test_a_wide_job_waits_for_nobody_who_came_after_it(
    trace: tuple[Job, ...], data: st.DataObject
) -> None:
    """However many narrow ones there are, it starts when its elders leave it room."""
    wide = Job(Need("wide", "default", MACHINE, data.draw(st.integers(0, 6))), 3)

    started = run([*trace, wide], ALONE).started

    ends = [
        started[job.need.key] + job.runs
        for job in trace
        if job.need.order < wide.need.order and job.need.key in started
    ]
    assert started["wide"] == max([*ends, wide.need.since])


@given(trace=traces(("vc1",)), share=st.integers(1, 8))
@settings(max_examples=200, deadline=None)
def test_who_is_owed_its_share_waits_for_no_more_than_the_borrowers_that_it_met(
    trace: tuple[Job, ...], share: int
) -> None:
    """A stream of narrow jobs that borrow does not keep it out.

    Jobs that are too wide for their guarantee do, where they are older.
    """
    owed = Job(Need("owed", "default", Resources(share, 100, 0), 3), 5)

    started = run([*trace, owed]).started

    met = [
        started[job.need.key] + job.runs
        for job in trace
        if started.get(job.need.key, 99) < owed.need.since
        or (_too_wide(job.need) and job.need.order < owed.need.order)
        if job.need.key in started
    ]
    assert started["owed"] <= max([*met, owed.need.since])


def _too_wide(each: Need) -> bool:
    return not each.resources.within(MACHINE.percent(SHARES[each.cluster].capacity))


@given(trace=traces(("default", "vc1", "vc2")))
@settings(max_examples=200, deadline=None)
def test_the_same_board_gives_the_same_decision_whole_and_in_order(trace: tuple[Job, ...]) -> None:
    board = Board.of(MACHINE, SHARES, (), (job.need for job in trace))

    first = starts(board)
    rest = Board.of(
        MACHINE,
        SHARES,
        [Held(need, 0, need.runs) for need in first],
        (job.need for job in trace if job.need not in first),
    )

    assert first == starts(board)
    assert starts(rest) == ()


def need(
    key: str,
    cpus: int,
    since: int,
    cluster: str = "default",
    *,
    runs: int | None = None,
    gpus: int = 0,
) -> Need:
    return Need(key, cluster, Resources(cpus, 100, gpus), since, runs)


def board(held: tuple[Need, ...], *waiting: Need) -> Board:
    return Board.of(MACHINE, SHARES, [Held(each, each.since, each.runs) for each in held], waiting)


def test_a_small_job_overtakes_only_where_it_does_not_delay_the_head() -> None:
    held = (need("runs", 10, 0),)
    head, small, larger = need("head", 12, 1), need("small", 4, 2), need("larger", 5, 3)

    assert starts(board(held, head, larger, small)) == (small,)


def test_a_job_that_promises_to_be_gone_in_time_overtakes_one_that_waits_for_a_promise() -> None:
    held = (need("runs", 10, 0, runs=100),)
    head, early, late = need("head", 12, 1), need("a", 5, 2, runs=100), need("b", 5, 3, runs=101)

    assert starts(board(held, head, late, early)) == (early,)
    assert starts(board(held, head, late)) == ()


def test_a_promise_is_of_no_use_where_nobody_knows_when_the_head_may_start() -> None:
    held = (need("runs", 10, 0),)

    assert starts(board(held, need("head", 12, 1), need("a", 5, 2, runs=1))) == ()


def test_the_grace_of_a_job_whose_time_is_over_is_reckoned_with() -> None:
    held = [Held(need("runs", 10, 0), 0, 100)]
    waiting = (need("head", 12, 1), need("a", 5, 2, runs=95))

    gone = Board(MACHINE, SHARES, held, {"default": waiting}, grace=5)
    late = Board(MACHINE, SHARES, held, {"default": waiting}, grace=6)

    assert starts(gone) == waiting[1:]
    assert starts(late) == ()


def test_jobs_of_an_end_that_nobody_knows_are_reckoned_with_one_by_one() -> None:
    """The head may start when either has ended: then there has to be room for both."""
    held = (need("three", 3, 0), need("ten", 10, 0))

    assert starts(board(held, need("head", 6, 1), need("a", 3, 2))) == ()
    assert starts(board(held, need("head", 4, 1), need("a", 2, 2))) == (need("a", 2, 2),)


def test_a_long_queue_for_gpus_keeps_no_processor_idle() -> None:
    held = tuple(need(f"held{n}", 1, 0, gpus=1) for n in range(4))
    queue = [need(f"gpu{n:02}", 1, 1, gpus=1) for n in range(50)]
    plain = need("plain", 8, 2)

    assert starts(board(held, *queue, plain)) == (plain,)


def test_who_waits_for_no_gpu_keeps_no_gpu_from_others() -> None:
    held = (need("more", 11, 0), need("less", 2, 0))

    assert starts(board(held, need("head", 16, 1), need("a", 1, 2, gpus=4))) == ()
    assert starts(
        Board.of(
            MACHINE,
            ALONE,
            [Held(need("held", 1, 0)), Held(Need("m", "default", Resources(1, 1000, 0), 0))],
            [
                Need("head", "default", Resources(1, 700, 0), 1),
                Need("g", "default", Resources(1, 0, 4), 2),
            ],
        )
    ) == (Need("g", "default", Resources(1, 0, 4), 2),)


def test_a_stream_of_small_jobs_does_not_starve_a_large_one() -> None:
    held = (need("first", 1, -1),)

    assert starts(board(held, need("large", 16, 0), *(need(f"s{n}", 1, n) for n in (1, 2)))) == ()


def test_a_guaranteed_share_goes_before_a_borrower() -> None:
    held = (need("big", 12, 0),)
    borrower, owed = need("borrower", 4, 1), need("owed", 4, 2, "vc1")

    assert starts(board(held, borrower, owed)) == (owed,)


def test_who_is_owed_a_share_waits_for_no_wide_job_of_another_virtual_cluster() -> None:
    held = (need("borrows", 13, 0),)
    wide, owed = need("wide", 4, 1, "vc1"), need("owed", 3, 2, "vc2")

    assert starts(board(held, wide, owed)) == (owed,)


def test_a_job_too_wide_for_its_guarantee_has_its_turn_by_its_age() -> None:
    held = (need("runs", 4, 0),)
    wide, owed = need("wide", 16, 1), need("owed", 4, 2, "vc1")

    assert starts(board(held, wide, owed)) == ()
    assert starts(board(held, wide, need("older", 4, 0, "vc1"))) == (need("older", 4, 0, "vc1"),)


def test_only_one_such_job_of_a_virtual_cluster_is_heeded_at_a_time() -> None:
    wide, owed = need("wide", 16, 1), need("owed", 4, 5, "vc1")

    assert starts(board((need("runs", 1, 0),), wide, owed)) == ()
    assert starts(board((need("runs", 9, 0),), wide, owed)) == (owed,)


@given(trace=traces(("vc1", "vc2"), longest=12), since=st.integers(0, 6))
@settings(max_examples=200, deadline=None)
def test_a_job_that_takes_the_whole_machine_is_not_starved_by_other_virtual_clusters(
    trace: tuple[Job, ...], since: int
) -> None:
    whole = Job(Need("whole", "default", MACHINE, since), 3)

    started = run([*trace, whole]).started

    older = [
        started[job.need.key] + job.runs
        for job in trace
        if job.need.order < whole.need.order and started.get(job.need.key, 99) < started["whole"]
    ]
    assert started["whole"] == max([*older, since])


def test_a_borrower_leaves_room_to_those_who_are_owed() -> None:
    held = (need("more", 11, 0), need("less", 2, 0))
    wide, borrower = need("wide", 4, 2, "vc1"), need("borrower", 3, 1)

    assert starts(board(held, wide, borrower)) == ()


def test_who_runs_already_counts_against_a_borrower_only_where_it_is_older() -> None:
    """So that a wide job is not kept back by what overtook it in its own line."""
    shares = SHARES
    held = (need("junior", 4, 9, "vc1"), need("other", 8, 0))
    wide, borrower = need("wide", 4, 5, "vc1"), need("late", 4, 6)

    assert starts(Board.of(MACHINE, shares, map(Held, held), (wide, borrower))) == (wide,)


def test_a_job_that_can_never_run_stands_in_nobodys_way() -> None:
    able = need("able", 3, 1, "vc2")

    assert starts(board((), need("hopeless", 4, 0, "vc2"), need("gone", 1, 0, "gone"), able)) == (
        able,
    )


def test_a_job_without_gpus_starts_on_a_machine_that_came_back_with_fewer() -> None:
    held = (need("held", 1, 0, gpus=6),)
    waiting = (need("plain", 1, 1), need("gpu", 1, 2, gpus=1))

    assert starts(board(held, *waiting)) == waiting[:1]


def test_equal_jobs_start_in_the_order_of_their_coming() -> None:
    queue = [Job(need(f"job{n:02}", 4, n), 50) for n in range(30)]

    started = run(queue, ALONE).started

    assert list(started) == [job.need.key for job in queue]


def test_the_newest_borrowers_are_stopped_for_one_who_is_owed() -> None:
    borrowers = [Held(need(f"b{n}", 4, n), since=n) for n in range(4)]
    waiting = (need("owed", 4, 9, "vc1"),)

    chosen = victims(Board.of(MACHINE, SHARES, borrowers, waiting))

    assert chosen == (borrowers[3],)


def test_nobody_is_stopped_for_a_borrower_or_where_it_helps_nobody() -> None:
    borrowers = [Held(need(f"b{n}", 4, n), since=n) for n in range(4)]
    inside = [Held(need("a", 8, 0), since=0), Held(need("b", 4, 0, "vc1"), since=1)]

    assert victims(Board.of(MACHINE, SHARES, borrowers, [need("c", 5, 9, "vc1")])) == ()
    assert victims(Board.of(MACHINE, SHARES, inside, [need("c", 3, 9, "vc2")])) == ()


def test_what_is_leaving_already_is_not_made_room_for_twice() -> None:
    borrowers = [Held(need(f"b{n}", 4, n), since=n, leaving=n == 3) for n in range(4)]

    assert victims(Board.of(MACHINE, SHARES, borrowers, [need("owed", 4, 9, "vc1")])) == ()


@given(trace=traces(("default", "vc1", "vc2")), waiting=traces(("default", "vc1", "vc2")))
@settings(max_examples=200, deadline=None)
def test_only_those_above_their_guarantee_are_stopped_and_only_as_many_as_make_room(
    trace: tuple[Job, ...], waiting: tuple[Job, ...]
) -> None:
    running = starts(Board.of(MACHINE, SHARES, (), (job.need for job in trace)))
    held = [Held(each, n) for n, each in enumerate(running)]
    later = [Need(f"w{job.need.key}", *_rest(job.need)) for job in waiting]
    now = Board.of(MACHINE, SHARES, held, later)

    for each in victims(now):
        name = each.need.cluster
        assert not now.used(name).within(now.guarantee(name))
        assert any(other.cluster != name for other in later)


def _rest(each: Need) -> tuple[str, Resources, int, int | None]:
    return each.cluster, each.resources, each.since + 100, each.runs

"""The rules of the queue, for any queue."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from jobyard.domain.job import JobConfig, TaskRole
from jobyard.domain.status import WaitingCode
from jobyard.domain.virtual_cluster import VirtualClusterShare
from jobyard_backends.scheduling.local.decisions import (
    Board,
    Need,
    Resources,
    never,
    share_gpus,
    starts,
    total,
    why_waiting,
)

MACHINE = Resources(cpus=16, memory_mb=1600, gpus=4)
SHARES = {
    "default": VirtualClusterShare("default", 50, 100),
    "vc1": VirtualClusterShare("vc1", 30, 50),
    "vc2": VirtualClusterShare("vc2", 20, 20),
}

amounts = st.builds(
    Resources,
    cpus=st.integers(1, 18),
    memory_mb=st.integers(100, 1700),
    gpus=st.integers(0, 5),
)


@st.composite
def queues(draw: st.DrawFn) -> tuple[Need, ...]:
    parts = draw(
        st.lists(st.tuples(st.sampled_from([*SHARES, "gone"]), amounts, st.integers(0, 5)))
    )
    return tuple(
        Need(f"job{number:03}", cluster, resources, since)
        for number, (cluster, resources, since) in enumerate(parts)
    )


def play(queue: tuple[Need, ...]) -> list[Need]:
    """Run a queue to its end: whenever nothing more starts, the oldest running job ends."""
    held: list[Need] = []
    waiting = list(queue)
    order: list[Need] = []
    while True:
        started = starts(Board(MACHINE, SHARES, tuple(held), tuple(waiting)))
        order += started
        held += started
        waiting = [need for need in waiting if need not in started]
        if not held:
            return order
        held.pop(0)


@given(held=queues(), waiting=queues())
def test_neither_the_machine_nor_a_maximum_is_ever_overcommitted(
    held: tuple[Need, ...], waiting: tuple[Need, ...]
) -> None:
    # What runs was started by the same rules.
    running = starts(Board(MACHINE, SHARES, (), held))
    waiting = tuple(evolve(need, key=f"later{need.key}") for need in waiting)
    board = Board(MACHINE, SHARES, running, waiting)

    everything = (*running, *starts(board))

    assert total(everything).within(MACHINE)
    for name in SHARES:
        assert total(n for n in everything if n.cluster == name).within(board.limit(name))


@given(queue=queues())
def test_every_job_that_can_run_does_and_runs_once(queue: tuple[Need, ...]) -> None:
    board = Board(MACHINE, SHARES, (), queue)
    able = {need.key for need in queue if need.resources.within(board.limit(need.cluster))}

    order = play(queue)

    assert sorted(able) == sorted(need.key for need in order)


@given(queue=queues())
@settings(max_examples=200)
def test_who_overtakes_a_head_of_line_leaves_it_its_place(queue: tuple[Need, ...]) -> None:
    line = tuple(evolve(need, cluster="default") for need in queue)
    running = starts(Board(MACHINE, SHARES, (), line))
    rest = sorted((need for need in line if need not in running), key=lambda need: need.order)
    heads = [need for need in rest if need.resources.within(MACHINE)]

    if heads:
        head = heads[0]
        overtook = total(need for need in running if need.order > head.order)
        assert (head.resources + overtook).within(MACHINE)


def need(key: str, cpus: int, since: int, cluster: str = "default") -> Need:
    return Need(key, cluster, Resources(cpus, 100, 0), since)


def test_a_small_job_overtakes_only_where_it_does_not_delay_the_head() -> None:
    held = (need("runs", 10, 0),)
    head, small, larger = need("head", 12, 1), need("small", 4, 2), need("larger", 5, 3)

    started = starts(Board(MACHINE, SHARES, held, (head, larger, small)))

    assert started == (small,)


def test_a_stream_of_small_jobs_does_not_starve_a_large_one() -> None:
    large = need("large", 16, 0)
    held = (need("first", 1, -1),)

    started = starts(Board(MACHINE, SHARES, held, (large, *(need(f"s{n}", 1, n) for n in (1, 2)))))

    assert started == ()


def test_a_guaranteed_share_goes_before_a_borrower() -> None:
    held = (need("big", 12, 0),)
    borrower, owed = need("borrower", 4, 1), need("owed", 4, 2, "vc1")

    started = starts(Board(MACHINE, SHARES, held, (borrower, owed)))

    assert started == (owed,)


def test_a_job_without_gpus_starts_on_a_machine_that_came_back_with_fewer() -> None:
    held = (Need("held", "default", Resources(1, 100, 6), 0),)
    waiting = (need("plain", 1, 1), Need("gpu", "default", Resources(1, 100, 1), 2))

    started = starts(Board(MACHINE, SHARES, held, waiting))

    assert started == waiting[:1]


def test_equal_jobs_start_in_the_order_of_their_coming() -> None:
    queue = tuple(need(f"job{n}", 4, n) for n in range(30))

    assert play(queue) == list(queue)


@given(
    counts=st.lists(st.integers(0, 4), max_size=6),
    free=st.sets(st.integers(0, 30), min_size=24),
)
def test_no_gpu_is_given_twice(counts: list[int], free: set[int]) -> None:
    given_out = share_gpus(counts, free)

    flat = [number for numbers in given_out for number in numbers]
    assert [len(numbers) for numbers in given_out] == counts
    assert len(set(flat)) == len(flat)
    assert set(flat) <= free


def config(tasks: int = 1, cpus: int = 1, memory: int = 100, gpus: int = 0) -> JobConfig:
    role = TaskRole(
        "main", "true", task_number=tasks, cpu_number=cpus, memory_mb=memory, gpu_number=gpus
    )
    return JobConfig(name="job", image="none", task_roles=(role,))


def test_what_can_never_run_is_told_with_the_largest_there_is() -> None:
    too_large = never(MACHINE, SHARES["default"], config(cpus=17))
    too_many = never(MACHINE, SHARES["vc1"], config(tasks=9))

    assert too_large is not None
    assert too_large.code is WaitingCode.LARGER_THAN_ANY_NODE
    assert "the largest node has 16 CPUs" in too_large.message
    assert too_many is not None
    assert too_many.code is WaitingCode.QUOTA_EXCEEDED
    assert "8 CPUs" in too_many.message
    assert never(MACHINE, SHARES["vc1"], config(tasks=8)) is None


def test_a_waiting_job_is_told_its_position_and_what_it_waits_for() -> None:
    held = (need("a", 14, 0), need("b", 2, 0, "vc2"))
    first, second, third = need("c", 4, 1), need("d", 4, 2), need("e", 2, 3, "vc2")
    board = Board(MACHINE, SHARES, held, (second, first, third))

    reasons = [why_waiting(board, each) for each in (first, second, third)]

    assert [reason.queue_position for reason in reasons] == [1, 2, 1]
    # The machine is full for default, which may hold all of it; vc2 holds 2 of the 3 that it may.
    assert [reason.code for reason in reasons] == [
        WaitingCode.NO_CAPACITY,
        WaitingCode.NO_CAPACITY,
        WaitingCode.QUOTA_EXCEEDED,
    ]
    assert "vc2 holds 2 CPUs" in reasons[2].message

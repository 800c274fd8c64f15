"""What a job that waits is told."""

from __future__ import annotations

from jobyard.domain.job import JobConfig, TaskRole
from jobyard.domain.status import WaitingCode, WaitingReason
from jobyard_backends.scheduling.local.decisions import Board, Held, Need, Resources
from jobyard_backends.scheduling.local.reasons import never, why_waiting

from .traces import MACHINE, SHARES


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


def need(key: str, cpus: int, since: int, cluster: str = "default") -> Need:
    return Need(key, cluster, Resources(cpus, 100, 0), since)


def reason(held: tuple[Need, ...], asking: Need, position: int = 1) -> WaitingReason:
    board = Board.of(MACHINE, SHARES, map(Held, held), (asking,))
    return why_waiting(board, asking, position)


def test_a_job_is_told_what_is_free_where_that_is_too_little() -> None:
    held = (need("a", 14, 0), need("b", 1, 0, "vc2"))

    first, second = reason(held, need("c", 4, 1)), reason(held, need("d", 4, 2), position=2)

    assert (first.code, first.queue_position) == (WaitingCode.NO_CAPACITY, 1)
    assert "asks for 4 CPUs" in first.message
    assert first.message.endswith("1 CPUs, 1400 MB of memory and 4 GPUs are free.")
    assert (second.code, second.queue_position) == (WaitingCode.NO_CAPACITY, 2)
    assert second.message.endswith("are free, and earlier jobs wait for them.")


def test_a_full_virtual_cluster_goes_before_a_full_machine() -> None:
    # The machine is full for default, which may hold all of it; vc2 holds 2 of the 3 that it may.
    told = reason((need("a", 14, 0), need("b", 2, 0, "vc2")), need("c", 2, 1, "vc2"))

    assert told.code is WaitingCode.QUOTA_EXCEEDED
    assert "vc2 holds 2 CPUs" in told.message


def test_a_job_that_would_fit_is_told_whom_it_must_not_delay() -> None:
    behind, first = reason((), need("a", 2, 0), position=2), reason((), need("b", 2, 0))

    assert "would delay a job ahead of it in its line" in behind.message
    assert "would borrow what jobs of other virtual clusters wait for" in first.message
    assert {behind.code, first.code} == {WaitingCode.NO_CAPACITY}

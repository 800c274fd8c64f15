"""When a job is over, and how."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from jobyard.domain.completion import RoleProgress, Verdict, decide

codes = st.sampled_from([0, 0, 1, 7, 137, -7113])


@st.composite
def roles(draw: st.DrawFn, name: str = "worker") -> RoleProgress:
    number = draw(st.integers(1, 6))
    threshold = st.one_of(st.none(), st.integers(1, number))
    order = draw(st.permutations(range(number)))
    ended = draw(st.integers(0, number))
    return RoleProgress(
        name=name,
        task_number=number,
        min_failed=draw(threshold),
        min_succeeded=draw(threshold),
        ended=tuple((index, draw(codes)) for index in order[:ended]),
    )


@st.composite
def jobs(draw: st.DrawFn) -> list[RoleProgress]:
    return [draw(roles(f"role{number}")) for number in range(draw(st.integers(1, 3)))]


def failures(role: RoleProgress) -> int:
    return sum(1 for _, code in role.ended if code)


def successes(role: RoleProgress) -> int:
    return len(role.ended) - failures(role)


def failed(role: RoleProgress) -> bool:
    return role.min_failed is not None and failures(role) >= role.min_failed


def succeeded(role: RoleProgress) -> bool:
    return role.min_succeeded is not None and successes(role) >= role.min_succeeded


@given(job=jobs())
def test_a_job_goes_on_exactly_while_no_role_decides_it_and_tasks_run(
    job: list[RoleProgress],
) -> None:
    undecided = not any(failed(role) or succeeded(role) for role in job)
    running = any(len(role.ended) < role.task_number for role in job)

    assert (decide(job) is None) is (undecided and running)


@given(job=jobs())
def test_a_job_without_a_trigger_succeeds_however_many_failures_were_tolerated(
    job: list[RoleProgress],
) -> None:
    tolerant = [
        evolve(
            role,
            min_failed=None,
            min_succeeded=None,
            ended=tuple((index, 1) for index in range(role.task_number)),
        )
        for role in job
    ]

    assert decide(tolerant) == Verdict(success=True, exit_code=0)


@given(role=roles(), data=st.data())
def test_the_order_of_endings_matters_only_where_both_thresholds_are_reached(
    role: RoleProgress, data: st.DataObject
) -> None:
    other = evolve(role, ended=tuple(data.draw(st.permutations(role.ended))))
    first, second = decide([role]), decide([other])

    if not (failed(role) and succeeded(role)):
        assert (first is None) is (second is None)
        if first is not None and second is not None:
            assert first.success is second.success
            assert first.trigger_message == second.trigger_message


@given(job=jobs(), data=st.data())
def test_the_order_of_the_roles_does_not_change_whether_a_job_succeeds(
    job: list[RoleProgress], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(job))
    first, second = decide(job), decide(shuffled)

    assert (first and first.success) == (second and second.success)


@given(role=roles(), code=codes)
def test_a_verdict_stays_whatever_ends_after_it(role: RoleProgress, code: int) -> None:
    before = decide([role])
    ended = {index for index, _ in role.ended}
    left = [index for index in range(role.task_number) if index not in ended]

    if before is not None and left:
        assert decide([evolve(role, ended=(*role.ended, (left[0], code)))]) == before


@given(job=jobs())
def test_a_failed_job_has_the_code_of_the_task_that_failed_it(job: list[RoleProgress]) -> None:
    verdict = decide(job)

    if verdict is not None and not verdict.success:
        role = next(each for each in job if each.name == verdict.trigger_role)
        assert (verdict.trigger_index, verdict.exit_code) in role.ended
        assert verdict.exit_code != 0
        assert f"in TaskRole [{role.name}]" in (verdict.trigger_message or "")


def test_the_threshold_that_was_reached_first_decides_a_role() -> None:
    role = RoleProgress("r", 4, min_failed=1, min_succeeded=1)

    win = decide([evolve(role, ended=((2, 0), (0, 9)))])
    loss = decide([evolve(role, ended=((0, 9), (2, 0)))])

    assert win is not None
    assert (win.success, win.trigger_index, win.exit_code) == (True, 2, 0)
    assert loss is not None
    assert (loss.success, loss.trigger_index, loss.exit_code) == (False, 0, 9)
    assert loss.trigger_message == (
        "FailedTaskCount 1 has reached MinFailedTaskCount 1 in TaskRole [r]"
    )


def test_a_role_succeeds_with_the_success_that_reaches_its_minimum() -> None:
    role = RoleProgress("r", 3, min_failed=None, min_succeeded=2, ended=((1, 0), (2, 5)))

    assert decide([role]) is None
    assert decide([evolve(role, ended=(*role.ended, (0, 0)))]) == Verdict(
        success=True,
        exit_code=0,
        trigger_message="SucceededTaskCount 2 has reached MinSucceededTaskCount 2 in TaskRole [r]",
        trigger_role="r",
        trigger_index=0,
    )


@pytest.mark.parametrize(
    ("ended", "over"),
    [((), False), (((0, 5),), False), (((0, 5), (1, 0)), False), (((0, 5), (2, 6)), True)],
)
def test_a_role_fails_with_the_failure_that_reaches_its_minimum(
    ended: Sequence[tuple[int, int]], over: bool
) -> None:
    verdict = decide([RoleProgress("r", 3, min_failed=2, min_succeeded=None, ended=tuple(ended))])

    assert (verdict is not None) is over
    if verdict is not None:
        assert (verdict.exit_code, verdict.trigger_index) == (6, 2)


def test_a_failure_of_one_role_goes_before_a_success_of_another() -> None:
    good = RoleProgress("good", 2, None, min_succeeded=1, ended=((0, 0),))
    bad = RoleProgress("bad", 2, min_failed=1, min_succeeded=None, ended=((1, 3),))

    for order in ([good, bad], [bad, good]):
        verdict = decide(order)
        assert verdict is not None
        assert verdict.trigger_role == "bad"

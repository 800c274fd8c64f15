from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from jobyard.domain.job import FrameworkName
from jobyard.domain.states import JobState, TaskState
from jobyard.domain.status import JobStatus, JobSummary, TaskRoleStatus, TaskStatus
from jobyard.routes.task_pages import Place, TaskQuery, cursor, paged, read

SUMMARY = JobSummary(FrameworkName("alice", "one"), None, "alice")
STATES = (TaskState.TASK_WAITING, TaskState.CONTAINER_RUNNING)
ROLES = st.dictionaries(
    st.sampled_from(["worker", "ps", "chief", "a~b"]), st.lists(st.sampled_from(STATES), max_size=7)
)


def status(roles: dict[str, list[TaskState]]) -> JobStatus:
    made = (
        TaskRoleStatus(name, tuple(TaskStatus(at, state) for at, state in enumerate(states)))
        for name, states in roles.items()
    )
    return JobStatus(SUMMARY, task_roles=tuple(made))


def tasks(shown: JobStatus) -> list[tuple[str, int]]:
    return [(role.name, task.index) for role in shown.task_roles for task in role.tasks]


@given(
    roles=ROLES,
    role=st.sampled_from([None, "worker", "nobody"]),
    state=st.sampled_from([None, JobState.RUNNING, JobState.FAILED]),
    limit=st.integers(1, 5),
)
def test_pages_joined_are_the_wanted_tasks(
    roles: dict[str, list[TaskState]], role: str | None, state: JobState | None, limit: int
) -> None:
    whole, end = paged(status(roles), TaskQuery(role, state))
    assert end is None
    told, after = list[tuple[str, int]](), None
    while True:
        page, after = paged(status(roles), TaskQuery(role, state, limit, after))
        told += sorted(tasks(page))
        assert {each.name for each in page.task_roles} == {each.name for each in whole.task_roles}
        if after is None:
            break
        assert len(tasks(page)) == limit

    assert told == sorted(tasks(whole))


@given(roles=ROLES, role=st.sampled_from(["worker", "nobody"]))
def test_what_is_wanted_is_of_the_role_and_in_the_state(
    roles: dict[str, list[TaskState]], role: str
) -> None:
    chosen, _ = paged(status(roles), TaskQuery(role, JobState.RUNNING))

    expected = [
        (role, at)
        for at, state in enumerate(roles.get(role, []))
        if state is TaskState.CONTAINER_RUNNING
    ]
    assert tasks(chosen) == expected
    assert [each.name for each in chosen.task_roles] == [role] * (role in roles)


def test_without_a_wish_the_whole_is_given() -> None:
    whole = status({"worker": [TaskState.TASK_WAITING]})

    assert paged(whole, TaskQuery()) == (whole, None)


def test_the_last_page_may_be_all_that_follows() -> None:
    whole = status({"worker": [TaskState.TASK_WAITING] * 4})

    rest, end = paged(whole, TaskQuery(after=("worker", 1)))
    assert (tasks(rest), end) == ([("worker", 2), ("worker", 3)], None)


def test_a_question_is_read() -> None:
    place: Place = ("worker", 7)
    query = f"role=a~b&taskState=RUNNING&taskLimit=1000&taskCursor={cursor(place)}"

    asked, problems = read(QueryParams(query))
    assert (list(problems), asked) == ([], TaskQuery("a~b", JobState.RUNNING, 1000, place))


@pytest.mark.parametrize(
    "query",
    ["role=a/b", "role=", "taskState=running", "taskLimit=0", "taskLimit=1001", "taskCursor=x"],
)
def test_what_is_wrong_is_named(query: str) -> None:
    asked, problems = read(QueryParams(query))

    assert [each.path for each in problems] == [query.partition("=")[0]]
    assert asked == TaskQuery()

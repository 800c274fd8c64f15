"""The tasks of a job's detail: of one role, in one state, in pages (contract, section 7, N)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, cast

from attrs import evolve, frozen
from starlette.datastructures import QueryParams

from jobyard.domain.job import ROLE_NAME_PATTERN
from jobyard.domain.states import JobState
from jobyard.domain.status import JobStatus, TaskRoleStatus, TaskStatus
from jobyard.errors import Problem
from jobyard.routes.endpoint import QueryParameter
from jobyard.routes.queries import QueryReader
from jobyard.wire import cursors

LARGEST_PAGE: Final = 1000

_ROLE: Final = re.compile(ROLE_NAME_PATTERN.strip("^$"))
_STATES: Final = tuple(JobState)
_KIND: Final = "tasks"

Place = tuple[str, int]
"""Where a page ended: the role, and the task's index."""

PARAMETERS: Final = (
    QueryParameter(
        "role", "Only the tasks of this role.", {"type": "string", "pattern": ROLE_NAME_PATTERN}
    ),
    QueryParameter(
        "taskState", "Only tasks in this state.", {"type": "string", "enum": list(_STATES)}
    ),
    QueryParameter(
        "taskLimit",
        "How many tasks at most. The `Link` of the answer leads to those that follow.",
        {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE},
    ),
    QueryParameter("taskCursor", "Where the page before ended, as its `Link` has it."),
)


@frozen
class TaskQuery:
    """Ask for some of a job's tasks; ``after`` is the place that the last page ended with."""

    role: str | None = None
    state: JobState | None = None
    limit: int | None = None
    after: Place | None = None


def read(query: QueryParams) -> tuple[TaskQuery, Sequence[Problem]]:
    """Read which tasks are wanted, and everything that is wrong with the question."""
    reader = QueryReader(query)
    state = reader.choice("taskState", _STATES)
    asked = TaskQuery(
        role=reader.text("role", _ROLE),
        state=None if state is None else JobState(state),
        limit=reader.number("taskLimit", 1, LARGEST_PAGE),
        after=cast("Place | None", reader.cursor("taskCursor", _KIND, (str, int))),
    )
    return asked, reader.problems


def cursor(place: Place) -> str:
    """Give the cursor of a place."""
    return cursors.write(_KIND, place)


def paged(status: JobStatus, query: TaskQuery) -> tuple[JobStatus, Place | None]:
    """Give a job with the tasks that are wanted, and the place that they end with if more follow.

    All roles that are wanted are there, with those of their tasks that are on the page. Pages go
    through the roles by their names.
    """
    if query == TaskQuery():
        return status, None
    roles = [role for role in status.task_roles if query.role in (None, role.name)]
    if query.limit is None and query.after is None:
        kept = [evolve(role, tasks=tuple(_wanted(role, query))) for role in roles]
        return evolve(status, task_roles=tuple(kept)), None
    roles.sort(key=lambda role: role.name)
    pairs = ((role.name, task) for role in roles for task in _wanted(role, query))
    found = list(islice(pairs, None if query.limit is None else query.limit + 1))
    more = query.limit is not None and len(found) > query.limit
    page = found[: query.limit]
    end = (page[-1][0], page[-1][1].index) if more else None
    return evolve(status, task_roles=tuple(_with(role, page) for role in roles)), end


def _wanted(role: TaskRoleStatus, query: TaskQuery) -> Iterator[TaskStatus]:
    if query.after is not None and role.name < query.after[0]:
        return
    begin = -1
    if query.after is not None and role.name == query.after[0]:
        begin = query.after[1]
    for task in role.tasks:
        if task.index > begin and query.state in (None, task.state):
            yield task


def _with(role: TaskRoleStatus, page: Sequence[tuple[str, TaskStatus]]) -> TaskRoleStatus:
    return evolve(role, tasks=tuple(task for name, task in page if name == role.name))

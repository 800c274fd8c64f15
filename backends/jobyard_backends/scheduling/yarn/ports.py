"""The ports of tasks where the launcher gives none: leased by the gateway, for the whole cluster.

Nobody knows on which node a task will run, so a port is one job's on every node. A fixed port is
the task's own affair: two tasks of one job may have it on two nodes, and its start script finds out
whether it is free there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import orjson
from attrs import frozen
from sqlalchemy import delete, insert, select

from jobyard.domain.job import JobSubmission, PortRequest, SubmissionId
from jobyard.domain.states import ENDED
from jobyard.domain.status import JobSummary, TaskPorts
from jobyard.seams.context import PortConflict, PortLease, PortLedger, PortNeed, Store
from jobyard.seams.scheduling import Refused
from jobyard_backends.scheduling.yarn.tables import PORTS
from jobyard_backends.scheduling.yarn.views import NO_PORTS, Ports

if TYPE_CHECKING:
    from sqlalchemy import Connection

_POOL: Final = "yarn"
_BUSY: Final = 503
_RETRY_AFTER: Final = 30.0


@frozen
class _Task:
    role: str
    index: int
    requests: tuple[PortRequest, ...]


class PortOffice:
    """Lease ports for jobs, and remember which task got which.

    ``numbers`` is the range that the gateway may give; ``None`` where the launcher gives them.
    """

    def __init__(self, ledger: PortLedger, store: Store, numbers: range | None) -> None:
        self._ledger = ledger
        self._store = store
        self._numbers = numbers

    @property
    def open(self) -> bool:
        """Tell whether the gateway gives the ports."""
        return self._numbers is not None

    async def lease(self, job: JobSubmission, at: int) -> Ports:
        """Lease the ports of all tasks; a job that has them keeps them.

        Raises:
            Refused: Not so many are free.
        """
        if self._numbers is None:
            return NO_PORTS
        known = await self.of(job.submission)
        if known:
            return known
        tasks = _tasks(job)
        needs = [
            PortNeed(_key(task, port), 0, port.count)
            for task in tasks
            for port in task.requests
            if not port.begin_at
        ]
        try:
            leases = await self._ledger.lease(
                _POOL, job.submission, needs, free=list(self._numbers)
            )
        except PortConflict as error:
            message = (
                f"The job's tasks need {sum(need.count for need in needs)} ports, and not so many "
                "of the gateway's are free; try again when other jobs have ended."
            )
            raise Refused(message, status=_BUSY, retry_after=_RETRY_AFTER) from error
        ports = _given(tasks, leases)
        await self._store.write(_remember(job, ports, at))
        return ports

    async def of(self, submission: SubmissionId | None) -> Ports:
        """Give the ports that a job was leased."""
        if self._numbers is None or submission is None:
            return NO_PORTS
        return await self._store.read(_ports_of(submission))

    async def release(self, submission: SubmissionId) -> None:
        """Give back what a job has; nothing is good."""
        if self._numbers is None:
            return
        await self._ledger.release(submission)
        await self._store.write(_forget(submission))

    async def give_back(self, jobs: Sequence[JobSummary], before: int) -> None:
        """Give back the ports of jobs that are over, and of those of ``before`` that are gone.

        ``before`` is in milliseconds since the epoch: a job is leased its ports before the
        cluster shows it.
        """
        if self._numbers is None:
            return
        held = await self._store.read(_held)
        shown = {job.submission: job.state in ENDED for job in jobs if job.submission in held}
        for submission, at in held.items():
            if shown.get(submission, at < before):
                await self.release(submission)


def _tasks(job: JobSubmission) -> Sequence[_Task]:
    return [
        _Task(role.name, index, role.all_ports())
        for role in job.config.task_roles
        for index in range(role.task_number)
    ]


def _key(task: _Task, port: PortRequest) -> str:
    return f"{task.role}/{task.index}/{port.label}"


def _given(tasks: Sequence[_Task], leases: Sequence[PortLease]) -> Ports:
    numbers = {lease.key: lease.numbers for lease in leases}
    return {
        (task.role, task.index): tuple(
            TaskPorts(
                port.label,
                tuple(range(port.begin_at, port.begin_at + port.count))
                if port.begin_at
                else numbers[_key(task, port)],
            )
            for port in task.requests
        )
        for task in tasks
    }


def _remember(job: JobSubmission, ports: Ports, at: int) -> Callable[[Connection], None]:
    document = orjson.dumps(
        [
            [role, index, [[port.label, port.numbers] for port in given]]
            for (role, index), given in ports.items()
        ]
    )

    def work(connection: Connection) -> None:
        connection.execute(delete(PORTS).where(PORTS.c.submission == job.submission))
        values = {
            "submission": job.submission,
            "framework": str(job.name),
            "ports": document,
            "at": at,
        }
        connection.execute(insert(PORTS).values(values))

    return work


def _ports_of(submission: SubmissionId) -> Callable[[Connection], Ports]:
    def work(connection: Connection) -> Ports:
        query = select(PORTS.c.ports).where(PORTS.c.submission == submission)
        document = connection.execute(query).scalar()
        return NO_PORTS if document is None else _read(document)

    return work


def _read(document: bytes) -> Mapping[tuple[str, int], tuple[TaskPorts, ...]]:
    return {
        (role, index): tuple(TaskPorts(label, tuple(numbers)) for label, numbers in given)
        for role, index, given in orjson.loads(document)
    }


def _forget(submission: SubmissionId) -> Callable[[Connection], None]:
    def work(connection: Connection) -> None:
        connection.execute(delete(PORTS).where(PORTS.c.submission == submission))

    return work


def _held(connection: Connection) -> Mapping[SubmissionId, int]:
    rows = connection.execute(select(PORTS.c.submission, PORTS.c.at))
    return {SubmissionId(row.submission): row.at for row in rows}

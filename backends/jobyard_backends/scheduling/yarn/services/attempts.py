"""One attempt of a job, from its service to its end.

Every step is made from what is written, and what it does may be done again: a gateway that takes
over goes on where another one stopped.

    QUEUED --ports--> STARTING --all have their places--> RUNNING --verdict--> ENDING --removed--+
      ^                   |                                                      ^               |
      |                   +---------------- it cannot be started ----------------+               |
      +---------------------------------- retried <----------------------------------------------+--> ENDED
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from attrs import define, evolve, field

from jobyard.clock import Clock
from jobyard.domain import retry
from jobyard.domain.environment import GangPlacement, TaskPlace, task_environment
from jobyard.domain.exits import classify
from jobyard.domain.status import AttemptExit, ExitType, TaskPorts
from jobyard.errors import Rejected
from jobyard.seams.context import Context, PortConflict, PortNeed
from jobyard_backends.scheduling.yarn.services.client import Services
from jobyard_backends.scheduling.yarn.services.folder import CodeUnusable, Folder
from jobyard_backends.scheduling.yarn.services.notes import Notes
from jobyard_backends.scheduling.yarn.services.records import (
    Attempt,
    Phase,
    Record,
    Task,
    instance_name,
    lease_owner,
    over,
    service_name,
)
from jobyard_backends.scheduling.yarn.services.rows import Edit, Rows
from jobyard_backends.scheduling.yarn.services.service import Service, specification
from jobyard_backends.scheduling.yarn.services.settings import ServiceSettings

_POOL: Final = "yarn"
_TOKEN_LIFETIME: Final = 90 * 24 * 3600.0
_GANG: Final = -7252
_KILLED: Final = -7303
_REFUSED: Final = -7300
_NO_CODE: Final = -7251


@define
class Attempts:
    """Do the next step of each job."""

    services: Services
    rows: Rows
    context: Context
    settings: ServiceSettings
    _notes: Notes = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._notes = Notes(self.context.storage, self.context.clock, self.settings.lost)

    @property
    def _clock(self) -> Clock:
        return self.context.clock

    async def step(self, record: Record) -> None:
        """Do the next step of a job that is not over, and was not stopped.

        Raises:
            BackendError: The cluster, the storage or the database did not answer; again later.
        """
        if record.phase is Phase.QUEUED:
            await self._begin(record)
        elif record.phase is Phase.STARTING:
            await self._start(record)
        elif record.phase is Phase.RUNNING:
            await self._watch(record)
        elif record.phase is Phase.ENDING:
            await self._finish(record)
        elif record.leftover or record.forgotten:
            await self._clear(record)

    # ------------------------------------------------------------------------------ starting

    async def _begin(self, record: Record) -> None:
        if record.queued_at > self._clock.now():
            return
        try:
            tasks = await self._placed(record)
        except PortConflict:
            return  # they come back when other jobs end
        attempt = Attempt(number=len(record.attempts), tasks=tasks)

        def begun(now: Record) -> Record | None:
            if now.phase is not Phase.QUEUED or len(now.attempts) != attempt.number:
                return None
            return evolve(now, phase=Phase.STARTING, attempts=(*now.attempts, attempt))

        changed = await self.rows.change(record.id, begun)
        if changed is None or changed.phase is not Phase.STARTING:
            await self.context.ports.release(lease_owner(record, attempt.number))
        else:
            await self._start(changed)

    async def _placed(self, record: Record) -> tuple[Task, ...]:
        """Lease ports for all tasks; a fixed one is the task's own affair on its node."""
        needs = [
            PortNeed(f"{role.name}/{index}/{port.label}", 0, port.count)
            for role in record.job.config.task_roles
            for index in range(role.task_number)
            for port in role.all_ports()
            if not port.begin_at
        ]
        owner = lease_owner(record, len(record.attempts))
        leases = await self.context.ports.lease(_POOL, owner, needs, free=self._free())
        numbers = {lease.key: lease.numbers for lease in leases}
        return tuple(
            Task(
                role.name,
                index,
                tuple(
                    TaskPorts(
                        port.label,
                        tuple(range(port.begin_at, port.begin_at + port.count))
                        if port.begin_at
                        else numbers[f"{role.name}/{index}/{port.label}"],
                    )
                    for port in role.all_ports()
                ),
            )
            for role in record.job.config.task_roles
            for index in range(role.task_number)
        )

    def _free(self) -> Sequence[int]:
        """Give the ports from anywhere on: what others have on a node is not met every time."""
        ports = list(self.settings.ports)
        begin = random.randrange(len(ports))  # noqa: S311 - it spreads ports, no more
        return ports[begin:] + ports[:begin]

    async def _start(self, record: Record) -> None:
        service = await self._service(record)
        if service is None and record.last.created:
            await self._judge(record, _KILLED, "The job's service was removed from YARN.")
            return
        if service is None:
            await self._create(record)
            return
        record = await self._noted(record, service)
        if record.phase is not Phase.STARTING:
            return
        if service.over and not record.last.placed:
            await self._judge(record, _KILLED, "The job's service ended before its tasks began.")
        elif record.last.placed:
            await self._launch(record)
        elif self._is_late(record):
            message = "Not all tasks of the job were given a place in time."
            await self._judge(record, _GANG, message)

    async def _service(self, record: Record) -> Service | None:
        name = service_name(record, record.last.number)
        return await self.services.find(name, record.job.submitter)

    async def _create(self, record: Record) -> None:
        folder = Folder(self.context.storage, record)
        await folder.make()
        document = specification(record, self._front + folder.path, self._token(record))
        try:
            await self.services.create(document, record.job.submitter)
        except Rejected as error:
            await self._judge(record, _REFUSED, error.message)
            return
        await self._edit(record, lambda now: now.with_last(evolve(now.last, created=True)))

    def _is_late(self, record: Record) -> bool:
        since = record.last.gang_since
        return since is not None and self._clock.now() - since > self.settings.gang * 1000

    async def _launch(self, record: Record) -> None:
        """Tell every task what to do: all have their addresses now."""
        folder = Folder(self.context.storage, record)
        try:
            code = await folder.code(self._front)
        except CodeUnusable as error:
            await self._judge(record, _NO_CODE, str(error), ExitType.NON_TRANSIENT)
            return
        placement = GangPlacement(
            tasks={
                (task.role, task.index): TaskPlace(task.ip or "", task.ports)
                for task in record.last.tasks
            },
            app_id=record.last.app_id or "",
        )
        commands = {role.name: role.command for role in record.job.config.task_roles}
        token = {"PAI_STORAGE_TOKEN": self._token(record)}
        for task in record.last.tasks:
            if task.code is not None:
                continue
            environment = task_environment(
                record.job, placement, task.role, task.index, task.container or ""
            )
            numbers = [number for port in task.ports for number in port.numbers]
            name = instance_name(record, task)
            await folder.tell(name, numbers, code, commands[task.role], environment | token)
        now = self._clock.now()
        await self._edit(
            record,
            lambda each: each.with_last(evolve(each.last, launched_at=now), phase=Phase.RUNNING),
        )

    def _token(self, record: Record) -> str:
        job = record.job
        tokens = self.context.job_tokens
        return tokens.storage_token(job.ref, job.submitter, _TOKEN_LIFETIME).reveal()

    @property
    def _front(self) -> str:
        return f"{self.context.public_url}/webhdfs/v1"

    # ------------------------------------------------------------------------------- running

    async def _watch(self, record: Record) -> None:
        await self._noted(record, await self._service(record))

    async def _noted(self, record: Record, service: Service | None) -> Record:
        """Note what tasks have noted since, and judge."""
        news = await self._notes.gather(record, service)
        now = self._clock.now()
        return await self._edit(record, lambda each: news.told(each, now))

    async def _judge(
        self, record: Record, code: int, message: str, kind: ExitType | None = None
    ) -> None:
        told = AttemptExit(exit_type=kind or classify(code), diagnostics=message)
        await self._edit(record, lambda now: now.verdict(code, told))

    # -------------------------------------------------------------------------------- ending

    async def _finish(self, record: Record) -> None:
        """Remove the service, give the ports back, and decide what comes next."""
        await self._release(record)
        now = self._clock.now()

        def finished(each: Record) -> Record:
            ended = each.with_last(over(each.last, now))
            return evolve(self._next(ended, now), leftover=False)

        await self._edit(record, finished)

    async def _release(self, record: Record) -> None:
        number = record.last.number
        name = service_name(record, number)
        await self.services.destroy(name, record.job.submitter)
        await self.context.ports.release(lease_owner(record, number))
        self._notes.forget(name)

    def _next(self, record: Record, now: int) -> Record:
        last = record.last
        code = 0 if last.exit_code is None else last.exit_code
        again = retry.after(
            code,
            last.exit.exit_type,
            record.job.config.retry_count,
            record.counts,
            jitter=random.uniform(-1, 1),  # noqa: S311 - it spreads retries, no more
        )
        if again is None:
            return record.ended(code, now)
        if record.stopping:
            return record.stopped(now)
        pause = round(again.delay * self.settings.retry_backoff * 1000)
        return evolve(record, phase=Phase.QUEUED, counts=again.counts, queued_at=now + pause)

    async def _clear(self, record: Record) -> None:
        """Remove what a job that is over has left."""
        if record.attempts and record.leftover:
            await self._release(record)
        if record.forgotten:
            await Folder(self.context.storage, record).remove()
            await self.rows.remove(record.id)
        else:
            await self.rows.change(record.id, lambda now: evolve(now, leftover=False))

    async def _edit(self, record: Record, edit: Edit) -> Record:
        """Change a job that is where it was; give it as it is."""

        def guarded(now: Record) -> Record | None:
            same = (now.phase, len(now.attempts)) == (record.phase, len(record.attempts))
            return edit(now) if same else None

        return await self.rows.change(record.id, guarded) or evolve(record, phase=Phase.ENDED)

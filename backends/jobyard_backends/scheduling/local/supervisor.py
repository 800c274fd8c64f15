"""The loop that gives jobs their places, and one task for every job that has one."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Final

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup
from attrs import field, frozen

from jobyard.domain.job import SubmissionId
from jobyard.domain.virtual_cluster import VirtualClusterShare
from jobyard_backends.scheduling.local.attempt import AttemptRun, Tools
from jobyard_backends.scheduling.local.book import Entry
from jobyard_backends.scheduling.local.decisions import (
    Board,
    Need,
    resources_of,
    share_gpus,
    starts,
)
from jobyard_backends.scheduling.local.machine import Machine
from jobyard_backends.scheduling.local.records import LIVE, JobRecord
from jobyard_backends.scheduling.local.shares import Shares

LOG: Final = logging.getLogger("jobyard.scheduling.local")

_LONGEST_PAUSE: Final = 30.0
"""Seconds between two tries of an attempt that fails for reasons of the gateway's own."""


@frozen
class Place:
    """Be what a job holds of the machine; ``stop`` is set to have it stopped."""

    need: Need
    gpus: Mapping[tuple[str, int], tuple[int, ...]]
    stop: anyio.Event = field(factory=anyio.Event)


class Supervisor:
    """Run the jobs of one gateway."""

    def __init__(self, tools: Tools, machine: Machine, shares: Shares) -> None:
        self._tools = tools
        self._machine = machine
        self._shares = shares
        self._places: dict[SubmissionId, Place] = {}
        self._needs: dict[SubmissionId, Need] = {}
        self._wake = anyio.Event()
        self._scope = anyio.CancelScope()
        self._begun = anyio.Event()
        self._finished = anyio.Event()

    @property
    def running(self) -> bool:
        """Tell whether jobs are being worked on."""
        return self._begun.is_set() and not self._finished.is_set()

    def wake(self) -> None:
        """Have the queue looked at."""
        self._wake.set()

    def stop(self, submission: SubmissionId) -> None:
        """Have the processes of a job ended, if it has any."""
        place = self._places.get(submission)
        if place is not None:
            place.stop.set()

    def held(self) -> tuple[Need, ...]:
        """Give what the jobs that have a place hold."""
        return tuple(place.need for place in self._places.values())

    def board(self, waiting: Iterable[JobRecord]) -> Board:
        """Give what a decision is made from."""
        shares: dict[str, VirtualClusterShare] = {each.name: each for each in self._shares.all()}
        needs = self._needs_of(waiting)
        return Board(self._machine.resources, shares, self.held(), needs)

    def _needs_of(self, waiting: Iterable[JobRecord]) -> tuple[Need, ...]:
        # Kept from one look to the next, since of a long queue most stay as they were.
        known, needs = self._needs, {}
        for record in waiting:
            need = known.get(record.id)
            if need is None or need.since != record.queued_at:
                need = need_of(record)
            needs[record.id] = need
        self._needs = needs
        return tuple(needs.values())

    async def run(self) -> None:
        """Work until closed; tasks of jobs go on then."""
        try:
            with self._scope:
                async with anyio.create_task_group() as group:
                    self._resume(group)
                    group.start_soon(self._tools.room.run)
                    if self._tools.memory is not None:
                        group.start_soon(self._tools.memory.run)
                    self._begun.set()
                    await self._loop(group)
        finally:
            self._begun.set()
            self._finished.set()

    async def begun(self) -> None:
        """Return when the work has begun."""
        await self._begun.wait()

    async def close(self) -> None:
        """End the loop, and return when nothing of it is left."""
        self._scope.cancel()
        if self._begun.is_set():
            # Also where the caller is cancelled: what is written needs the store until then.
            with anyio.CancelScope(shield=True):
                await self._finished.wait()

    def _resume(self, group: TaskGroup) -> None:
        for entry in self._tools.book.all():
            record = entry.record
            if record.phase in LIVE:
                place = Place(need_of(record), _gpus(entry))
                self._places[record.id] = place
                if record.stopping:
                    place.stop.set()
                group.start_soon(self._drive, record.id, place)
            elif record.forgotten:
                group.start_soon(self.remove, record.id)

    async def _loop(self, group: TaskGroup) -> None:
        while True:
            self._wake = anyio.Event()
            try:
                self._give_places(group)
            except Exception:
                # The jobs that run are not to end for it.
                LOG.exception("the queue could not be looked at")
            with anyio.move_on_after(self._next_due()):
                await self._wake.wait()

    def ready(self) -> tuple[JobRecord, ...]:
        """Give the jobs that wait for nothing but a place, in the order of the queue."""
        now = self._tools.clock.now()
        return tuple(
            record
            for record in self._tools.book.queued()
            # One whose last attempt is just being left is asked again when its place is free.
            if record.queued_at <= now and record.id not in self._places
        )

    def _next_due(self) -> float | None:
        now = self._tools.clock.now()
        due = [each.queued_at for each in self._tools.book.queued() if each.queued_at > now]
        return max(0.001, (min(due) - now) / 1000) if due else None

    def _give_places(self, group: TaskGroup) -> None:
        ready = {record.id: record for record in self.ready()}
        if not ready:
            return
        for need in starts(self.board(ready.values())):
            record = ready[SubmissionId(need.key)]
            place = Place(need, self._pick_gpus(record))
            self._places[record.id] = place
            group.start_soon(self._drive, record.id, place)

    def _pick_gpus(self, record: JobRecord) -> dict[tuple[str, int], tuple[int, ...]]:
        taken = {
            number
            for place in self._places.values()
            for numbers in place.gpus.values()
            for number in numbers
        }
        tasks = [
            (role.name, index, role.gpu_number)
            for role in record.job.config.task_roles
            for index in range(role.task_number)
        ]
        free = set(self._machine.gpu_numbers) - taken
        given = share_gpus([count for _, _, count in tasks], free)
        return {
            (role, index): numbers for (role, index, _), numbers in zip(tasks, given, strict=True)
        }

    async def _drive(self, submission: SubmissionId, place: Place) -> None:
        """Bring an attempt to its end, however often something of ours fails on the way."""
        pause = 1.0
        while not await self._try(submission, place):
            await anyio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        entry = self._tools.book.get(submission)
        if entry is not None and entry.record.forgotten:
            await self.remove(submission)
        self._places.pop(submission, None)
        self.wake()

    async def _try(self, submission: SubmissionId, place: Place) -> bool:
        try:
            await AttemptRun(self._tools, submission, place.gpus, place.stop).run()
        except Exception:
            LOG.exception("the job %s could not be brought on; it is tried again", submission)
            return False
        return True

    async def remove(self, submission: SubmissionId) -> None:
        """Remove a job that holds no place, or is about to leave it."""
        remove = self._tools.folders.remove
        await to_thread.run_sync(remove, submission, limiter=self._tools.threads)
        try:
            await self._tools.book.forget(submission)
        except Exception:
            # Its row says that it is to be forgotten: the next start does it.
            LOG.exception("the rows of %s could not be removed", submission)

    def places(self) -> Mapping[SubmissionId, Place]:
        """Give the jobs that hold a place."""
        return self._places


def need_of(record: JobRecord) -> Need:
    """Give a job as decisions see it."""
    config = record.job.config
    return Need(record.id, config.virtual_cluster, resources_of(config), record.queued_at)


def _gpus(entry: Entry) -> dict[tuple[str, int], tuple[int, ...]]:
    if entry.attempt is None:
        return {}
    return {task.key: task.gpus for task in entry.attempt.tasks}

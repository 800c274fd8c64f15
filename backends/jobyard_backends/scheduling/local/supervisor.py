"""The loop that gives jobs their places, and one task for every job that has one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup
from attrs import field, frozen

from jobyard.domain.job import SubmissionId
from jobyard.domain.virtual_cluster import VirtualClusterShare
from jobyard_backends.scheduling.local.attempt import AttemptRun, Tools
from jobyard_backends.scheduling.local.book import Entry
from jobyard_backends.scheduling.local.decisions import Board, Held, Need, share_gpus
from jobyard_backends.scheduling.local.halt import Halt, preempted, ran_too_long
from jobyard_backends.scheduling.local.machine import Machine
from jobyard_backends.scheduling.local.promises import need_of
from jobyard_backends.scheduling.local.records import LIVE, JobRecord
from jobyard_backends.scheduling.local.shares import Shares
from jobyard_backends.scheduling.local.turns import starts, victims

LOG: Final = logging.getLogger("jobyard.scheduling.local")

_LONGEST_PAUSE: Final = 30.0
"""Seconds between two tries of an attempt that fails for reasons of the gateway's own."""


@frozen
class Place:
    """Be what a job holds of the machine.

    ``since`` is when it got it, in milliseconds since the epoch, ``seen`` when this gateway first
    saw it there, in monotonic seconds, and ``ran`` the milliseconds it had run by then.
    """

    need: Need
    gpus: Mapping[tuple[str, int], tuple[int, ...]]
    since: int
    seen: float
    ran: int = 0
    halt: Halt = field(factory=Halt)


class Supervisor:
    """Run the jobs of one gateway."""

    def __init__(self, tools: Tools, machine: Machine, shares: Shares) -> None:
        self._tools = tools
        self._machine = machine
        self._shares = shares
        self._grace = round(1000 * tools.config.grace_seconds)
        self._places: dict[SubmissionId, Place] = {}
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
            place.halt.give()

    def board(self) -> Board:
        """Give what a decision is made from."""
        shares: dict[str, VirtualClusterShare] = {each.name: each for each in self._shares.all()}
        now = self._tools.clock.now()
        held = tuple(self._held(submission, now) for submission in self._places)
        lines = self._tools.book.queue.lines(now, without=self._places)
        machine = self._machine.resources
        return Board(machine, shares, held, lines, now, self._grace)

    def _held(self, submission: SubmissionId, now: int) -> Held:
        place, leaving = self._places[submission], self._places[submission].halt.told
        left = 0 if leaving else self._left(submission)
        until = None if left is None else now + max(0, left) + self._grace + 1
        return Held(place.need, place.since, until, leaving)

    def _left(self, submission: SubmissionId) -> int | None:
        """Give the milliseconds that a job may run on; ``None`` where it may for ever."""
        place, entry = self._places[submission], self._tools.book.get(submission)
        runs, clock = place.need.runs, self._tools.clock
        if runs is None or entry is None or entry.attempt is None:
            return runs
        launched = entry.attempt.launched_at
        if launched is None:
            return runs
        # A clock that is set forward ends nobody early: what has really passed is known, too.
        passed = place.ran + round(1000 * (clock.monotonic() - place.seen))
        return runs - min(passed, max(0, clock.now() - launched))

    def position(self, need: Need) -> int:
        """Give the place of a job in its line, from 1."""
        return self._tools.book.queue.position(need, without=self._places)

    async def run(self) -> None:
        """Work until closed; tasks of jobs go on then."""
        try:
            with self._scope:
                async with anyio.create_task_group() as group:
                    self._resume(group)
                    group.start_soon(self._tools.room.run)
                    if self._tools.memory is not None:
                        group.start_soon(self._tools.memory.run)
                    if self._tools.keep is not None:
                        group.start_soon(self._tools.keep.run)
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
                place = self._resumed(entry)
                self._places[record.id] = place
                if record.stopping:
                    place.halt.give()
                group.start_soon(self._drive, record.id, place)
            elif record.forgotten:
                group.start_soon(self.remove, record.id)

    def _resumed(self, entry: Entry) -> Place:
        clock = self._tools.clock
        now = clock.now()
        launched = None if entry.attempt is None else entry.attempt.launched_at
        ran = 0 if launched is None else max(0, now - launched)
        need = need_of(entry.record)
        return Place(need, _gpus(entry), launched or now, clock.monotonic(), ran)

    async def _loop(self, group: TaskGroup) -> None:
        while True:
            self._wake = anyio.Event()
            try:
                self._end_overdue()
                self._give_places(group)
            except Exception:
                # The jobs that run are not to end for it.
                LOG.exception("the queue could not be looked at")
            with anyio.move_on_after(self._next_due()):
                await self._wake.wait()

    def _next_due(self) -> float | None:
        """Give the seconds until a back-off is over, or a job has run for as long as it may."""
        now = self._tools.clock.now()
        due = self._tools.book.queue.next_due(now)
        times = [] if due is None else [due - now]
        for submission, place in self._places.items():
            left = self._left(submission)
            if left is not None and not place.halt.told:
                times.append(left)
        return max(1, min(times)) / 1000 if times else None

    def _end_overdue(self) -> None:
        for submission, place in self._places.items():
            left = self._left(submission)
            if left is not None and left <= 0 and place.need.runs is not None:
                place.halt.give(ran_too_long(place.need.runs))

    def _give_places(self, group: TaskGroup) -> None:
        if not len(self._tools.book.queue):
            return
        clock = self._tools.clock
        for need in starts(self.board()):
            submission = SubmissionId(need.key)
            entry = self._tools.book.get(submission)
            if entry is not None:
                gpus = self._pick_gpus(entry.record)
                place = Place(need, gpus, clock.now(), clock.monotonic())
                self._places[submission] = place
                group.start_soon(self._drive, submission, place)
        if self._tools.config.preempt:
            for held in victims(self.board()):
                cut = preempted(held.need.cluster)
                self._places[SubmissionId(held.need.key)].halt.give(cut)

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
            await AttemptRun(self._tools, submission, place.gpus, place.halt).run()
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


def _gpus(entry: Entry) -> dict[tuple[str, int], tuple[int, ...]]:
    if entry.attempt is None:
        return {}
    return {task.key: task.gpus for task in entry.attempt.tasks}

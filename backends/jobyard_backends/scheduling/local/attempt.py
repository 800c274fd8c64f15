"""One attempt of a job, from its place on the machine to its end.

Every step is written before it is acted on, and begins from what is written. So an attempt is
continued after a restart, or after a failure in between, by doing the step that it is in again:

    QUEUED --place given--> STARTING --prepared--> RUNNING --verdict--> ENDING --all dead--+
      ^                        |                                          ^                |
      |                        +----------- it cannot be started ---------+                |
      +------------------------------ retried <--------------------------------------------+--> ENDED
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import anyio
from anyio import CapacityLimiter, to_thread
from attrs import evolve, frozen

from jobyard.clock import Clock
from jobyard.domain import completion, retry
from jobyard.domain.exits import classify
from jobyard.domain.job import SubmissionId
from jobyard.domain.states import EXIT_STOPPED, EXIT_TASK_STOPPED
from jobyard.domain.status import AttemptExit
from jobyard_backends.scheduling.local.book import Book, Edit, Entry
from jobyard_backends.scheduling.local.enclosure import Enclosure
from jobyard_backends.scheduling.local.folders import Folders
from jobyard_backends.scheduling.local.gang import Gang
from jobyard_backends.scheduling.local.halt import Halt
from jobyard_backends.scheduling.local.images import Images
from jobyard_backends.scheduling.local.launch import Launcher, LaunchFailed, Ready
from jobyard_backends.scheduling.local.log_keep import LogKeep
from jobyard_backends.scheduling.local.log_room import LogRoom
from jobyard_backends.scheduling.local.memory_watch import MemoryWatch
from jobyard_backends.scheduling.local.ports import PortOffice
from jobyard_backends.scheduling.local.records import (
    STOPPED,
    AttemptRecord,
    JobRecord,
    Phase,
    TaskEnd,
    TaskRecord,
    app_id,
    progress,
)
from jobyard_backends.scheduling.local.settings import LocalSchedulingConfig

THREADS: Final = 8
"""Threads that look at processes and files for all jobs together."""


@frozen
class Tools:
    """Be what every attempt works with."""

    book: Book
    clock: Clock
    config: LocalSchedulingConfig
    launcher: Launcher
    folders: Folders
    office: PortOffice
    enclosure: Enclosure
    images: Images
    threads: CapacityLimiter
    room: LogRoom
    memory: MemoryWatch | None = None
    keep: LogKeep | None = None


class AttemptRun:
    """Bring one attempt to its end; ``halt`` tells when that has to be at once."""

    def __init__(
        self,
        tools: Tools,
        submission: SubmissionId,
        gpus: Mapping[tuple[str, int], tuple[int, ...]],
        halt: Halt,
    ) -> None:
        self._tools = tools
        self._book = tools.book
        self._submission = submission
        self._gpus = gpus
        self._halt = halt
        self._gang = Gang(
            tools.folders,
            tools.config.grace_seconds,
            tools.threads,
            tools.room,
            enclosure=tools.enclosure,
            memory=tools.memory,
        )

    async def run(self) -> None:
        """Do what is left of the attempt; safe to do again after a failure."""
        try:
            await self._run()
        finally:
            self._gang.close()

    async def _run(self) -> None:
        entry = self._entry()
        if entry.record.phase is Phase.QUEUED:
            entry = await self._change(self._begin)
        if entry.record.phase is Phase.STARTING:
            entry = await self._start(entry)
        if entry.record.phase is Phase.RUNNING:
            entry = await self._watch(entry)
        if entry.record.phase is Phase.ENDING:
            await self._finish(entry)

    # ------------------------------------------------------------------------------ starting

    def _begin(self, entry: Entry) -> Edit | None:
        record = entry.record
        if record.phase is not Phase.QUEUED or record.stopping:
            return None
        tasks = tuple(
            TaskRecord(role.name, index, self._gpus.get((role.name, index), ()))
            for role in record.job.config.task_roles
            for index in range(role.task_number)
        )
        begun = evolve(record, phase=Phase.STARTING, attempts=record.attempts + 1)
        return Edit(begun, AttemptRecord(number=record.attempts, tasks=tasks))

    async def _start(self, entry: Entry) -> Entry:
        try:
            ready = await self._prepare(entry)
        except LaunchFailed as failure:
            told = AttemptExit(exit_type=failure.exit_type, diagnostics=failure.reason)
            return await self._change(partial(self._verdict, code=failure.code, told=told))
        if ready is None:
            return await self._change(self._halted)
        try:
            entry = await self._change(partial(self._launched, ready=ready))
            if entry.record.phase is Phase.RUNNING:
                self._gang.add(await self._tools.launcher.start(entry.record, ready))
        finally:
            ready.held.close()
        return entry

    async def _prepare(self, entry: Entry) -> Ready | None:
        """Make the tasks ready; ``None`` where the job is to end meanwhile."""
        ready: list[Ready] = []
        failures: list[LaunchFailed] = []

        async def work(scope: anyio.CancelScope) -> None:
            try:
                ready.append(await self._tools.launcher.prepare(entry.record, _attempt(entry)))
            except LaunchFailed as failure:
                failures.append(failure)
            scope.cancel()

        async def heed(scope: anyio.CancelScope) -> None:
            await self._halt.wait()
            scope.cancel()

        try:
            async with anyio.create_task_group() as group:
                group.start_soon(work, group.cancel_scope)
                group.start_soon(heed, group.cancel_scope)
        except BaseException:
            # The gateway goes just when they were ready: nobody else knows of the ports.
            for each in ready:
                each.held.close()
            raise
        if failures:
            raise failures[0]
        return ready[0] if ready else None

    def _launched(self, entry: Entry, *, ready: Ready) -> Edit:
        if entry.record.stopping:
            return self._stopped(entry)
        attempt = evolve(ready.attempt, launched_at=self._tools.clock.now())
        return Edit(evolve(entry.record, phase=Phase.RUNNING), attempt)

    # ------------------------------------------------------------------------------- running

    async def _watch(self, entry: Entry) -> Entry:
        """Note ends until the job has its verdict."""
        await self._gang.adopt(entry.record, _attempt(entry))
        async with anyio.create_task_group() as group:
            send, receive = anyio.create_memory_object_stream[Gang.News](float("inf"))
            with send, receive:
                group.start_soon(self._gang.watch, entry.record, _attempt(entry), send)
                group.start_soon(self._heed_stop, send.clone())
                while entry.record.phase is Phase.RUNNING:
                    news = [await receive.receive()]
                    while receive.statistics().current_buffer_used:
                        news.append(receive.receive_nowait())
                    entry = await self._change(partial(self._note, news=news))
                group.cancel_scope.cancel()
        return entry

    async def _heed_stop(self, send: Gang.Teller) -> None:
        with send:
            await self._halt.wait()
            await send.send(None)

    def _note(self, entry: Entry, *, news: list[Gang.News]) -> Edit | None:
        if entry.record.phase is not Phase.RUNNING:
            return None
        attempt = _attempt(entry)
        known = sum(1 for task in attempt.tasks if task.end is not None)
        ends = {each[0]: each[1] for each in news if each is not None}
        reasons = [each[2] for each in news if each is not None and each[2]]
        ordered = sorted(ends.items(), key=lambda pair: pair[1].at)
        ended = {
            key: TaskEnd(end.code, end.at, known + step) for step, (key, end) in enumerate(ordered)
        }
        noted = Entry(entry.record, attempt.with_ends(ended))
        if entry.record.stopping:
            edit = self._stopped(noted)
        else:
            edit = self._judge(noted, "; ".join(reasons) or None)
            if edit.record.phase is Phase.RUNNING and self._halt.cut is not None:
                edit = self._halted(noted)
        return evolve(edit, ended=ended)

    def _judge(self, entry: Entry, reason: str | None) -> Edit:
        attempt = _attempt(entry)
        verdict = completion.decide(progress(entry.record, attempt))
        if verdict is None:
            return Edit(entry.record, attempt)
        told = AttemptExit(
            exit_type=classify(verdict.exit_code, by_platform=False),
            diagnostics=reason or verdict.trigger_message,
            trigger_message=verdict.trigger_message,
            trigger_role=verdict.trigger_role,
            trigger_index=verdict.trigger_index,
        )
        return self._verdict(entry, code=verdict.exit_code, told=told)

    def _halted(self, entry: Entry) -> Edit:
        cut = self._halt.cut
        if cut is None or entry.record.stopping:
            return self._stopped(entry)
        return self._verdict(entry, code=cut.code, told=cut.told)

    def _stopped(self, entry: Entry) -> Edit:
        return self._verdict(entry, code=EXIT_STOPPED, told=STOPPED)

    @staticmethod
    def _verdict(entry: Entry, *, code: int, told: AttemptExit) -> Edit:
        attempt = evolve(_attempt(entry), exit_code=code, exit=told)
        return Edit(evolve(entry.record, phase=Phase.ENDING), attempt)

    # -------------------------------------------------------------------------------- ending

    async def _finish(self, entry: Entry) -> None:
        """Stop what still runs, give everything back, and decide what comes next."""
        record, attempt = entry.record, _attempt(entry)
        if attempt.launched_at is not None:
            await self._gang.adopt(record, attempt)
            await self._gang.end(record, attempt)
        async with anyio.create_task_group() as group:
            group.start_soon(self._tools.office.release, app_id(record, attempt.number))
            group.start_soon(self._clear, record, attempt)
        await self._change(self._ended)

    async def _clear(self, record: JobRecord, attempt: AttemptRecord) -> None:
        clear = partial(self._tools.folders.clear, record.id, attempt.number)
        await to_thread.run_sync(clear, limiter=self._tools.threads)

    def _ended(self, entry: Entry) -> Edit:
        now = self._tools.clock.now()
        attempt = _attempt(entry)
        known = len(attempt.tasks) - len(attempt.unfinished())
        ended = {
            task.key: TaskEnd(EXIT_TASK_STOPPED, now, known + step)
            for step, task in enumerate(attempt.unfinished())
        }
        attempt = evolve(attempt.with_ends(ended), completed_at=now)
        return Edit(self._next(entry.record, attempt, now), attempt, ended)

    def _next(self, record: JobRecord, attempt: AttemptRecord, now: int) -> JobRecord:
        code = 0 if attempt.exit_code is None else attempt.exit_code
        again = retry.after(
            code,
            attempt.exit.exit_type,
            record.job.config.retry_count,
            record.counts,
            jitter=random.uniform(-1, 1),  # noqa: S311 - it spreads retries, no more
        )
        if again is None:
            return record.ended(code, now)
        if record.stopping:
            return record.stopped(now)
        pause = round(again.delay * self._tools.config.retry_backoff * 1000)
        return evolve(record, phase=Phase.QUEUED, counts=again.counts, queued_at=now + pause)

    # ------------------------------------------------------------------------------- records

    def _entry(self) -> Entry:
        entry = self._book.get(self._submission)
        if entry is None:
            message = f"the submission {self._submission} is not known"
            raise LookupError(message)
        return entry

    async def _change(self, edit: Callable[[Entry], Edit | None]) -> Entry:
        entry = await self._book.change(self._submission, edit)
        return entry or self._entry()


def _attempt(entry: Entry) -> AttemptRecord:
    if entry.attempt is None:
        message = f"the submission {entry.record.id} has no attempt"
        raise LookupError(message)
    return entry.attempt

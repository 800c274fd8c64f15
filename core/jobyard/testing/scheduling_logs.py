"""Rules of logs (capability ``LOGS``): ranges, tails, and following while a task runs."""

from __future__ import annotations

import anyio
import pytest

from jobyard.domain.job import JobSubmission, TaskRef
from jobyard.domain.states import JobState
from jobyard.errors import NotFound, NotSupported
from jobyard.seams.provider import Capability
from jobyard.seams.scheduling import ByteRange, LogSlice, LogSource, LogStream, Tail
from jobyard.testing.conformance import lacks, requires
from jobyard.testing.jobs import ROLE, another, role, submission
from jobyard.testing.scheduling_suite import SchedulingSubject, SchedulingSuite, Trial


async def opened(  # noqa: PLR0917 - the seam's own arguments, with their defaults
    trial: Trial,
    job: JobSubmission,
    span: ByteRange | Tail = ByteRange(),  # noqa: B008 - it is frozen
    stream: LogStream = LogStream.STDOUT,
    attempt: int | None = None,
    task: int = 0,
    *,
    follow: bool = False,
) -> LogSlice:
    """Open a task's log."""
    source = trial.scheduler
    assert isinstance(source, LogSource), "LOGS is declared, and there is no open_log"
    ref = TaskRef(job.ref, ROLE, task)
    return await source.open_log(ref, attempt, stream, span, follow=follow)


async def text(trial: Trial, log: LogSlice) -> bytes:
    """Read a log to its end."""
    data = b""
    with anyio.move_on_after(trial.patience):
        async for chunk in log.chunks:
            data += chunk
        return data
    pytest.fail(f"the log did not end within {trial.patience:g} s")


class LogRules(SchedulingSuite):
    """Hold ``open_log`` against the seam."""

    @requires(Capability.LOGS)
    async def test_an_ended_tasks_output_is_there(self, trial: Trial) -> None:
        """What a task wrote can be read when it has ended, with its size; stderr is another."""
        job = await self._spoken(trial)
        log = await opened(trial, job)

        spoken = trial.commands.spoken
        assert (log.start, log.size) == (0, len(spoken))
        assert await text(trial, log) == spoken
        silent = await opened(trial, job, stream=LogStream.STDERR)
        assert (silent.size, await text(trial, silent)) == (0, b"")

    @requires(Capability.LOGS)
    async def test_a_range_is_given_byte_for_byte(self, trial: Trial) -> None:
        """A range begins at its offset, ends with its limit, and is empty beyond the end."""
        job = await self._spoken(trial)
        spoken = trial.commands.spoken
        size = len(spoken)
        for offset, limit in ((0, 0), (0, 3), (2, None), (2, 3), (size - 1, 9), (size, 1), (99, 5)):
            log = await opened(trial, job, ByteRange(offset, limit))
            end = None if limit is None else offset + limit
            assert (log.start, log.size) == (offset, size)
            assert await text(trial, log) == spoken[offset:end], (offset, limit)

    @requires(Capability.LOGS)
    async def test_a_tail_is_the_end(self, trial: Trial) -> None:
        """A tail gives the last bytes, and all of them where there are fewer."""
        job = await self._spoken(trial)
        spoken = trial.commands.spoken
        for size in (0, 1, 4, len(spoken), 1000):
            log = await opened(trial, job, Tail(size))
            expected = spoken[max(0, len(spoken) - size) :]
            assert log.start == len(spoken) - len(expected)
            assert await text(trial, log) == expected, size

    @requires(Capability.LOGS)
    async def test_a_followed_log_goes_on_until_the_task_ends(self, trial: Trial) -> None:
        """A follower gets what is written, waits while the task runs, and ends with it."""
        job = await trial.running(role(trial.commands.speak_and_wait))
        log = await opened(trial, job, follow=True)
        data, over = bytearray(), anyio.Event()

        async def follow() -> None:
            async for chunk in log.chunks:
                data.extend(chunk)
            over.set()

        async def spoken() -> bool:
            return bytes(data) == trial.commands.spoken

        async with anyio.create_task_group() as group:
            group.start_soon(follow)
            await trial.until("the output of a running task", spoken)
            assert not over.is_set(), "the log ended before the task did"
            await trial.stop(job)
            with anyio.move_on_after(trial.patience):
                await over.wait()
            group.cancel_scope.cancel()
        assert over.is_set(), f"the log did not end within {trial.patience:g} s of its task"
        assert bytes(data) == trial.commands.spoken

    @requires(Capability.LOGS)
    async def test_a_running_tasks_log_ends_where_it_is_not_followed(self, trial: Trial) -> None:
        """Without ``follow`` a log ends with what there is, though the task goes on."""
        job = await trial.running(role(trial.commands.speak_and_wait))

        async def spoken() -> bool:
            return await text(trial, await opened(trial, job)) == trial.commands.spoken

        await trial.until("the output of a running task", spoken)
        assert (await trial.status(job)).summary.state is JobState.RUNNING

    @requires(Capability.LOGS)
    async def test_a_follower_may_leave(self, trial: Trial) -> None:
        """A follower that closes a log leaves nothing behind, and keeps nobody waiting."""
        job = await trial.running(role(trial.commands.speak_and_wait))
        log = await opened(trial, job, follow=True)
        with anyio.fail_after(trial.patience):
            assert await anext(aiter(log.chunks))
            close = getattr(log.chunks, "aclose", None)
            if close is not None:
                await close()

    @requires(Capability.LOGS)
    async def test_an_older_attempt_keeps_its_log(self, trial: Trial) -> None:
        """Each attempt has its own log, for as long as the job is there."""
        job = await trial.submitted(role(f"{trial.commands.speak}"), retry_count=-2)
        await trial.reaching(job, "retried", lambda each: each.summary.retries.total > 0)
        await trial.stop(job)
        await trial.ended(job)

        assert await text(trial, await opened(trial, job, attempt=0)) == trial.commands.spoken

    @requires(Capability.LOGS)
    async def test_what_has_no_log_is_not_found(self, trial: Trial) -> None:
        """An unknown job, submission, task or attempt, and a task that never ran: NotFound."""
        job, waiting = await self._spoken(trial), await trial.waiting()
        unknown = submission(role(trial.commands.succeed))
        for each in (unknown, another(job), waiting):
            with pytest.raises(NotFound):
                await opened(trial, each)
        with pytest.raises(NotFound):
            await opened(trial, job, task=1)
        with pytest.raises(NotFound):
            await opened(trial, job, attempt=1)
        await trial.deleted(job.ref)
        with pytest.raises(NotFound):
            await opened(trial, job)

    @lacks(Capability.LOGS)
    async def test_undeclared_logs_are_not_there(
        self, subject: SchedulingSubject, trial: Trial
    ) -> None:
        """Without LOGS there is no ``open_log``, or it says NotSupported."""
        if not isinstance(subject.backend, LogSource):
            return
        job = await trial.submitted()
        await trial.ended(job)
        with pytest.raises(NotSupported):
            await opened(trial, job)

    @staticmethod
    async def _spoken(trial: Trial) -> JobSubmission:
        job = await trial.submitted(role(trial.commands.speak))
        await trial.ended(job)
        return job

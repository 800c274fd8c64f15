"""A job's life against a model, by Hypothesis: whatever is done, in whatever order."""

from __future__ import annotations

from typing import ClassVar, Final

import pytest
from attrs import define
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from jobyard.domain.job import JobSubmission, TaskRole
from jobyard.domain.states import ENDED, ExecutionType, JobState
from jobyard.domain.status import JobSummary
from jobyard.errors import NotFound
from jobyard.seams.scheduling import JobExists, Presence
from jobyard.testing.jobs import OWNER, another, operation, role, submission
from jobyard.testing.machines import on_loop, run_machine
from jobyard.testing.scheduling_suite import SchedulingSuite, Trial

NAMES: Final = ("model-a", "model-b")

_ENDS: Final = {
    "succeed": frozenset({JobState.SUCCEEDED}),
    "fail": frozenset({JobState.FAILED}),
    "wait": frozenset[JobState](),
    "huge": frozenset[JobState](),
}
"""How a job of each kind can end by itself."""


@define
class Expected:
    """Be a job as it should be; ``ends`` are the states in which it may end."""

    job: JobSubmission
    kind: str
    ends: frozenset[JobState]
    execution_type: ExecutionType = ExecutionType.START
    ended: JobState | None = None

    @property
    def possible(self) -> frozenset[JobState]:
        """Give the states that the job may be in now."""
        if self.ended is not None:
            return frozenset({self.ended})
        if self.kind == "huge":
            return self.ends or frozenset({JobState.WAITING})
        return self.ends | {JobState.WAITING, JobState.RUNNING}


class LifeMachine(RuleBasedStateMachine):
    """Submit, stop, start and delete jobs of a few names, and compare after each step."""

    def __init__(self, trial: Trial) -> None:
        super().__init__()
        self._trial = trial
        self._held: dict[str, Expected] = {}
        self._gone: list[JobSubmission] = []

    @rule(name=st.sampled_from(NAMES), kind=st.sampled_from(sorted(_ENDS)))
    def submit(self, name: str, kind: str) -> None:
        """Hand over a new submission of a name that is free, or is not."""
        on_loop(self._submit(name, kind))

    @rule(name=st.sampled_from(NAMES))
    def submit_again(self, name: str) -> None:
        """Hand the same submission over again."""
        if name in self._held:
            on_loop(self._trial.submit(self._held[name].job))

    @rule(name=st.sampled_from(NAMES))
    def stop(self, name: str) -> None:
        """Stop a job."""
        if name in self._held:
            on_loop(self._stop(self._held[name]))

    @rule(name=st.sampled_from(NAMES))
    def start(self, name: str) -> None:
        """Start a job."""
        if name in self._held:
            on_loop(self._start(self._held[name]))

    @rule(name=st.sampled_from(NAMES))
    def finish(self, name: str) -> None:
        """Wait for a job that ends."""
        if name in self._held and self._held[name].ends:
            on_loop(self._finish(self._held[name]))

    @rule(name=st.sampled_from(NAMES))
    def delete(self, name: str) -> None:
        """Delete a job."""
        if name in self._held:
            on_loop(self._delete(name))

    @rule()
    def touch_the_gone(self) -> None:
        """Operate on submissions that were deleted: nothing comes of it."""
        on_loop(self._touch_the_gone())

    @invariant()
    def the_cluster_is_as_expected(self) -> None:
        """Hold list and details against the model."""
        on_loop(self._compare())

    def teardown(self) -> None:
        """Leave nothing behind for the next run."""
        on_loop(self._trial.clean())

    async def _submit(self, name: str, kind: str) -> None:
        job = submission(await self._role(kind), name=name)
        if name in self._held:
            with pytest.raises(JobExists):
                await self._trial.submit(job)
            return
        await self._trial.submit(job)
        self._held[name] = Expected(job, kind, _ENDS[kind])

    async def _role(self, kind: str) -> TaskRole:
        commands = self._trial.commands
        if kind == "huge":
            return await self._trial.oversized()
        return role({"succeed": commands.succeed, "fail": commands.fail}.get(kind, commands.wait))

    async def _stop(self, expected: Expected) -> None:
        await self._trial.stop(expected.job)
        expected.execution_type = ExecutionType.STOP
        if expected.ended is None:
            expected.ends |= {JobState.STOPPED}

    async def _start(self, expected: Expected) -> None:
        await self._trial.scheduler.start(expected.job.ref, OWNER, operation())
        expected.execution_type = ExecutionType.START

    async def _finish(self, expected: Expected) -> None:
        expected.ended = (await self._trial.ended(expected.job)).summary.state
        assert expected.ended in expected.ends

    async def _delete(self, name: str) -> None:
        expected = self._held.pop(name)
        await self._trial.scheduler.delete(expected.job.ref, OWNER, operation())
        self._gone.append(expected.job)

    async def _touch_the_gone(self) -> None:
        scheduler = self._trial.scheduler
        for job in self._gone[-2:]:
            with pytest.raises(NotFound):
                await scheduler.stop(job.ref, OWNER, operation())
            await scheduler.delete(job.ref, OWNER, operation())
            presence = Presence.OTHER if job.config.name in self._held else Presence.ABSENT
            assert await scheduler.find_submission(job.ref) is presence

    async def _compare(self) -> None:
        await self._trial.until("the jobs of the model in the list", self._listed)
        for expected in self._held.values():
            self._agrees(expected, (await self._trial.status(expected.job)).summary)
            find = self._trial.scheduler.find_submission
            assert await find(expected.job.ref) is Presence.OURS
            assert await find(another(expected.job).ref) is Presence.OTHER

    async def _listed(self) -> bool:
        items = (await self._trial.scheduler.jobs()).items
        listed = {(each.name, each.submission) for each in items if each.name.job in NAMES}
        return listed == {(held.job.name, held.job.submission) for held in self._held.values()}

    @staticmethod
    def _agrees(expected: Expected, summary: JobSummary) -> None:
        assert summary.submission == expected.job.submission
        assert summary.execution_type is expected.execution_type
        assert summary.state in expected.possible, (summary.state, expected)
        if summary.state in ENDED:
            expected.ended = summary.state


class ModelRules(SchedulingSuite):
    """Compare the scheduler with a model; ``examples`` runs of ``steps`` steps each."""

    examples: ClassVar[int] = 15
    steps: ClassVar[int] = 15

    async def test_a_jobs_life_is_that_of_the_model(self, trial: Trial) -> None:
        """Submissions, operations and ends in any order come to what the model says."""
        await run_machine(lambda: LifeMachine(trial), examples=self.examples, steps=self.steps)

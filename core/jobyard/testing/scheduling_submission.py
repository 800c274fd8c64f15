"""Rules of submissions: taken once, one a name, and known from then on."""

from __future__ import annotations

from typing import Final

import anyio
import pytest

from jobyard.domain.job import JobSubmission
from jobyard.domain.states import JobState
from jobyard.seams.scheduling import JobExists, Presence, Refused
from jobyard.testing.jobs import OWNER, another, role, submission
from jobyard.testing.scheduling_suite import SchedulingSuite, Trial

AT_ONCE: Final = 8

NAMES: Final = (
    "a",
    "0",
    "-",
    "_",
    "Mixed-Case_0.9",
    "..",
    "-rf",
    ".hidden",
    "trailing.",
    "UPPER",
    "upper",
    "abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789.",
    "x" * (251 - len(f"{OWNER.account}~")),
)
"""Names with every character that is allowed, and of every length that is (contract, 4.1)."""

BAD_REQUEST: Final = 400


class SubmissionRules(SchedulingSuite):
    """Hold ``submit`` and ``find_submission`` against the seam."""

    async def test_a_submission_is_there_when_submit_returns(self, trial: Trial) -> None:
        """What was handed over can be read and is found at once, and is listed soon."""
        job = await trial.submitted()

        assert (await trial.status(job)).summary.submission == job.submission
        assert await trial.scheduler.find_submission(job.ref) is Presence.OURS
        listed = await trial.showing(job, "after its submission", lambda _: True)
        assert listed.submission == job.submission

    async def test_a_submission_is_taken_once(self, trial: Trial) -> None:
        """The same submission again is good, also when it has ended, and changes nothing."""
        job = await trial.submitted()
        await trial.submit(job)
        before = await trial.ended(job)
        await trial.submit(job)

        again = await trial.status(job)
        await trial.showing(job, "at its end", lambda each: each == again.summary)
        items = (await trial.scheduler.jobs()).items
        assert again.summary == before.summary
        assert [each.submission for each in items if each.name == job.name] == [job.submission]

    async def test_a_submission_at_once_with_itself_is_taken_once(self, trial: Trial) -> None:
        """The same submission, handed over several times at once, makes one job."""
        job = submission(role(trial.commands.wait))
        async with anyio.create_task_group() as group:
            for _ in range(AT_ONCE):
                group.start_soon(trial.submit, job)

        status = await trial.in_state(job, JobState.RUNNING)
        await trial.showing(job, "running", lambda each: each.state is JobState.RUNNING)
        items = (await trial.scheduler.jobs()).items
        assert [each.submission for each in items if each.name == job.name] == [job.submission]
        assert status.attempt == 0

    async def test_another_submission_of_a_name_is_refused(self, trial: Trial) -> None:
        """A name that waits, runs, or has ended is taken; the job that has it stays as it is."""
        waiting, running, over = (
            await trial.waiting(),
            await trial.running(),
            await trial.submitted(),
        )
        await trial.ended(over)

        for job in (waiting, running, over):
            with pytest.raises(JobExists):
                await trial.submit(another(job))
            assert (await trial.status(job)).summary.submission == job.submission

    async def test_of_many_submissions_of_a_name_one_is_taken(self, trial: Trial) -> None:
        """Of different submissions of one name at once exactly one is taken."""
        first = submission(role(trial.commands.wait))
        jobs = [first, *(another(first) for _ in range(AT_ONCE - 1))]
        taken: list[JobSubmission] = []
        refused: list[JobSubmission] = []

        async def hand_over(job: JobSubmission) -> None:
            try:
                await trial.submit(job)
            except JobExists:
                refused.append(job)
            else:
                taken.append(job)

        async with anyio.create_task_group() as group:
            for job in jobs:
                group.start_soon(hand_over, job)

        assert (len(taken), len(refused)) == (1, AT_ONCE - 1)
        assert (await trial.status(first)).summary.submission == taken[0].submission
        for job in refused:
            assert await trial.scheduler.find_submission(job.ref) is Presence.OTHER

    async def test_a_submission_is_found_in_every_phase(self, trial: Trial) -> None:
        """``find_submission`` says OURS while a job waits, runs and has ended."""
        unknown = submission(role(trial.commands.succeed))
        waiting, running = await trial.waiting(), await trial.running()
        over, stopped = await trial.submitted(), await trial.running()
        await trial.ended(over)
        await trial.stop(stopped)
        await trial.ended(stopped)

        find = trial.scheduler.find_submission
        assert await find(unknown.ref) is Presence.ABSENT
        for job in (waiting, running, over, stopped):
            assert await find(job.ref) is Presence.OURS, job.name
            assert await find(another(job).ref) is Presence.OTHER, job.name

    async def test_a_deleted_submission_is_absent(self, trial: Trial) -> None:
        """``find_submission`` says ABSENT as soon as a job is deleted, and OTHER for a successor."""
        job = await trial.running()
        await trial.deleted(job.ref)

        assert await trial.scheduler.find_submission(job.ref) is Presence.ABSENT
        await trial.submit(another(job))
        assert await trial.scheduler.find_submission(job.ref) is Presence.OTHER

    async def test_every_legal_name_is_taken_and_kept_apart(self, trial: Trial) -> None:
        """Names of every legal character and length are kept word for word, case included."""
        jobs = [await trial.submitted(role(trial.commands.fail), name=name) for name in NAMES]

        for job in jobs:
            status = await trial.ended(job)
            assert status.summary.name == job.name
            assert status.summary.submission == job.submission
            await trial.showing(job, "at its end", lambda each: each.exit_code is not None)

    async def test_an_unknown_virtual_cluster_is_refused(self, trial: Trial) -> None:
        """A job for a virtual cluster that is not there is refused, and nothing is left of it."""
        job = submission(role(trial.commands.succeed), virtual_cluster="no_such_cluster_81")
        with pytest.raises(Refused) as refused:
            await trial.submit(job)

        assert refused.value.status == BAD_REQUEST
        assert await trial.scheduler.find_submission(job.ref) is Presence.ABSENT
        await trial.unlisted(job)

    async def test_a_submission_that_was_refused_may_come_again(self, trial: Trial) -> None:
        """A refusal leaves the name free for another submission."""
        refused = submission(role(trial.commands.succeed), virtual_cluster="no_such_cluster_81")
        with pytest.raises(Refused):
            await trial.submit(refused)
        job = await trial.submitted(name=refused.config.name)

        assert (await trial.ended(job)).summary.submission == job.submission

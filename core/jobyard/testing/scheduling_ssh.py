"""Rules of SSH (capability ``SSH``): where the daemons of running tasks listen."""

from __future__ import annotations

from typing import Final

import pytest

from jobyard.errors import NotFound, NotSupported
from jobyard.seams.provider import Capability
from jobyard.seams.scheduling import SshSource
from jobyard.testing.conformance import lacks, requires
from jobyard.testing.jobs import another, role, submission
from jobyard.testing.scheduling_life import tasks_of
from jobyard.testing.scheduling_suite import SchedulingSubject, SchedulingSuite, Trial

LAST_PORT: Final = 65_535


def source(subject: SchedulingSubject) -> SshSource:
    """Give the scheduler as what it declares to be."""
    backend: object = subject.backend
    assert isinstance(backend, SshSource), "SSH is declared, and there is no ssh_containers"
    return backend


class SshRules(SchedulingSuite):
    """Hold ``ssh_containers`` against the seam."""

    @requires(Capability.SSH)
    async def test_running_tasks_can_be_reached(
        self, subject: SchedulingSubject, trial: Trial
    ) -> None:
        """Each running task has an address and a port, under its container's id."""
        job = await trial.running(role(trial.commands.wait, tasks=2))
        containers = await source(subject).ssh_containers(job.ref)

        tasks = {task.container_id for task in tasks_of(await trial.status(job))}
        assert {each.container_id for each in containers} == tasks
        for each in containers:
            assert each.ip
            assert 0 < each.port <= LAST_PORT

    @requires(Capability.SSH)
    async def test_what_does_not_run_has_no_daemon(
        self, subject: SchedulingSubject, trial: Trial
    ) -> None:
        """A job that waits, or has ended, has none."""
        waiting, over = await trial.waiting(), await trial.submitted()
        await trial.ended(over)
        for job in (waiting, over):
            assert list(await source(subject).ssh_containers(job.ref)) == []

    @requires(Capability.SSH)
    async def test_an_unknown_job_is_not_found(
        self, subject: SchedulingSubject, trial: Trial
    ) -> None:
        """An unknown job, and another submission of a name, are NotFound."""
        job = await trial.running()
        for each in (submission(role(trial.commands.succeed)), another(job)):
            with pytest.raises(NotFound):
                await source(subject).ssh_containers(each.ref)

    @lacks(Capability.SSH)
    async def test_undeclared_ssh_is_not_there(
        self, subject: SchedulingSubject, trial: Trial
    ) -> None:
        """Without SSH there is no ``ssh_containers``, or it says NotSupported."""
        if not isinstance(subject.backend, SshSource):
            return
        job = await trial.running()
        with pytest.raises(NotSupported):
            await subject.backend.ssh_containers(job.ref)

"""Handing a job over: look first, write its files, then put it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final, Protocol

from jobyard.clock import Clock
from jobyard.domain.job import JobRef, JobSubmission
from jobyard.errors import BackendError, NotFound, Unavailable
from jobyard.seams.scheduling import JobExists, NotSent, OutcomeUnknown, Presence, Refused
from jobyard_backends.scheduling.yarn.admission import Admission
from jobyard_backends.scheduling.yarn.descriptor import descriptor, submission_in
from jobyard_backends.scheduling.yarn.failures import handing_over, looking, translated
from jobyard_backends.scheduling.yarn.files import Files
from jobyard_backends.scheduling.yarn.launcher import Launcher
from jobyard_backends.scheduling.yarn.ports import PortOffice
from jobyard_backends.scheduling.yarn.views import Ports

LOG: Final = logging.getLogger("jobyard.scheduling.yarn")


class Scripts(Protocol):
    """Write the start scripts of a job."""

    async def __call__(self, job: JobSubmission, ports: Ports) -> Mapping[str, bytes]:
        """Give the scripts by their path below the job's folder."""
        ...


class HandingOver:
    """Hand jobs over to the launcher."""

    def __init__(
        self,
        *,
        launcher: Launcher,
        files: Files,
        ports: PortOffice,
        admission: Admission,
        scripts: Scripts,
        clock: Clock,
    ) -> None:
        self._launcher = launcher
        self._files = files
        self._ports = ports
        self._admission = admission
        self._scripts = scripts
        self._clock = clock

    async def presence(self, ref: JobRef) -> Presence:
        """Tell whether the launcher has this submission, another of its name, or neither.

        Raises:
            Unavailable: It does not answer.
        """
        try:
            with translated(ref.name):
                said = await self._launcher.request(str(ref.name))
        except NotFound:
            return Presence.ABSENT
        description = said.inner("frameworkDescriptor").text("description")
        ours = ref.submission is not None and submission_in(description) == ref.submission
        return Presence.OURS if ours else Presence.OTHER

    async def submit(self, job: JobSubmission) -> None:
        """Hand a job over; what is there already is good.

        Raises:
            Refused: The cluster will not have it; nothing is left of it.
            NotSent: Nothing was handed over.
            OutcomeUnknown: It may have arrived.
            JobExists: The launcher has another job of that name.
        """
        with looking():
            presence = await self.presence(job.ref)
        if presence is Presence.OURS:
            return
        if presence is Presence.OTHER:
            raise JobExists(f"there is another job named {job.name}")
        await self._admission.check(job.config.virtual_cluster)
        try:
            await self._prepare_and_put(job)
        except OutcomeUnknown:
            raise
        except BackendError:
            await self._undo(job)
            raise

    async def _prepare_and_put(self, job: JobSubmission) -> None:
        ports = await self._ports.lease(job, self._clock.now())
        wanted = descriptor(job, ports=not self._ports.open)
        try:
            await self._files.write(job, wanted, await self._scripts(job, ports))
        except Refused:
            raise
        except Unavailable as error:
            raise NotSent(error.message, detail=error.detail, elsewhere=True) from error
        except BackendError as error:
            message = f"The files of the job cannot be written: {error.message}"
            raise Refused(message, detail=error.detail) from error
        with handing_over():
            await self._launcher.put(str(job.name), wanted, job.submitter)

    async def _undo(self, job: JobSubmission) -> None:
        """Leave nothing; what cannot be removed now is written over by the next of its name."""
        await self._ports.release(job.submission)
        try:
            await self._files.remove(job.submitter, str(job.name), job.submission)
        except BackendError as error:
            LOG.warning("the folder of %s is left behind: %s", job.name, error.message)

"""Whether a job can run here at all, and why it does not run now."""

from __future__ import annotations

import math

from jobyard.clock import Clock
from jobyard.domain.job import JobConfig, JobSubmission
from jobyard.domain.paths import storage_path
from jobyard.domain.status import WaitingCode, WaitingReason
from jobyard_backends.scheduling.local.code_folder import folder_name
from jobyard_backends.scheduling.local.images import Images
from jobyard_backends.scheduling.local.machine import Machine
from jobyard_backends.scheduling.local.promises import broken_promise, need_of
from jobyard_backends.scheduling.local.reasons import never, why_waiting
from jobyard_backends.scheduling.local.records import JobRecord, Phase
from jobyard_backends.scheduling.local.shares import Shares
from jobyard_backends.scheduling.local.supervisor import Supervisor


class Fitness:
    """Hold jobs against this machine and its virtual clusters."""

    def __init__(
        self,
        machine: Machine,
        shares: Shares,
        supervisor: Supervisor,
        clock: Clock,
        images: Images,
    ) -> None:
        self._images = images
        self._machine = machine
        self._shares = shares
        self._supervisor = supervisor
        self._clock = clock

    def refusal(self, job: JobSubmission) -> WaitingReason | None:
        """Say why a job is not taken, or ``None`` where it could run, and says nothing wrong."""
        message = broken_promise(job.config)
        if message is not None:
            return WaitingReason(WaitingCode.LARGER_THAN_ANY_NODE, message)
        return self._hopeless(job)

    def _hopeless(self, job: JobSubmission) -> WaitingReason | None:
        config = job.config
        share = self._shares.get(config.virtual_cluster)
        message = (
            self._wrong_gpus(config)
            or _wrong_code(job)
            or _wrong_auth_file(job)
            or _wrong_ports(config)
        )
        if message is not None:
            return WaitingReason(WaitingCode.LARGER_THAN_ANY_NODE, message)
        return never(self._machine.resources, share, config)

    def _wrong_gpus(self, config: JobConfig) -> str | None:
        wanted, have = config.gpu_type, self._machine.gpu_type
        if not wanted or not config.total_gpus or wanted == have:
            return None
        offered = f"are of type {have}" if have else "have no declared type"
        return f"The job asks for GPUs of type {wanted}; those of this cluster {offered}."

    def waiting(self, record: JobRecord) -> WaitingReason | None:
        """Say why a job waits; ``None`` where it does not."""
        if record.phase is Phase.STARTING:
            return self._starting(record.job.config.image)
        if record.phase is not Phase.QUEUED:
            return None
        if record.id in self._supervisor.places():
            return WaitingReason(WaitingCode.STARTING, "The job has its place and is starting.")
        now = self._clock.now()
        if record.queued_at > now:
            seconds = math.ceil((record.queued_at - now) / 1000)
            return WaitingReason(
                WaitingCode.BACK_OFF, f"The next attempt may start in {seconds} s."
            )
        hopeless = self._hopeless(record.job)
        if hopeless is not None:
            return hopeless
        need = need_of(record)
        return why_waiting(self._supervisor.board(), need, self._supervisor.position(need))

    def _starting(self, image: str) -> WaitingReason:
        if self._images.fetching[image]:
            return WaitingReason(WaitingCode.IMAGE_PULL, f"The image {image} is being fetched.")
        return WaitingReason(WaitingCode.STARTING, "The job's tasks are being made ready.")


def _wrong_code(job: JobSubmission) -> str | None:
    code = job.config.code_dir
    if not code:
        return None
    if storage_path(code, job.fs_uri) is None:
        return f"codeDir {code} does not lie in this gateway's storage, {job.fs_uri}."
    return None if folder_name(job) else "codeDir has to be a folder below the storage's root."


def _wrong_auth_file(job: JobSubmission) -> str | None:
    named = job.config.auth_file
    if not named or storage_path(named, job.fs_uri) is not None:
        return None
    return f"authFile {named} does not lie in this gateway's storage, {job.fs_uri}."


def _wrong_ports(config: JobConfig) -> str | None:
    """Find a port that two tasks of one job ask for: there is one machine to hold it."""
    taken: set[int] = set()
    for role in config.task_roles:
        for port in role.ports:
            if not port.begin_at:
                continue
            wanted = range(port.begin_at, port.begin_at + port.count)
            if wanted[-1] > 65535:  # noqa: PLR2004 - the last port that there is
                return f"Port {wanted[-1]} of {role.name} does not exist."
            if role.task_number > 1 or not taken.isdisjoint(wanted):
                return (
                    f"Port {port.begin_at} of {role.name} is asked for by more than one task, "
                    "and this cluster is one machine."
                )
            taken.update(wanted)
    return None

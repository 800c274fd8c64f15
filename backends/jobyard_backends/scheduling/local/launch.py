"""Make a job's tasks ready and start them: all of them, or none."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import anyio
from anyio import CapacityLimiter, to_thread
from attrs import evolve, frozen

from jobyard.domain.environment import GangPlacement, TaskPlace, task_environment
from jobyard.domain.identity import Actor
from jobyard.domain.paths import storage_path
from jobyard.domain.status import ExitType
from jobyard.errors import Conflict, JobyardError, Rejected
from jobyard.seams.context import Context, PortConflict
from jobyard.seams.storage import InvalidPath
from jobyard_backends.scheduling.auth_file import AuthFileUnusable, registry_login
from jobyard_backends.scheduling.local import process
from jobyard_backends.scheduling.local.code_folder import (
    CodeCopy,
    CodeUnusable,
    folder_name,
    hand_out,
)
from jobyard_backends.scheduling.local.enclosure import Enclosure, NoAccount
from jobyard_backends.scheduling.local.folders import Folders, hand_over
from jobyard_backends.scheduling.local.images import Images, ImageUnusable
from jobyard_backends.scheduling.local.ports import HeldPorts, PortOffice
from jobyard_backends.scheduling.local.records import (
    AttemptRecord,
    JobRecord,
    TaskRecord,
    app_id,
    container_id,
)
from jobyard_backends.scheduling.local.settings import LocalSchedulingConfig
from jobyard_backends.scheduling.local.ssh import Ssh

T = TypeVar("T")

LOG: Final = logging.getLogger("jobyard.scheduling.local")

PORT_CONFLICT: Final = -7103
NOT_LAUNCHED: Final = -7110
IMAGE_UNUSABLE: Final = -7150
CODE_UNUSABLE: Final = -7251

_TOKEN_SECONDS: Final = 10 * 365 * 24 * 3600.0
"""How long a task's storage token holds: longer than any job, with which it dies (design, 5)."""


class LaunchFailed(Exception):
    """Say why an attempt could not be started, and what class of end that is."""

    def __init__(self, code: int, exit_type: ExitType, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.exit_type = exit_type
        self.reason = reason


@frozen
class Ready:
    """Be an attempt whose folders and ports are ready; the ports are still held."""

    attempt: AttemptRecord
    held: HeldPorts


class Launcher:
    """Prepare and start attempts."""

    def __init__(
        self,
        context: Context,
        config: LocalSchedulingConfig,
        folders: Folders,
        office: PortOffice,
        *,
        enclosure: Enclosure,
        images: Images,
    ) -> None:
        self._images = images
        self._context = context
        self._config = config
        self._folders = folders
        self._office = office
        self._enclosure = enclosure
        self._threads = CapacityLimiter(4)

    async def prepare(self, record: JobRecord, attempt: AttemptRecord) -> Ready:
        """Give every task its ports, folder and code.

        Raises:
            LaunchFailed: It cannot be done.
        """
        try:
            self._enclosure.account(record.job.submitter)
        except NoAccount as error:
            raise LaunchFailed(NOT_LAUNCHED, ExitType.NON_TRANSIENT, str(error)) from error
        try:
            await self._images.have(record.job.config.image)
        except ImageUnusable as error:
            raise LaunchFailed(IMAGE_UNUSABLE, ExitType.UNKNOWN, str(error)) from error
        try:
            placed, held = await self._office.lease(
                app_id(record, attempt.number), record.job.config
            )
        except PortConflict as error:
            raise LaunchFailed(PORT_CONFLICT, ExitType.TRANSIENT_CONFLICT, error.message) from error
        tasks = tuple(evolve(task, ports=placed[task.key]) for task in attempt.tasks)
        ready = Ready(evolve(attempt, tasks=tasks), held)
        try:
            await self._fill(record, ready.attempt)
        except BaseException:
            held.close()
            raise
        return ready

    async def _fill(self, record: JobRecord, attempt: AttemptRecord) -> None:
        folders = self._task_folders(record, attempt)
        try:
            await self._thread(partial(self._folders.prepare, record.id, attempt.number, folders))
            # Nobody logs in with it here: a wrong file is told all the same.
            await registry_login(self._context.storage, record.job)
            await self._make_output(record)
            await self._bring_code(record, attempt, folders)
        except (AuthFileUnusable, CodeUnusable) as error:
            raise LaunchFailed(CODE_UNUSABLE, ExitType.NON_TRANSIENT, str(error)) from error
        except (Rejected, Conflict, InvalidPath) as error:
            reason = f"outputDir {record.job.config.output_dir} cannot be made: {error.message}"
            raise LaunchFailed(CODE_UNUSABLE, ExitType.NON_TRANSIENT, reason) from error
        except JobyardError as error:
            reason = f"the storage failed: {error.message}"
            raise LaunchFailed(NOT_LAUNCHED, ExitType.TRANSIENT_NORMAL, reason) from error
        except OSError as error:
            LOG.warning("the folders of %s could not be made: %s", record.id, error)
            reason = f"the folders of its tasks could not be made: {error.strerror}"
            raise LaunchFailed(NOT_LAUNCHED, ExitType.TRANSIENT_NORMAL, reason) from error

    async def _make_output(self, record: JobRecord) -> None:
        path = storage_path(record.job.config.output_dir, record.job.fs_uri)
        if path is not None and path != "/":
            await self._context.storage.mkdirs(path, as_user=Actor(record.job.submitter))

    async def _bring_code(
        self, record: JobRecord, attempt: AttemptRecord, folders: Sequence[Path]
    ) -> None:
        name = folder_name(record.job)
        if not name:
            return
        source = self._folders.attempt(record.id, attempt.number) / "code"
        await CodeCopy(self._context.storage, record.job).fetch(source)
        await self._thread(partial(hand_out, source, name, folders))

    async def start(
        self, record: JobRecord, ready: Ready
    ) -> Mapping[tuple[str, int], process.Running]:
        """Start every task; one for which the machine has no room is left out, and is lost.

        Once it has begun it is not interrupted, so that a gang is never started by halves.
        """
        started: dict[tuple[str, int], process.Running] = {}
        with anyio.CancelScope(shield=True):
            started = await self._thread(partial(self._start_all, record, ready))
        return started  # noqa: RET504 - a scope may swallow what leaves it, for mypy

    def _start_all(self, record: JobRecord, ready: Ready) -> dict[tuple[str, int], process.Running]:
        attempt = ready.attempt
        placement = self._placement(record, attempt)
        started: dict[tuple[str, int], process.Running] = {}
        token = self._context.job_tokens.storage_token(
            record.job.ref, record.job.submitter, _TOKEN_SECONDS
        ).reveal()
        try:
            for task in attempt.tasks:
                environment = self._environment(record, attempt, task, placement, token)
                ready.held.release([number for port in task.ports for number in port.numbers])
                try:
                    started[task.key] = self._start_one(record, attempt, task, environment)
                except OSError as error:
                    LOG.warning("a task of %s could not be started: %s", record.id, error)
        finally:
            ready.held.close()
        return started

    def _start_one(
        self,
        record: JobRecord,
        attempt: AttemptRecord,
        task: TaskRecord,
        environment: Mapping[str, str],
    ) -> process.Running:
        folder = self._folder(record, attempt, task)
        role = record.role(task.role)
        account = self._enclosure.account(record.job.submitter)
        if account is not None:
            hand_over(folder, account)
        daemon = self._daemon(record, task, folder, environment)
        bounds = self._enclosure.bounds(
            folder,
            role,
            name=container_id(record, attempt.number, task.role, task.index),
            image=record.job.config.image,
            gpus=task.gpus,
            account=account,
            daemon=daemon,
        )
        process.prepare(folder, role.command, environment, self._config.grace_seconds, bounds)
        return process.start(folder)

    def _daemon(
        self,
        record: JobRecord,
        task: TaskRecord,
        folder: Path,
        environment: Mapping[str, str],
    ) -> Ssh | None:
        """Make an SSH daemon ready, where there are any."""
        ssh, port, keys = self._enclosure.ssh, task.ssh_port, record.job.keys
        if ssh is None or port is None or keys is None:
            return None
        account = self._enclosure.account(record.job.submitter)
        ssh.prepare(folder, port, keys.public, environment, account)
        return ssh

    def _environment(
        self,
        record: JobRecord,
        attempt: AttemptRecord,
        task: TaskRecord,
        placement: GangPlacement,
        token: str,
    ) -> dict[str, str]:
        folder = self._folder(record, attempt, task)
        gpus = ",".join(str(number) for number in task.gpus)
        contained = self._enclosure.engine is not None
        return {
            **(_contained_environment(folder) if contained else _base_environment(folder)),
            "CUDA_VISIBLE_DEVICES": gpus,
            "NVIDIA_VISIBLE_DEVICES": gpus or "void",
            **task_environment(
                record.job,
                placement,
                task.role,
                task.index,
                container_id(record, attempt.number, task.role, task.index),
            ),
            "PAI_STORAGE_TOKEN": token,
        }

    def _placement(self, record: JobRecord, attempt: AttemptRecord) -> GangPlacement:
        address = self._config.address
        return GangPlacement(
            tasks={task.key: TaskPlace(ip=address, ports=task.ports) for task in attempt.tasks},
            app_id=app_id(record, attempt.number),
        )

    def _folder(self, record: JobRecord, attempt: AttemptRecord, task: TaskRecord) -> Path:
        return self._folders.task(record.id, attempt.number, task.role, task.index)

    def _task_folders(self, record: JobRecord, attempt: AttemptRecord) -> tuple[Path, ...]:
        return tuple(self._folder(record, attempt, task) for task in attempt.tasks)

    async def _thread(self, work: partial[T]) -> T:
        return await to_thread.run_sync(work, limiter=self._threads)


def _base_environment(folder: Path) -> dict[str, str]:
    """Give what a command needs beside the contract's variables; nothing of the gateway's own."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "HOME": str(folder / "work"),
        "PWD": str(folder / "work"),
        "TMPDIR": str(folder / "tmp"),
        "SHELL": "/bin/bash",
    }


def _contained_environment(folder: Path) -> dict[str, str]:
    """Give the same for a container, whose image says where its programs are."""
    return {"HOME": str(folder / "work"), "PWD": str(folder / "work"), "TMPDIR": "/tmp"}  # noqa: S108 - its own

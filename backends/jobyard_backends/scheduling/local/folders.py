"""Where the files of jobs lie below the gateway's state directory.

``jobs/<submission>/<attempt>/<role>-<index>/`` holds ``work`` (where the command starts),
``tmp``, ``stdout``, ``stderr``, and what the keeper writes. Everything here blocks, so that it
is called in a thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from jobyard.domain.job import SubmissionId
from jobyard_backends.scheduling.local.process import Account

_LONGEST_ROLE: Final = 200
_MODE: Final = 0o700


class Folders:
    """Name, make and remove the folders of jobs."""

    def __init__(self, state_dir: Path) -> None:
        self._root = state_dir.resolve() / "jobs"

    def job(self, submission: SubmissionId) -> Path:
        """Give the folder of a job."""
        return self._root / submission

    def attempt(self, submission: SubmissionId, number: int) -> Path:
        """Give the folder of one attempt."""
        return self.job(submission) / str(number)

    def task(self, submission: SubmissionId, number: int, role: str, index: int) -> Path:
        """Give the folder of one task; a role's name holds no ``-``, so that it is no other's."""
        if len(role) > _LONGEST_ROLE:
            role = hashlib.sha256(role.encode()).hexdigest()
        return self.attempt(submission, number) / f"{role}-{index}"

    def prepare(self, submission: SubmissionId, number: int, tasks: Iterable[Path]) -> None:
        """Make the empty folders of an attempt, whatever an interrupted start left there."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.attempt(submission, number))
        for folder in (self._root, self.job(submission), self.attempt(submission, number)):
            folder.mkdir(mode=_MODE, exist_ok=True)
        for task in tasks:
            task.mkdir(mode=_MODE)
            for name in ("work", "tmp"):
                (task / name).mkdir(mode=_MODE)

    def clear(self, submission: SubmissionId, number: int) -> None:
        """Remove what an ended attempt needs no more: all but its logs and exit codes."""
        attempt = self.attempt(submission, number)
        for name in ("work", "tmp", "ssh"):
            for folder in attempt.glob(f"*/{name}"):
                shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(attempt / "code", ignore_errors=True)
        for name in ("spec", "command", "start", "memory", "keeper.err", "engine.out"):
            for file in attempt.glob(f"*/{name}"):
                file.unlink(missing_ok=True)

    def remove(self, submission: SubmissionId) -> None:
        """Remove everything of a job."""
        shutil.rmtree(self.job(submission), ignore_errors=True)

    def jobs(self) -> list[SubmissionId]:
        """Give the jobs that have a folder."""
        if not self._root.is_dir():
            return []
        return [SubmissionId(folder.name) for folder in self._root.iterdir()]

    def sweep(self, known: Collection[str]) -> None:
        """Remove the folders of jobs that are no more."""
        for submission in self.jobs():
            if submission not in known:
                self.remove(submission)


def hand_over(task: Path, account: Account) -> None:
    """Give what a task may write to the account that it runs as."""
    for name in ("work", "tmp"):
        for path in (task / name, *(task / name).rglob("*")):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)

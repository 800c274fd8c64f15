"""bubblewrap: what a task sees of the machine, and of itself.

A task has a process namespace of its own, so that nothing of it outlives it; a ``/tmp`` and a
``/dev/shm`` of its own; its own GPUs' devices; and the system, read-only. It sees neither the
gateway's state nor other tasks. The network is the machine's, since tasks find one another there.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from jobyard_backends.scheduling.local.process import COMMAND, Account

_MEGABYTE: Final = 1024 * 1024
_SMALLEST_SHM: Final = 4096
_TRIAL_SECONDS: Final = 10.0
GPU_DEVICES: Final = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset")
"""What every GPU of the machine needs beside its own device."""


@frozen
class Sandbox:
    """Start commands in bubblewrap.

    ``hidden`` is what tasks do not see, ``mounts`` what they may write beside their own folder.
    """

    program: str
    hidden: tuple[Path, ...] = ()
    mounts: tuple[Path, ...] = ()

    def wrapper(
        self,
        folder: Path,
        *,
        shm_mb: int,
        gpus: Sequence[int],
        account: Account | None = None,
        more: Sequence[str] = (),
    ) -> tuple[str, ...]:
        """Give the words before the command of the task whose folder this is.

        ``more`` is what bubblewrap is told beside, last.
        """
        words = self._bare(shm_mb, gpus)
        work, tmp, command = (str(folder / name) for name in ("work", "tmp", COMMAND))
        words += ["--bind", tmp, "/tmp"]  # noqa: S108 - the task's own
        words += self._places()
        words += self._way_to(folder)
        for place in (work, tmp):
            words += ["--bind", place, place]
        words += ["--ro-bind-try", command, command]
        return (*words, *more, *_becoming(account, work))

    def _places(self) -> list[str]:
        """Hide and mount, the outer before the inner.

        So what is hidden inside of a mount stays hidden, and a mount inside of what is hidden is
        there.
        """
        # A link is no place to mount on, and what is hidden can be reached behind it.
        hidden = [path.resolve() for path in self.hidden]
        steps = [(path, _hiding(path)) for path in hidden]
        steps += [(path.resolve(), _binding(path)) for path in self.mounts]
        steps.sort(key=lambda step: len(step[0].parts))
        return [word for _, words in steps for word in words]

    def _bare(self, shm_mb: int, gpus: Sequence[int]) -> list[str]:
        """Give what every sandbox has: the system, read-only, without capabilities."""
        words = [self.program, "--die-with-parent", "--unshare-pid", "--unshare-ipc"]
        words += ["--cap-drop", "ALL", "--ro-bind", "/", "/", "--proc", "/proc"]
        return [*words, *_devices(shm_mb, gpus)]

    def _way_to(self, folder: Path) -> list[str]:
        """Make what lies between what is hidden and a task's folder one that every account may pass.

        Left to bubblewrap, those folders would be as private as the ones that they stand for.
        """
        covered = (*(path.resolve() for path in self.hidden), Path("/tmp"))  # noqa: S108 - the task's own
        way = [
            each
            for each in (*reversed(folder.parents), folder)
            if any(path in each.parents for path in covered)
        ]
        return [word for each in way for word in ("--perms", "0755", "--dir", str(each))]

    def trial(self) -> str | None:
        """Say why bubblewrap does not run here, or ``None`` where it does; blocks."""
        words = [*self._bare(1, ()), "--", "/bin/bash", "-c", "exit 42"]
        try:
            done = subprocess.run(  # noqa: S603 - the words are ours
                words, capture_output=True, timeout=_TRIAL_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{self.program} does not run: {error}"
        if done.returncode == 42:  # noqa: PLR2004 - what the trial ends with
            return None
        said = done.stderr.decode(errors="replace").strip()
        return said or f"{self.program} ended with {done.returncode}"


def find_program() -> str | None:
    """Give where bubblewrap is installed, if it is."""
    return shutil.which("bwrap")


def _devices(shm_mb: int, gpus: Sequence[int]) -> list[str]:
    words = ["--dev", "/dev"]
    # Of size 0 it would have no bound at all.
    words += ["--size", str(max(shm_mb * _MEGABYTE, _SMALLEST_SHM)), "--tmpfs", "/dev/shm"]  # noqa: S108
    if gpus:
        for name in (*GPU_DEVICES, *(f"nvidia{number}" for number in gpus)):
            words += ["--dev-bind-try", f"/dev/{name}", f"/dev/{name}"]
    return words


def _binding(path: Path) -> list[str]:
    """Give a folder at its own place; a link to it is in the system, where it is seen too."""
    place = str(path.resolve())
    return ["--bind", place, place]


def _hiding(path: Path) -> list[str]:
    if path.is_dir():
        return ["--tmpfs", str(path)]
    return ["--ro-bind", "/dev/null", str(path)] if path.exists() else []


def _becoming(account: Account | None, work: str) -> list[str]:
    """Go to the working directory; before that give up root's account, and every way back to it."""
    if account is None:
        return ["--chdir", work, "--"]
    ids = [f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups"]
    more = ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--"]
    return [
        *more,
        "/usr/bin/setpriv",
        *ids,
        "--inh-caps=-all",
        "--no-new-privs",
        "--",
        "/usr/bin/env",
        "--chdir",
        work,
    ]

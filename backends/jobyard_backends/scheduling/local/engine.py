"""podman or docker: a task in a container of its job's image.

A container has the machine's network, since tasks find one another there; the folders of its task
at the same paths as without it; what ``mounts`` names; and the limits that the task asked for, which
the engine has the kernel keep. It is known to the engine by a name that follows from the task's, so
that it is found again, and by a label that says whose it is. Everything here blocks.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import subprocess
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from attrs import field, frozen

from jobyard.domain.job import TaskRole
from jobyard_backends.scheduling.local.bubblewrap import GPU_DEVICES
from jobyard_backends.scheduling.local.process import (
    COMMAND,
    MARK,
    MEMORY,
    START,
    Account,
    Bounds,
    Container,
)

LOG: Final = logging.getLogger("jobyard.scheduling.local")

ENGINES: Final = ("podman", "docker")
_MEGABYTE: Final = 1024 * 1024
_SMALLEST_SHM: Final = 4096
_SHARES_OF_ONE: Final = 1024
_MOST_SHARES: Final = 262_144
_DEADLINE: Final = 60.0
"""Seconds that the engine has for anything but fetching an image."""

_KEPT: Final = frozenset(
    {
        "PATH",
        "HOME",
        "USER",
        "TMPDIR",
        "XDG_RUNTIME_DIR",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "DOCKER_HOST",
        "DOCKER_CONFIG",
        "CONTAINER_HOST",
        "CONTAINERS_CONF",
        "CONTAINERS_STORAGE_CONF",
        "REGISTRY_AUTH_FILE",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "DBUS_SESSION_BUS_ADDRESS",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "no_proxy",
    }
)
"""What the engine is told of the gateway's environment: where its things are, and the way out."""


def engine_environment() -> dict[str, str]:
    """Give the environment that an engine is started with; nothing of a job's is in it."""
    return {name: value for name, value in os.environ.items() if name in _KEPT}


@frozen
class Engine:
    """Run tasks in containers.

    ``options`` are words for the engine itself, ``run_options`` for its ``run``. ``owner`` names
    the scheduler whose containers they are; ``limited`` is whether limits are set.
    """

    kind: str
    program: str
    owner: str
    options: tuple[str, ...] = ()
    run_options: tuple[str, ...] = ()
    mounts: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    limited: bool = True
    devices: Path = field(default=Path("/dev"))

    @property
    def words(self) -> tuple[str, ...]:
        """Give the words that every call begins with."""
        return (self.program, *self.options)

    def bounds(
        self,
        folder: Path,
        role: TaskRole,
        *,
        mark: str,
        image: str,
        gpus: Sequence[int],
        account: Account | None,
    ) -> Bounds:
        """Make what holds the task of a folder, whose ``PAI_CONTAINER_ID`` is the mark."""
        owner = account or Account(0, 0)
        words = [*self.words, "run", "--name", _name(mark), "--label", f"jobyard={self._label}"]
        words += ["--pull", "never", "--network", "host", "--log-driver", "none"]
        words += ["--security-opt", "no-new-privileges", "--user", f"{owner.uid}:{owner.gid}"]
        # Its own default hands the gateway's proxies on, with their passwords.
        words += ["--http-proxy=false"] if self.kind == "podman" else []
        words += ["--env", f"{MARK}={mark}", "--workdir", str(folder / "work")]
        words += [*self._limits(role), *self._gpus(gpus), *self._places(folder)]
        words += [*self.run_options, "--entrypoint", "/bin/sh", "--", image]
        words += [str(folder / name) for name in (START, COMMAND, MEMORY)]
        container = Container(self.words, _name(mark), engine_environment(), account)
        return Bounds(tuple(words), (), role.memory_mb, container)

    def _limits(self, role: TaskRole) -> list[str]:
        words = ["--shm-size", str(max(role.shm_mb * _MEGABYTE, _SMALLEST_SHM))]
        if self.limited:
            memory = f"{role.memory_mb}m"
            shares = min(role.cpu_number * _SHARES_OF_ONE, _MOST_SHARES)
            # As much swap as memory is none beside it.
            words += ["--memory", memory, "--memory-swap", memory, "--cpu-shares", str(shares)]
        return words

    def _gpus(self, gpus: Sequence[int]) -> list[str]:
        # What the engine's own hooks go by, where there are any.
        numbers = ",".join(str(number) for number in gpus) or "void"
        words = ["--env", f"NVIDIA_VISIBLE_DEVICES={numbers}"]
        if gpus:
            names = (*GPU_DEVICES, *(f"nvidia{number}" for number in gpus))
            there = [self.devices / name for name in names if (self.devices / name).exists()]
            words += [word for device in there for word in ("--device", f"{device}:{device}")]
        return words

    def _places(self, folder: Path) -> list[str]:
        """Mount and hide, the outer before the inner; what is in no mount is not there anyway."""
        steps = []
        for mount in self.mounts:
            source = mount.resolve()
            inside = [path for path in map(Path.resolve, self.hidden) if source in path.parents]
            # A link is mounted at its own place too, since its container has not got it.
            for target in {mount, source}:
                steps.append((target, _bind(source, target)))
                for path in filter(Path.exists, inside):
                    place = target / path.relative_to(source)
                    steps.append((place, self._hiding(path, place)))
        steps.sort(key=lambda step: len(step[0].parts))
        steps += [(folder, _bind(folder / "work", folder / "work"))]
        steps += [(folder, _bind(folder / "tmp", Path("/tmp")))]  # noqa: S108 - the task's own
        steps += [(folder, _bind(folder / MEMORY, folder / MEMORY))]
        for name in (START, COMMAND):
            steps.append((folder, _bind(folder / name, folder / name, "readonly")))
        return [word for _, fields in steps for word in ("--mount", _joined(fields))]

    def _hiding(self, path: Path, place: Path) -> list[str]:
        if not path.is_dir():
            return _bind(Path("/dev/null"), place, "readonly")
        # podman's own default is to show there what is hidden.
        more = ["notmpcopyup"] if self.kind == "podman" else []
        return ["type=tmpfs", f"destination={place}", *more]

    @property
    def _label(self) -> str:
        return hashlib.sha256(self.owner.encode()).hexdigest()[:32]

    def trial(self) -> str | None:
        """Say why the engine does not answer here, or ``None`` where it does."""
        done = self._call("info", "--format", "{{.}}")
        return None if done.returncode == 0 else last_words(done.stderr)

    def remove(self, mark: str) -> None:
        """Kill and remove the container of a task, if there is one."""
        self._remove([_name(mark)])

    def sweep(self, kept: Collection[str]) -> None:
        """Remove our containers but for those of the tasks with these marks."""
        asked = ("ps", "--all", "--filter", f"label=jobyard={self._label}", "--format")
        found = self._call(*asked, "{{.Names}}")
        there = found.stdout.decode(errors="replace").split()
        names = {_name(mark) for mark in kept}
        self._remove([name for name in there if name not in names])

    def _remove(self, names: Sequence[str]) -> None:
        if not names:
            return
        self._call("kill", *names)
        done = self._call("rm", "--force", *names)
        if done.returncode != 0:
            LOG.debug("containers could not be removed: %s", last_words(done.stderr))

    def _call(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        command = [*self.words, *words]
        try:
            return subprocess.run(  # noqa: S603 - the words are the site's and ours
                command,
                env=engine_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_DEADLINE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            why = f"{self.program} does not run: {error}"
            return subprocess.CompletedProcess(command, 1, b"", why.encode())


def find_engine(kind: str) -> str | None:
    """Give where an engine is installed, if it is."""
    return shutil.which(kind)


def last_words(output: bytes) -> str:
    """Give the error that an engine said last, or the last line that it said."""
    lines = [line.strip() for line in output.decode(errors="replace").splitlines()]
    said = [line for line in lines if line]
    errors = [line for line in said if line.startswith("Error: ")]
    return (errors or said or ["it said nothing"])[-1].removeprefix("Error: ")


def _name(mark: str) -> str:
    # A container's id may hold what a name may not.
    return f"jobyard-{hashlib.sha256(mark.encode()).hexdigest()[:32]}"


def _bind(source: Path, target: Path, *more: str) -> list[str]:
    return ["type=bind", f"source={source}", f"destination={target}", *more]


def _joined(fields: Sequence[str]) -> str:
    """Write the fields of ``--mount`` as the line of CSV that both engines read."""
    doubled = (each.replace('"', '""') for each in fields)
    return ",".join(f'"{each}"' if set(each) & set(',"\r\n') else each for each in doubled)

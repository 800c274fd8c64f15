"""What ``jobyard doctor`` tries of the embedded scheduler; no job of the gateway is touched."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import anyio
from anyio import to_thread

from jobyard.errors import JobyardError
from jobyard.seams.context import Context
from jobyard.seams.diagnosis import Check
from jobyard_backends.scheduling.local import process
from jobyard_backends.scheduling.local.enclosure import enclose
from jobyard_backends.scheduling.local.machine import inspect
from jobyard_backends.scheduling.local.ports import HeldPorts
from jobyard_backends.scheduling.local.settings import LocalSchedulingConfig

_LOOK: Final = 200
"""Ports that are tried, of those at the beginning of the range."""


class _Examination:
    """Try what starting a task takes."""

    def __init__(self, config: LocalSchedulingConfig, context: Context) -> None:
        self._config = config
        self._owner = context.state_dir
        self._hidden = context.hidden
        self._folder = context.state_dir / ".doctor"

    async def machine(self) -> str:
        found = inspect(self._config)
        return f"{found.resources}"

    async def shell(self) -> str:
        if not await anyio.Path("/bin/bash").exists():
            message = "there is no /bin/bash, in which tasks run"
            raise JobyardError(message)
        return "/bin/bash"

    async def ports(self) -> str:
        wanted = self._config.port_numbers[:_LOOK]
        free = await to_thread.run_sync(_free, self._config.address, wanted)
        if not free:
            message = f"none of {wanted[0]}-{wanted[-1]} is free"
            raise JobyardError(message)
        return f"{free} of the first {len(wanted)} are free"

    async def bounds(self) -> str:
        """Tell what is made sure of, and what is not."""
        look = partial(enclose, self._config, self._owner, self._hidden, settle=False)
        found = await to_thread.run_sync(look)
        points = found.enforcement()
        kept = ", ".join(f"{each.what} ({each.how})" for each in points if each.enforced)
        free = ", ".join(f"{each.what} ({each.how})" for each in points if not each.enforced)
        return f"enforced: {kept or 'nothing'}; not enforced: {free or 'nothing'}"

    async def task(self) -> str:
        """Run a task that does nothing, under a keeper of its own."""
        await to_thread.run_sync(_make, self._folder)
        work = partial(process.prepare, self._folder, "exit 42", {}, 1.0)
        await to_thread.run_sync(work)
        running = await to_thread.run_sync(process.start, self._folder)
        try:
            await running.wait()
        finally:
            running.close()
        end = await to_thread.run_sync(process.read_end, self._folder)
        await to_thread.run_sync(partial(shutil.rmtree, self._folder, ignore_errors=True))
        if end is None or end.code != 42:  # noqa: PLR2004 - what the task ends with
            message = f"it should have ended with 42, and ended with {end and end.code}"
            raise JobyardError(message)
        return "it ran, and its exit code was written down"


@asynccontextmanager
async def diagnosis(
    config: LocalSchedulingConfig, context: Context
) -> AsyncIterator[Sequence[Check]]:
    """Give the steps."""
    steps = _Examination(config, context)
    yield (
        Check("look at the machine", steps.machine),
        Check("look for a shell", steps.shell, "Install bash."),
        Check("look for free ports", steps.ports, "Choose another range with 'ports'."),
        Check(
            "look at what holds tasks",
            steps.bounds,
            "Install bubblewrap, or choose another 'runtime' or 'run-as'.",
        ),
        Check(
            "run a task",
            steps.task,
            "Check the limits of processes and memory, and that the state directory is not "
            "mounted with noexec.",
        ),
    )


def _free(address: str, numbers: Sequence[int]) -> int:
    held = HeldPorts(address)
    try:
        return sum(1 for number in numbers if held.take(number))
    finally:
        held.close()


def _make(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for path in (folder, folder / "work", folder / "tmp"):
        path.mkdir(mode=0o700, parents=True)

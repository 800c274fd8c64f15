"""Be a gateway whose task is in a container, and that is killed: run one job, and go on for ever."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
from attrs import evolve

from jobyard.database.ports import SqlPortLedger
from jobyard.database.store import open_store
from jobyard.domain.job import SubmissionId
from tests.podman import IMAGE, RUN_OPTIONS

from .world import SETTINGS, World, role

COMMAND = "echo up; until test -e go; do sleep 0.05; done; exit 4"


async def main(state_dir: Path, submission: SubmissionId, options: tuple[str, ...]) -> None:
    settings = evolve(
        SETTINGS, runtime="podman", engine_options=options, container_options=RUN_OPTIONS
    )
    async with open_store(None, state_dir, timeout=10) as store:
        world = World(state_dir, store, SqlPortLedger(store), settings=settings)
        async with world.open() as scheduler:
            await scheduler.submit(world.job(role(COMMAND), image=IMAGE, submission=submission))
            await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]), SubmissionId(sys.argv[2]), tuple(sys.argv[3:]))

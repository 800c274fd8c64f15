"""Be a gateway that is killed: run one job, say its submission, and go on for ever."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio

from jobyard.database.ports import SqlPortLedger
from jobyard.database.store import open_store

from .world import World, role


async def main(state_dir: Path) -> None:
    async with open_store(None, state_dir, timeout=10) as store:
        world = World(state_dir, store, SqlPortLedger(store))
        job = world.job(role("echo up; until test -e go; do sleep 0.02; done; exit 4"))
        async with world.open() as scheduler:
            await scheduler.submit(job)
            sys.stdout.write(f"{job.submission}\n")
            sys.stdout.flush()
            await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]))

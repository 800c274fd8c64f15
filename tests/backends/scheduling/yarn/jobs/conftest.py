from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.backends.scheduling.yarn.jobs.world import World, on_shelf


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with on_shelf(tmp_path) as world:
        yield world

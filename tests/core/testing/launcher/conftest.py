"""A double with processes, and somebody who calls it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from jobyard.testing.launcher import LauncherDouble, LauncherOptions
from tests.core.testing.launcher.frameworks import Caller


@pytest.fixture
def options() -> LauncherOptions:
    return LauncherOptions()


@pytest.fixture
async def caller(options: LauncherOptions, tmp_path: Path) -> AsyncIterator[Caller]:
    async with LauncherDouble(options, folder=tmp_path / "launcher") as double:
        (double.files / "src").mkdir()
        (double.files / "src" / "hello.sh").write_text("echo hello from $TASKROLE_NAME\n")
        async with httpx.AsyncClient(base_url=double.url, timeout=30) as client:
            yield Caller(double, client)

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import Process


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Process]:
    """A gateway that runs without any configuration."""
    yield from _running(Process(tmp_path))


@pytest.fixture
def sharing(tmp_path: Path) -> Iterator[Process]:
    """One whose tasks may write into a folder that the test sees."""
    process = Process(tmp_path)
    process.configuration = f"scheduling: {{local: {{mounts: [{process.marks}]}}}}\n"
    yield from _running(process)


def _running(process: Process) -> Iterator[Process]:
    process.start()
    yield process
    process.end()

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import Process


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Process]:
    """A gateway that runs without any configuration."""
    process = Process(tmp_path)
    process.start()
    yield process
    process.end()

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crashes.mortal import Mortal, Nursery, nursery


@pytest.fixture(scope="session")
def gateways() -> Iterator[Nursery]:
    """What gateways are forked from."""
    with nursery() as process:
        yield process


@pytest.fixture
def gateway(tmp_path: Path, gateways: Nursery) -> Iterator[Mortal]:
    """A gateway that runs, and may be killed as often as one likes."""
    mortal = Mortal(tmp_path, gateways)
    try:
        mortal.begin()
        yield mortal
    finally:
        mortal.end()

"""Fixtures for the routes of files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jobyard.seams.storage import Storage
from jobyard_backends.storage.local import open_backend
from tests.backends.storage.conftest import Later
from tests.core.routes.file_gateway import Gateway


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    async with open_backend(tmp_path / "root", Later()) as opened:
        yield opened


@pytest.fixture
def gateway(storage: Storage) -> Gateway:
    return Gateway(storage)

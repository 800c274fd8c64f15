"""The storage that lies with another gateway keeps what the seam promises, over either storage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from jobyard.testing.storage import StorageConformance
from jobyard.testing.storage_files import StorageFiles
from jobyard.testing.storage_permissions import StoragePermissions
from jobyard.testing.storage_place import StorageCase
from jobyard.testing.subject import configured
from jobyard_backends.storage.hdfs.diagnosis import diagnosis
from jobyard_plugins.storage_hdfs import HdfsStorageConfig, _place
from tests.backends.storage.hdfs.conftest import PROVIDER
from tests.clients.conftest import ROOT, FrontDoor


def settings_for(behind: FrontDoor) -> Mapping[str, object]:
    return {
        "name-nodes": [behind.address],
        "server": "jobyard",
        "user": ROOT,
        "delegation-token": behind.token,
        "timeouts": {"failover": 0.5},
    }


class TestGatewayOverLocal(StorageConformance):
    provider = PROVIDER
    examples = 8
    steps = 10
    entries = 250

    @pytest.fixture
    def settings(self, over_local: FrontDoor) -> Mapping[str, object]:
        return settings_for(over_local)


async def test_doctor_asks_the_other_gateway(over_local: FrontDoor, tmp_path: Path) -> None:
    config = configured(PROVIDER, settings_for(over_local), tmp_path)
    assert isinstance(config, HdfsStorageConfig)

    async with diagnosis(_place(config)) as checks:
        found = [await check.run() for check in checks]

    assert len(found) == 1
    assert "the root belongs to" in found[0]


# The parts of the suite in which HDFS is another storage than a folder; as a whole it would take
# a quarter of an hour, and each layer of both is held against the whole by itself.
class TestGatewayOverHdfs(StorageFiles, StoragePermissions, StorageCase):
    provider = PROVIDER
    unnameable = ":"

    @pytest.fixture
    def settings(self, over_hdfs: FrontDoor) -> Mapping[str, object]:
        return settings_for(over_hdfs)

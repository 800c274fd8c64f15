"""The storage that lies with another gateway keeps what the seam promises, over either storage."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from jobyard.testing.storage import StorageConformance
from jobyard.testing.storage_files import StorageFiles
from jobyard.testing.storage_permissions import StoragePermissions
from jobyard.testing.storage_place import StorageCase
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


# The parts of the suite in which HDFS is another storage than a folder; as a whole it would take
# a quarter of an hour, and each layer of both is held against the whole by itself.
class TestGatewayOverHdfs(StorageFiles, StoragePermissions, StorageCase):
    provider = PROVIDER
    unnameable = ":"

    @pytest.fixture
    def settings(self, over_hdfs: FrontDoor) -> Mapping[str, object]:
        return settings_for(over_hdfs)

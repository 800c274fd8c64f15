"""The storage in HDFS keeps what the seam promises."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager

import pytest

from jobyard.testing.storage import StorageConformance
from tests.backends.storage.hdfs.conftest import PROVIDER
from tests.fault_proxy import Proxy


class TestHdfsStorage(StorageConformance):
    provider = PROVIDER
    unnameable = ":"  # Hadoop's own: it parts an address
    examples = 10
    steps = 12
    entries = 250  # more than a NameNode of the tests gives at once

    @pytest.fixture
    def settings(self, hdfs_settings: Mapping[str, object]) -> Mapping[str, object]:
        return hdfs_settings

    @pytest.fixture
    def outage(self, network: Proxy) -> AbstractContextManager[object]:
        return network.outage()

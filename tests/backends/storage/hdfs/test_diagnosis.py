"""What ``jobyard doctor`` finds out about HDFS."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from jobyard.errors import Rejected
from jobyard.testing.subject import configured
from jobyard_backends.storage.hdfs.diagnosis import diagnosis
from jobyard_plugins.storage_hdfs import HdfsStorageConfig, _place
from tests.backends.storage.hdfs.conftest import PROVIDER
from tests.hadoop import Hdfs

pytestmark = pytest.mark.anyio


async def _found(settings: Mapping[str, object], folder: Path) -> dict[str, str]:
    config = configured(PROVIDER, settings, folder)
    assert isinstance(config, HdfsStorageConfig)
    async with diagnosis(_place(config)) as checks:
        return {check.name: await check.run() for check in checks}


async def test_all_steps_are_good_and_leave_nothing(
    hdfs_settings: Mapping[str, object], hdfs_cluster: Hdfs, tmp_path: Path
) -> None:
    await _found(hdfs_settings, tmp_path)
    before = hdfs_cluster.fs("-ls", "/.jobyard")  # outages may have left some

    found = await _found(hdfs_settings, tmp_path)

    assert list(found) == [
        "ask a NameNode",
        "make /.jobyard",
        "write a file",
        "read it",
        "remove it",
    ]
    assert hdfs_cluster.fs("-ls", "/.jobyard") == before


async def test_a_gateway_that_is_no_superuser_is_told(
    hdfs_settings: Mapping[str, object], tmp_path: Path
) -> None:
    with pytest.raises(Rejected, match="nobody_special is not a superuser of HDFS"):
        await _found({**hdfs_settings, "user": "nobody_special"}, tmp_path)

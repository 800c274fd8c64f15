from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from jobyard.domain.identity import SYSTEM
from jobyard.seams.context import Context
from jobyard.seams.provider import Seam
from jobyard_plugins.storage_local import LocalStorageConfig, jobyard_storage_providers
from tests.backends.storage.conftest import Later


@pytest.mark.parametrize(
    ("root", "expected"), [(None, "state/storage"), ("elsewhere/files", "elsewhere/files")]
)
async def test_files_lie_below_the_root_or_in_the_state_directory(
    tmp_path: Path, root: str | None, expected: str
) -> None:
    (provider,) = jobyard_storage_providers()
    (tmp_path / "state").mkdir()
    config = LocalStorageConfig(root=None if root is None else tmp_path / root)
    context = cast("Context", SimpleNamespace(state_dir=tmp_path / "state", tasks=Later()))

    async with provider.open(config, context) as storage:
        await storage.mkdirs("/user/alice", as_user=SYSTEM)

    assert (tmp_path / expected / "user" / "alice").is_dir()


def test_it_is_announced_under_its_name() -> None:
    (provider,) = jobyard_storage_providers()

    assert (provider.seam, provider.name, provider.api) == (Seam.STORAGE, "local", 1)
    assert provider.config is LocalStorageConfig

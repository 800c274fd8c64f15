from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from jobyard.domain.identity import SYSTEM
from jobyard.seams.context import Context
from jobyard.seams.provider import Seam
from jobyard.seams.storage import StorageFull
from jobyard_backends.storage.local.storage import LocalStorage
from jobyard_plugins.storage_local import LocalStorageConfig, jobyard_storage_providers
from tests.backends.storage.conftest import Later, put


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


@pytest.mark.parametrize(("text", "refused"), [("1 KB", True), ("2KB", False), (None, False)])
async def test_users_are_held_to_the_quota_that_the_setting_says(
    tmp_path: Path, text: str | None, refused: bool
) -> None:
    (provider,) = jobyard_storage_providers()
    config = LocalStorageConfig(root=tmp_path / "files", quota_per_user=text)
    context = cast("Context", SimpleNamespace(state_dir=tmp_path, tasks=Later()))

    async with provider.open(config, context) as storage:
        with pytest.raises(StorageFull) if refused else nullcontext():
            await put(cast("LocalStorage", storage), "/user/alice/file", bytes(1025))

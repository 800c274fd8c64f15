"""The storages that come with Jobyard keep what the seam promises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from jobyard.seams.provider import Seam
from jobyard.testing.fakes.storage import FAKE_STORAGE, FakeStorage
from jobyard.testing.storage import StorageConformance
from jobyard.testing.subject import Subject, provider_named


class TestLocalStorage(StorageConformance):
    provider = provider_named(Seam.STORAGE, "local")

    @pytest.fixture
    def settings(self, disk: Path) -> Mapping[str, object]:
        return {"root": str(disk)}

    @pytest.fixture
    def disk(self, tmp_path: Path) -> Path:
        return tmp_path / "files"


class TestFakeStorage(StorageConformance):
    provider = FAKE_STORAGE
    waivers: ClassVar[Mapping[str, str]] = {
        "test_writing_holds_little_of_the_file_in_memory": "it keeps all files in memory",
    }

    @pytest.fixture
    def outage(self, subject: Subject[Any]) -> AbstractContextManager[object]:
        fake = subject.backend
        assert isinstance(fake, FakeStorage)
        return _down(fake)


@contextmanager
def _down(fake: FakeStorage) -> Iterator[None]:
    fake.down = True
    try:
        yield
    finally:
        fake.down = False

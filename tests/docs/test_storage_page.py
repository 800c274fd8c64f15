"""The storage that the page for authors shows is one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

import jobyard.testing
from jobyard.seams.provider import StorageProvider
from jobyard.testing.runner import failures_of
from jobyard.testing.storage import StorageConformance
from tests.docs.session import blocks

PAGE: Final = Path(__file__).parents[2] / "docs" / "plugins" / "storage.md"
PLUGIN, PROOF = blocks(PAGE.read_text(), "python")


def run(name: str, code: str) -> ModuleType:
    module = ModuleType(name)
    sys.modules[name] = module
    exec(compile(code, name, "exec"), vars(module))
    return module


@pytest.fixture
def suite(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[StorageConformance]]:
    (provider,) = run("shown_plugin", PLUGIN).jobyard_storage_providers()
    assert isinstance(provider.name, str)

    def named(seam: object, name: str) -> StorageProvider:
        assert (seam, name) == (provider.seam, provider.name)
        found: StorageProvider = provider
        return found

    monkeypatch.setattr(jobyard.testing, "provider_named", named)
    yield run("shown_proof", PROOF).TestShelf
    del sys.modules["shown_plugin"], sys.modules["shown_proof"]


def test_the_shown_plugin_passes_the_shown_proof(suite: type[StorageConformance]) -> None:
    quick = type("Quick", (suite,), {"examples": 5, "entries": 200})

    assert failures_of(quick) == set()

"""The scheduling plugin that its page shows, held against the seam as the page says."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

import jobyard.testing
from jobyard.seams import scheduling
from jobyard.seams.provider import AnyProvider, Seam
from jobyard.testing.runner import failures_of
from tests.docs.session import blocks

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "plugins" / "scheduling.md"


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Give the page's test module, which finds the page's plugin by its name."""
    plugin, test = blocks(PAGE.read_text(), "python")
    (tmp_path / "shown_scheduling.py").write_text(plugin)
    (tmp_path / "shown_scheduling_suite.py").write_text(test)
    monkeypatch.syspath_prepend(tmp_path)
    providers = importlib.import_module("shown_scheduling").jobyard_scheduling_providers()
    by_name = {(each.seam, each.name): each for each in providers}

    def provider_named(seam: Seam, name: str) -> AnyProvider:
        found: AnyProvider = by_name[seam, name]
        return found

    monkeypatch.setattr(jobyard.testing, "provider_named", provider_named, raising=False)
    return importlib.import_module("shown_scheduling_suite")


def test_the_plugin_of_the_page_is_conformant(suite: ModuleType) -> None:
    assert failures_of(suite.TestShelf) == set()


def test_the_page_names_every_call_and_every_error() -> None:
    text = PAGE.read_text()
    calls = [name for name in vars(scheduling.Scheduler) if not name.startswith("_")]
    optional = ("changes", "open_log", "ssh_containers", "reconcile")
    errors = ("Refused", "JobExists", "NotSent", "OutcomeUnknown")

    names = (*calls, *optional, *errors)
    assert [each for each in names if f"`{each}" not in text and f"def {each}(" not in text] == []

"""What there is, is documented, and something tests it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from jobyard import errors, hookspecs
from jobyard.config.options import Option, options, providers
from jobyard.config.reference import reference
from jobyard.config.settings import Settings
from jobyard.config.shapes import section_of
from jobyard.domain.status import WaitingCode
from jobyard.registry import Registry
from jobyard.seams.provider import Capability

ROOT: Final = Path(__file__).resolve().parents[2]
TESTS: Final = "\n".join(
    path.read_text() for path in sorted((ROOT / "tests").rglob("*.py")) if path != Path(__file__)
)
HOOKS: Final = sorted(name for name in vars(hookspecs) if name.startswith("jobyard_"))
CODES: Final = sorted(
    {
        each.code
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, errors.ApiError)
    }
)


def pages(folder: str) -> str:
    return "\n".join(path.read_text() for path in sorted((ROOT / "docs" / folder).rglob("*.md")))


@pytest.mark.parametrize("code", CODES)
def test_an_error_code_is_documented_and_tested(code: str) -> None:
    assert f"`{code}`" in (ROOT / "docs/callers/errors.md").read_text()
    assert f'"{code}"' in TESTS


@pytest.mark.parametrize("code", list(WaitingCode))
def test_a_reason_to_wait_is_documented(code: WaitingCode) -> None:
    assert f"`{code.value}`" in (ROOT / "docs/callers/job.md").read_text()


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_documented_and_tested(hook: str) -> None:
    assert hook in pages("plugins")
    assert hook in TESTS


@pytest.mark.parametrize("capability", list(Capability))
def test_a_capability_is_documented_and_tested(capability: Capability) -> None:
    assert f"`{capability.name}`" in pages("plugins")
    assert f"Capability.{capability.name}" in TESTS


SETTINGS: Final = sorted(
    {
        option.path.rpartition(".")[2]: option
        for cls in (
            Settings,
            *(provider.config for _, provider in providers(Registry(), built_in=True)),
        )
        for option in options(section_of(cls))
    }.items()
)


@pytest.mark.parametrize(("name", "option"), SETTINGS, ids=[name for name, _ in SETTINGS])
def test_a_setting_is_documented_and_tested(name: str, option: Option) -> None:
    assert option.key.constraint.doc
    assert option.key.constraint.doc in reference()
    assert re.search(rf"\b({name}|{option.key.attribute})\b", TESTS)

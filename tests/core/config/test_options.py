import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from attrs import frozen

from jobyard.config.options import accepts, options, providers
from jobyard.config.settings import Settings
from jobyard.config.shapes import section_of
from jobyard.registry import Registry
from jobyard.schema import option
from jobyard.seams.provider import Seam
from jobyard.secret import Secret
from tests.core.plugins import entry_point


@frozen
class Made:
    needed: int = option(minimum=100, doc="A number.")
    secret: Secret = option(doc="A secret.")
    words: tuple[str, ...] = option(choices=("a", "b"), doc="Words.")
    flag: bool = option(doc="A flag.")
    shown: str = option(default="x", example="y", doc="A text.")


def test_options_have_paths_from_their_section() -> None:
    found = {each.path: each for each in options(section_of(Settings))}

    assert "rest-server.server-port" in found
    assert "accounts.admins.users" in found
    assert found["rest-server.tls.key"].within == "rest-server.tls"
    assert found["rest-server.server-port"].within is None


def test_defaults_are_written_as_the_file_would_have_them() -> None:
    found = {each.path: each.default for each in options(section_of(Settings))}

    assert found["rest-server.upstream-timeout"] == "10"
    assert found["rest-server.cors-origins"] == "['*']"
    assert found["auth"] == "[local]"
    assert found["rest-server.public-url"] is None
    assert found["rest-server.tls.key"] is None


def test_an_option_without_an_example_is_given_one_that_fits() -> None:
    found = [each.example for each in options(section_of(Made))]

    assert found == ["100", "{env: SECRET}", "[a]", "true", "y"]


def test_patterns_are_code() -> None:
    section = section_of(Settings)
    found = {each.path: accepts(each.key.shape) for each in options(section)}

    assert found["rest-server.cors-origins"].startswith("a list; each is a text that matches `")
    assert found["accounts.virtual-cluster-groups"] == (
        "keys with values; each value is a list; each is a text"
    )


def test_broken_providers_and_those_of_others_are_left_out(
    install: Callable[..., EntryPoint], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fake_broken.py").write_text("raise RuntimeError")
    monkeypatch.syspath_prepend(tmp_path)
    theirs = install(Seam.AUTH, "theirs")
    ours = entry_point(Seam.AUTH, "ours", "fake_auth_ours", "jobyard", "0")
    monkeypatch.setitem(sys.modules, ours.value, sys.modules[install(Seam.AUTH, "ours").value])
    registry = Registry([theirs, ours, entry_point(Seam.AUTH, "broken", "fake_broken")])

    assert [each.name for _, each in providers(registry, built_in=False)] == ["ours", "theirs"]
    assert [each.name for _, each in providers(registry, built_in=True)] == ["ours"]

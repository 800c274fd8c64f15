import os
import stat
from pathlib import Path

import pytest

from jobyard.cli.state import (
    default_state_directory,
    existing_state_directory,
    state_directory,
)
from jobyard.errors import JobyardError


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    return tmp_path


def test_a_user_has_state_at_home(user: Path) -> None:
    assert default_state_directory() == user / ".local" / "state" / "jobyard"


def test_the_environment_says_where_state_is(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/elsewhere")

    assert default_state_directory() == Path("/elsewhere/jobyard")


@pytest.mark.parametrize("value", ["", "relative"])
def test_what_is_no_absolute_path_says_nothing(
    user: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", value)

    assert default_state_directory() == user / ".local" / "state" / "jobyard"


def test_root_has_the_systems_state(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    assert default_state_directory() == Path("/var/lib/jobyard")


def test_without_a_home_the_option_is_named(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", homeless)

    with pytest.raises(JobyardError, match="--state-dir"):
        default_state_directory()


def test_it_is_made_with_those_above_it_for_its_owner_alone(tmp_path: Path) -> None:
    made = state_directory(tmp_path / "a" / "b")

    assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_one_that_exists_is_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    assert stat.S_IMODE(state_directory(tmp_path).stat().st_mode) == 0o755


def test_a_relative_one_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert state_directory(Path("state")) == tmp_path / "state"


def test_a_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(JobyardError, match="File exists"):
        state_directory(tmp_path / "file")


def test_one_that_cannot_be_written_to_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *arguments: False)

    with pytest.raises(JobyardError, match="cannot be written to"):
        state_directory(tmp_path)


def test_an_existing_one_is_never_made(tmp_path: Path) -> None:
    assert existing_state_directory(tmp_path) == tmp_path
    with pytest.raises(JobyardError, match="does not exist"):
        existing_state_directory(tmp_path / "none")
    assert not (tmp_path / "none").exists()

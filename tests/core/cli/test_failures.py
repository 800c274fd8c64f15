from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from jobyard.cli.failures import FailingGroup, cause_of
from jobyard.database.instance import DatabaseBusy, StateDirBusy
from jobyard.errors import (
    ConfigError,
    Incompatible,
    JobyardError,
    LoadError,
    NotFound,
    Problem,
    Unavailable,
)


def outcome(error: Exception) -> tuple[int, str]:
    @click.group(cls=FailingGroup)
    def group() -> None:
        pass

    @group.command()
    def fail() -> None:
        raise error

    done = CliRunner().invoke(group, ["fail"])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.stdout == ""
    return done.exit_code, done.stderr


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ConfigError("f", [Problem("a", "b\nc", 1, 2)]), 2, "f:1:2: a: b\\nc\n"),
        (LoadError("x", "broken\nhalf"), 2, "jobyard: broken half\n"),
        (Incompatible("x", "old"), 2, "jobyard: old\n"),
        (NotFound("no such user"), 1, "jobyard: no such user\n"),
        (Unavailable("down", detail="refused"), 1, "jobyard: down (refused)\n"),
        (JobyardError("x", detail="not told"), 1, "jobyard: x\n"),
        (FileNotFoundError(2, "No such file", "/x"), 1, "jobyard: /x: No such file\n"),
        (OSError(), 1, "jobyard: OSError\n"),
        (ExceptionGroup("g", [ValueError(), LoadError("x", "broken")]), 2, "jobyard: broken\n"),
    ],
)
def test_an_error_is_told_in_a_line_and_has_its_exit_code(
    error: Exception, code: int, words: str
) -> None:
    assert (code, words) == outcome(error)


def test_what_is_in_use_is_a_matter_of_configuration() -> None:
    assert outcome(StateDirBusy(Path("/x"), 12))[0] == 2
    assert outcome(DatabaseBusy("x"))[0] == 2


@pytest.mark.parametrize("error", [ValueError("x"), ExceptionGroup("g", [ValueError("x")])])
def test_a_defect_is_not_hidden(error: Exception) -> None:
    with pytest.raises((ValueError, ExceptionGroup)):
        outcome(error)


def test_the_cause_of_a_group_is_the_first_error_of_ours() -> None:
    ours = JobyardError("x")
    group = ExceptionGroup("a", [ExceptionGroup("b", [ValueError(), ours]), JobyardError("y")])

    assert cause_of(group) is ours


def test_the_cause_of_a_group_without_ours_is_its_first() -> None:
    first = ValueError()

    assert cause_of(ExceptionGroup("a", [first, KeyError()])) is first

from pathlib import Path

import pytest

from tests.docs.session import Outcome, Step, play, session_of

PAGE = """
```console
$ echo outside
```
<!-- session -->
```console
$ NAME=world
$ cat << END
> hello $NAME
>   again
> END
hello world
  again
```
```yaml
not: a command
```
```console
$ false
```
<!-- end of session -->
"""


def test_only_console_blocks_inside_the_session_are_steps() -> None:
    steps = session_of(PAGE)

    assert [step.command for step in steps] == [
        "NAME=world",
        "cat << END\nhello $NAME\n  again\nEND",
        "false",
    ]
    assert steps[1].shown == "hello world\n  again"


def test_steps_share_one_shell_and_each_has_its_own_exit_code(tmp_path: Path) -> None:
    outcomes = play(session_of(PAGE), tmp_path, timeout=10)

    assert [outcome.exit_code for outcome in outcomes] == [0, 0, 1]
    assert [outcome.good for outcome in outcomes] == [True, True, False]


@pytest.mark.parametrize(
    ("shown", "output", "expected"),
    [
        ("", "", True),
        ("", "surprise", False),
        ("{...a...}", '{"a": 1}', True),
        ("{...a...}", '{"b": 1}', False),
        ("a.c", "abc", False),
        ("one", "one\n", True),
    ],
)
def test_an_output_matches_what_is_shown(shown: str, output: str, *, expected: bool) -> None:
    outcome = Outcome(Step("true", shown), output, 0)

    assert expected is outcome.good


def test_a_shell_that_ends_early_fails_the_steps_that_were_not_reached(tmp_path: Path) -> None:
    outcomes = play([Step("exit 3", ""), Step("true", "")], tmp_path, timeout=10)

    assert [outcome.good for outcome in outcomes] == [False, False]

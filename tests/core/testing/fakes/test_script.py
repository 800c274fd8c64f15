"""Which commands a fake cluster understands."""

from __future__ import annotations

import pytest

from jobyard.testing.fakes.script import Script, read
from jobyard.testing.jobs import Commands


@pytest.mark.parametrize(
    ("command", "script"),
    [
        ("", Script()),
        ("true", Script()),
        ("false", Script(b"", 1)),
        ("exit", Script()),
        ("exit 3", Script(b"", 3)),
        ("echo 'a b'", Script(b"a b\n")),
        ("echo a; echo b && exit 7", Script(b"a\nb\n", 7)),
        ("exit 1; echo late", Script(b"", 1)),
        ("sleep 0.1", Script(b"", None)),
        ("echo a\nexec sleep 60", Script(b"a\n", None)),
        ("python3 train.py", Script()),
    ],
)
def test_a_command_is_read_as_a_shell_would(command: str, script: Script) -> None:
    assert script == read(command)


def test_the_commands_of_the_kit_are_understood() -> None:
    commands = Commands()

    assert read(commands.succeed) == Script()
    assert read(commands.fail) == Script(b"", commands.exit_code)
    assert read(commands.wait) == Script(b"", None)
    assert read(commands.speak) == Script(commands.spoken)
    assert read(commands.speak_and_wait) == Script(commands.spoken, None)

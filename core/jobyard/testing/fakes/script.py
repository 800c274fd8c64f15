"""What a fake cluster makes of a task's command, without a shell."""

from __future__ import annotations

import re
import shlex
from typing import Final

from attrs import frozen

_SEPARATOR: Final = re.compile(r";|&&|\n")


@frozen
class Script:
    """Be what a command does: what it writes, and how it ends; ``None`` is when it is stopped."""

    output: bytes = b""
    exit_code: int | None = 0


def read(command: str) -> Script:
    """Read ``true``, ``false``, ``exit N``, ``echo TEXT`` and ``sleep N``, also in a sequence.

    A sleep lasts until the task is stopped, however long it was to be; any other command is
    taken for one that says nothing and succeeds.
    """
    output = b""
    for statement in _SEPARATOR.split(command):
        words = shlex.split(statement)
        verb, arguments = (words[0], words[1:]) if words else ("true", [])
        if verb == "exec" and arguments:
            verb, arguments = arguments[0], arguments[1:]
        if verb == "echo":
            output += (" ".join(arguments) + "\n").encode()
        elif verb == "sleep":
            return Script(output, None)
        elif verb == "exit":
            return Script(output, int(arguments[0]) if arguments else 0)
        elif verb == "false":
            return Script(output, 1)
    return Script(output)

"""Read the sessions that README and the documentation show, and hold them against what happens.

A session is what lies between ``<!-- session -->`` and ``<!-- end of session -->``; one that needs
more than a gateway is called otherwise. Its ``console`` blocks are run in one shell. ``$`` begins a command, ``>`` continues it, and what follows is its
output, in which ``...`` stands for anything.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import frozen

_BLOCK: Final = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
_MARK: Final = "--- end of step with exit code "


@frozen
class Step:
    """Be one command and the output that the documentation shows."""

    command: str
    shown: str

    def matches(self, output: str) -> bool:
        """Tell whether an output is what is shown."""
        pattern = ".*".join(map(re.escape, self.shown.split("...")))
        return re.fullmatch(pattern, output.strip(), re.DOTALL) is not None


@frozen
class Outcome:
    """Be what happened at a step."""

    step: Step
    output: str
    exit_code: int | None

    @property
    def good(self) -> bool:
        """Tell whether it ended well and printed what is shown."""
        return self.exit_code == 0 and self.step.matches(self.output)


def blocks(text: str, language: str) -> Iterator[str]:
    """Give the fenced blocks of one language."""
    return (body for found, body in _BLOCK.findall(text) if found == language)


def session_of(text: str, name: str = "session") -> list[Step]:
    """Give the steps of the session in a page."""
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- end of session -->", text, re.DOTALL)
    if found is None:
        return []
    return [step for block in blocks(found[1], "console") for step in _steps(block)]


def _steps(block: str) -> Iterator[Step]:
    command: list[str] = []
    shown: list[str] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            if command:
                yield Step("\n".join(command), "\n".join(shown))
            command, shown = [line[2:]], []
        elif line.startswith(">") and not shown:
            command.append(line[2:])
        else:
            shown.append(line)
    yield Step("\n".join(command), "\n".join(shown))


def play(steps: list[Step], folder: Path, *, timeout: float) -> list[Outcome]:
    """Run the steps in one shell and give what happened at each."""
    script = "".join(
        f"{{ {step.command}\n}} </dev/null 2>&1\nended=$?; echo; echo '{_MARK}'$ended\n"
        for step in steps
    )
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    parts = re.split(rf"\n{_MARK}(\d+)\n", done.stdout)
    outputs = [*zip(parts[::2], map(int, parts[1::2]), strict=False)]
    missing = len(steps) - len(outputs)
    outcomes = [*outputs, *[(done.stderr, None)] * missing]
    return [
        Outcome(step, output, exit_code)
        for step, (output, exit_code) in zip(steps, outcomes, strict=True)
    ]

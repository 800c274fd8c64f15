"""What ends the start script, by its exit code and in words."""

from __future__ import annotations

import json
import sys

TRANSIENT = 193
NON_TRANSIENT = 194
DISK_FULL = 198
PEERS_UNKNOWN = 205
PORT_CONFLICT = -7103

FILE = "failure"


class Failure(Exception):
    """End the program with an exit code, and say why."""

    def __init__(self, code: int, name: str, reason: str, shown: int | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.name = name
        self.shown = shown


def say(number: str, name: str, reason: str) -> None:
    """Say what failed, in the form that gateways read out of diagnostics, and keep it in a file."""
    fields = {"name": name, "reason": reason, "exitCode": int(number)}
    lines = "\n".join(f"{key}: {json.dumps(value)}" for key, value in fields.items())
    text = f"[PAI_RUNTIME_ERROR_START]\n{lines}\n[PAI_RUNTIME_ERROR_END]\n"
    with open(FILE, "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(text)
    sys.stderr.write(text)

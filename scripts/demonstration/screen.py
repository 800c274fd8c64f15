"""Print what happens: one moving line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Final

_SPINNER: Final = "|/-\\"
_PLAIN_INTERVAL: Final = 5.0
"""Seconds between two equal lines where there is no terminal."""


class Screen:
    """Be where the demonstration writes."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()
        self._turn = 0
        self._last = ("", 0.0)

    def title(self, text: str) -> None:
        """Begin a section."""
        self._clear()
        print(f"\n{text}\n{'-' * len(text)}", flush=True)

    def line(self, text: str = "") -> None:
        """Write a line that stays."""
        self._clear()
        print(text, flush=True)

    def progress(self, text: str) -> None:
        """Say what is being waited for; the line is written over on a terminal."""
        if self._live:
            self._turn += 1
            print(f"\r\033[K{_SPINNER[self._turn % 4]} {text}", end="", flush=True)
            return
        now = time.monotonic()
        if text != self._last[0] or now - self._last[1] >= _PLAIN_INTERVAL:
            self._last = (text, now)
            print(f"  ... {text}", flush=True)

    def _clear(self) -> None:
        if self._live:
            print("\r\033[K", end="")

"""Ports for servers that keep theirs when they are stopped and started again."""

from __future__ import annotations

import os
import random
import socket
from typing import Final

_RANDOM: Final = random.SystemRandom()
# Each worker of a run has a range of its own. All are below those that the kernel gives to whoever connects to something: nobody else takes them
# while their server is away.
_WORKER: Final = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_EACH: Final = 2000
_FIRST: Final = 16_000 + _WORKER % 8 * _EACH


_GIVEN: Final[set[int]] = set()
"""Those whose servers may not have begun to listen yet."""


def lasting_ports(count: int) -> list[int]:
    """Find ports of the loopback address that nobody listens on, or was given here."""
    found: list[int] = []
    while len(found) < count:
        port = _FIRST + _RANDOM.randrange(_EACH)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _GIVEN:
            _GIVEN.add(port)
            found.append(port)
    return found

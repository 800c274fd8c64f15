"""npm's webhdfs against the front door."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from tests.clients.conftest import FrontDoor

_PROGRAM = Path(__file__).parent / "npm" / "every_operation.js"
_ROOM = Path(__file__).parents[2] / ".cache"


def modules() -> Path:
    """Find what scripts/npm installs; tests without it fail, and are not left out."""
    found = sorted(_ROOM.glob("npm-*/complete"))
    if not found or shutil.which("node") is None:
        raise RuntimeError("This test needs node and what scripts/npm installs.")
    return found[-1].parent / "node_modules"


def test_every_operation_does_what_it_does_on_hadoop(door: FrontDoor, user: str) -> None:
    done = subprocess.run(
        ["node", "--no-deprecation", str(_PROGRAM), door.host, str(door.port), user],
        check=False,
        capture_output=True,
        timeout=120,
        text=True,
        env={"PATH": os.environ["PATH"], "NODE_PATH": str(modules())},
    )

    assert done.returncode == 0, done.stderr
    told = dict(map(json.loads, done.stdout.splitlines()))
    assert told.pop("denied").startswith(f"Permission denied: user={user}, access=WRITE")
    assert told == {
        "read": "one two",
        "stat": [7, user, "FILE"],
        "list": ["file"],
        "mode": "600",
        "there": True,
        "large": True,
        "missing": f"File does not exist: /user/{user}/missing",
        "gone": False,
    }

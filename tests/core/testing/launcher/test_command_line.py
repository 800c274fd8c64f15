"""``python -m jobyard.testing.launcher`` is a launcher until it is told to end."""

from __future__ import annotations

import signal
import subprocess
import sys

import httpx


def test_it_says_where_it_listens_and_ends_politely() -> None:
    command = [sys.executable, "-m", "jobyard.testing.launcher", "--port", "0", "--queue", "vc1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        status = httpx.get(f"{url}/v1/LauncherStatus", timeout=30).json()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0

    assert status["launcherConfiguration"]["webServerAddress"] == url

"""The page about directories takes a deployer from nothing to a log-in."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from tests.docs.session import Step, play, session_of

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "deployers" / "ldap.md"
_WITHIN: Final = 20.0


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the session, in which nothing runs any more afterwards."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    yield tmp_path
    for file in ("slapd.pid", "gateway.pid"):
        with suppress(FileNotFoundError, ProcessLookupError, ValueError):
            process = int((tmp_path / file).read_text())
            os.kill(process, signal.SIGTERM)
            end = time.monotonic() + _WITHIN
            while time.monotonic() < end:
                os.kill(process, 0)
                time.sleep(0.05)


def test_the_session_with_slapd_does_what_its_page_shows(folder: Path) -> None:
    ports = {"1636": free_port(), "9186": free_port()}

    def here(text: str) -> str:
        for shown, used in ports.items():
            text = text.replace(shown, used)
        return text.replace("jobyard serve", f"jobyard serve --port {ports['9186']}")

    steps = [
        Step(here(step.command), here(step.shown))
        for step in session_of(PAGE.read_text(), "session with slapd")
    ]
    outcomes = play(steps, folder, timeout=120)

    assert len(steps) > 10
    bad = [f"$ {each.step.command}\n{each.output}" for each in outcomes if not each.good]
    assert bad == []

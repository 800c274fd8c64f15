"""Processes of Hadoop's that tests start: in Java, on loopback, with folders of their own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

WITHIN: Final = 90.0
"""Seconds for which a process may take to start or to stop."""

_ROOM: Final = Path(__file__).parents[1] / ".cache"
JAVA: Final = (
    "java",
    "-Xms32m",
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Djava.net.preferIPv4Stack=true",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
)
LOG: Final = """log4j.rootLogger=INFO,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.err
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p %c{2}: %m%n
"""


def installed_jars(kind: str) -> Path:
    """Find the folder with the jars of a kind; tests without them fail, and are not left out."""
    found = sorted(_ROOM.glob(f"{kind}-*/complete-*"))
    if not found or shutil.which("java") is None:
        message = f"These tests need a Java and the jars of {kind}, which scripts/hadoop installs."
        raise RuntimeError(message)
    return found[-1].parent


def configuration(settings: Mapping[str, str]) -> str:
    """Write settings as Hadoop reads them."""
    lines = [
        f"<property><name>{key}</name><value>{escape(value)}</value></property>"
        for key, value in settings.items()
    ]
    return f"<configuration>{''.join(lines)}</configuration>"


class Node:
    """Be one process of a cluster, started in a folder as a user of Hadoop's.

    ``more`` is added to its environment.
    """

    def __init__(
        self,
        name: str,
        main: str,
        folder: Path,
        classpath: str,
        *,
        user: str,
        arguments: Sequence[str] = (),
        more: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = [*JAVA, "-cp", classpath, main, *arguments]
        self._environment = {"PATH": os.environ["PATH"], "HADOOP_USER_NAME": user, **(more or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, or do nothing where it runs."""
        if self.running:
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.log.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
            )

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def ended(self) -> bool:
        """Tell whether it was started, and has ended by itself."""
        return self._process is not None and not self.running

    def crash(self) -> None:
        """End it at once, in the middle of whatever it does."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(WITHIN)
            self._process = None

    def pause(self) -> None:
        """Let it hold its connections and say nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)


def last_words(nodes: Sequence[Node]) -> str:
    """Give the ends of the logs: those of processes that ended by themselves, where some did."""
    dead = [node for node in nodes if node.ended]
    return "\n".join(node.log.read_text()[-8000:] for node in dead or nodes)


def wait_for(true: Callable[[], bool], nodes: Sequence[Node], what: str) -> None:
    """Wait until something is so; give up where a process ended that was started."""
    end = time.monotonic() + WITHIN
    while not true():
        if any(node.ended for node in nodes) or time.monotonic() > end:
            message = f"{what} did not start: {last_words(nodes)}"
            raise RuntimeError(message)
        time.sleep(0.05)

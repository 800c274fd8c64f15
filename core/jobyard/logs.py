"""The log: one line an event on the standard error stream, JSON where that is no terminal.

Lines are made where they are logged, at a few microseconds each, and written by one thread, all
that came within :data:`INTERVAL` at once: neither a slow reader nor a full pipe holds the event
loop. Whatever looks like a secret is masked on the way.
"""

from __future__ import annotations

import logging
import re
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, TextIO

import orjson

from jobyard.access import AccessRecord
from jobyard.front import request_id
from jobyard.secret import Secret

INTERVAL: Final = 0.05
"""Seconds that a line may wait for others; warnings do not wait."""

MOST_WAITING: Final = 20_000
"""Lines that are kept for a reader that does not read; the oldest are dropped beyond."""

_MASK: Final = "********"
_OWN: Final = frozenset(logging.LogRecord("", 0, "", 0, "", None, None).__dict__) | {
    "message",
    "asctime",
    "taskName",
    "color_message",  # uvicorn's, the same once more
}
_TALKATIVE: Final = ("uvicorn", "sqlalchemy", "alembic", "httpx", "httpcore", "asyncio", "spnego")
_SUSPICIOUS: Final = re.compile(
    r"[=@]|eyj|bearer|basic |password|token|secret|delegation", re.IGNORECASE
)
_SUSPICIOUS_NAME: Final = re.compile(
    r".*(?:password|passwd|token|secret|delegation)", re.IGNORECASE
)
_SECRETS: Final = (
    (re.compile(r"(?i)\b(bearer|basic)(\s+)[A-Za-z0-9._~+/=-]{4,}"), rf"\1\2{_MASK}"),
    (
        re.compile(
            r"""(?ix) ( [\w.-]* (?:token|delegation|password|passwd|secret) ["']? \s* [=:] \s* )
            (?: "[^"\n]*" | '[^'\n]*' | [^\s&"',;)}\]]+ )"""
        ),
        rf"\1{_MASK}",
    ),
    (re.compile(r"(?i)(://[^\s/:@]*:)[^\s/@]+@"), rf"\1{_MASK}@"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), _MASK),
)
_LEVELS: Final = {"DEBUG": 2, "INFO": 32, "WARNING": 33, "ERROR": 31, "CRITICAL": 31}
"""Colours of the terminal, by the numbers of ANSI."""

_EXCEPTIONS: Final = logging.Formatter()


def masked(text: str) -> str:
    """Give a text without what looks like a password, a token, or a secret in an address."""
    if _SUSPICIOUS.search(text) is None:
        return text
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class JsonLines(logging.Formatter):
    """Write an event as a JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line: time, level, logger, event, the request's id, and the extra fields."""
        if isinstance(record, AccessRecord) and (quick := _access_line(record)) is not None:
            return quick
        line: dict[str, object] = {
            "time": _time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": masked(record.getMessage()),
        }
        if identity := request_id.get():
            line["request_id"] = identity
        for name, value in record.__dict__.items():
            if name not in _OWN:
                line[name] = _plain(name, value)
        if trace := _trace(record):
            line["exception"] = trace
        return orjson.dumps(line, default=_shown, option=orjson.OPT_NON_STR_KEYS).decode()


class ReadableLines(logging.Formatter):
    """Write an event for somebody at a terminal."""

    def __init__(self, *, colours: bool) -> None:
        super().__init__()
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        """Give the line, and the trace of an exception below it."""
        level = f"{record.levelname.lower():8}"
        if self._colours:
            level = f"\033[{_LEVELS.get(record.levelname, 0)}m{level}\033[0m"
        event = masked(record.getMessage()).replace("\n", "\n  ")
        fields = {
            name: _plain(name, value)
            for name, value in record.__dict__.items()
            if name not in _OWN and not (record.name == "jobyard.access" and name != "seconds")
        }
        if identity := request_id.get():
            fields["request"] = identity
        told = "".join(f" {name}={value}" for name, value in fields.items())
        line = f"{_time(record.created)[11:23]} {level} {record.name}: {event}{told}"
        trace = _trace(record)
        return f"{line}\n{trace}" if trace else line


class LineWriter(logging.Handler):
    """Hand lines to a thread that writes them; close it to write what is left."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines: deque[str] = deque(maxlen=MOST_WAITING)
        self._some = threading.Event()
        self._now = threading.Event()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="jobyard-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a line."""
        try:
            self._lines.append(self.format(record))
        except Exception:  # noqa: BLE001 - logging never fails whoever logs
            self.handleError(record)
        if record.levelno >= logging.WARNING:
            self._now.set()
        if not self._some.is_set():
            self._some.set()

    def close(self) -> None:
        """Write what is left and end the thread."""
        self._ending = True
        self._now.set()
        self._some.set()
        self._thread.join(timeout=5)
        super().close()

    def _run(self) -> None:
        while not (self._ending and not self._lines):
            self._some.wait()
            self._now.wait(INTERVAL)
            self._some.clear()
            self._now.clear()
            self._write()

    def _write(self) -> None:
        taken: list[str] = []
        while self._lines:
            taken.append(self._lines.popleft())
        if not taken:
            return
        try:
            self._stream.write("\n".join(taken) + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            # Nobody reads any more, and there is nowhere else to say so.
            taken.clear()


@contextmanager
def logging_to(stream: TextIO) -> Iterator[None]:
    """Log everything to a stream while the block runs: ours from INFO on, the libraries' warnings."""
    terminal = stream.isatty()
    writer = LineWriter(stream)
    writer.setFormatter(ReadableLines(colours=True) if terminal else JsonLines())
    root, ours = logging.getLogger(), logging.getLogger("jobyard")
    before = root.handlers[:], root.level, ours.level
    root.handlers[:] = [writer]
    root.setLevel(logging.INFO)
    ours.setLevel(logging.INFO)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:], level, our_level = before[0], before[1], before[2]
        root.setLevel(level)
        ours.setLevel(our_level)
        writer.close()


def _access_line(record: AccessRecord) -> str | None:
    """Give an access line, the same as any other way, where there is nothing to mask in it."""
    event = f"{record.method} {record.path} {record.status}"
    if _SUSPICIOUS.search(event) is not None:
        return None
    line = {"time": _time(record.created), "level": "info", "logger": record.name, "event": event}
    if identity := request_id.get():
        line["request_id"] = identity
    fields = {
        "method": record.method,
        "path": record.path,
        "status": record.status,
        "seconds": record.seconds,
    }
    return orjson.dumps({**line, **fields}).decode()


@lru_cache(maxsize=2)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _time(created: float) -> str:
    second = int(created)
    return f"{_second(second)}.{int((created - second) * 1000):03d}Z"


def _trace(record: logging.LogRecord) -> str:
    if record.exc_info and not record.exc_text:
        record.exc_text = _EXCEPTIONS.formatException(record.exc_info)
    parts = (record.exc_text, record.stack_info)
    return masked("\n".join(part for part in parts if part))


def _plain(name: str, value: object) -> object:
    if not isinstance(value, str):
        return value
    # The name says what the value does not.
    return _MASK if _SUSPICIOUS_NAME.fullmatch(name) else masked(value)


def _shown(value: object) -> str:
    return _MASK if isinstance(value, Secret) else masked(str(value))

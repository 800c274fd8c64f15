"""What can come of a request: a refusal of the launcher's, or no answer that says anything.

LauncherFailure
├── Refusal     the launcher understood, and said no
└── NoAnswer    nobody answers, or whoever does is no launcher
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import httpx
import orjson

_EXCEPTION: Final = re.compile(r"^(?:[a-z][A-Za-z0-9_]*\.)+[A-Z][A-Za-z0-9_$]*(?::\s*|$)")
_LONGEST_MESSAGE: Final = 1000
_NOT_FOUND: Final = 404
_UNAVAILABLE: Final = 503


class LauncherFailure(Exception):
    """Be the root of what goes wrong."""


class Refusal(LauncherFailure):
    """Be a no of the launcher.

    ``message`` is the first line of what it says, without the names of Java's classes: a stack
    follows there. ``status`` is that of HTTP, ``retry_after`` in seconds.
    """

    def __init__(self, status: int, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message
        self.retry_after = retry_after


class NoAnswer(LauncherFailure):
    """Report that nothing came which says what happened.

    ``message`` names no address, ``detail`` does. ``maybe_done`` says that the request may have
    been carried out; ``timed_out`` that the launcher was silent for too long.
    """

    def __init__(
        self, message: str, detail: str, *, maybe_done: bool = False, timed_out: bool = False
    ) -> None:
        super().__init__(f"{message} ({detail})")
        self.message = message
        self.detail = detail
        self.maybe_done = maybe_done
        self.timed_out = timed_out


def unanswered(error: httpx.TransportError | TimeoutError, address: str) -> NoAnswer:
    """Say what a failure of the connection is."""
    detail = f"{address}: {error!r}"
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return NoAnswer("The launcher cannot be reached.", detail)
    late = isinstance(error, httpx.TimeoutException | TimeoutError)
    said = "The launcher does not answer." if late else "The connection to the launcher broke."
    return NoAnswer(said, detail, maybe_done=True, timed_out=late)


def refusal(response: httpx.Response) -> LauncherFailure:
    """Read an answer that is no success; its body has been read."""
    status = response.status_code
    said = _object(response)
    if said is not None or status in {401, 403, 429, _UNAVAILABLE}:
        return Refusal(status, _message(said, status), retry_after=_retry_after(response))
    # A proxy's page, or Jetty's own: whoever wrote it, it does not say what was done.
    detail = f"{response.url.copy_with(query=None)} answered {status}"
    return NoAnswer("What answers is no launcher.", detail, maybe_done=status != _NOT_FOUND)


def first_line(text: str) -> str:
    """Give the first line that says something, without the names of Java's exceptions."""
    line = next((each.strip() for each in text.splitlines() if each.strip()), "")
    while found := _EXCEPTION.match(line):
        if not (rest := line[found.end() :].strip()):
            break
        line = rest
    return line[:_LONGEST_MESSAGE]


def _object(response: httpx.Response) -> Mapping[str, object] | None:
    """Give the launcher's own description of an error, where it is one."""
    try:
        said = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None
    return said if isinstance(said, dict) else None


def _message(said: Mapping[str, object] | None, status: int) -> str:
    message = None if said is None else said.get("message") or said.get("exception")
    return first_line(str(message or "")) or f"The launcher answered {status}."


def _retry_after(response: httpx.Response) -> float | None:
    value = response.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() else None

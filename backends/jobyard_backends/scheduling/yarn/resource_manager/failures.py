"""What can come of a request to a ResourceManager, in the words of our errors."""

from __future__ import annotations

import json
from typing import Final

import httpx

from jobyard.errors import BackendError, DeadlineExceeded, Rejected, Unavailable

_NOBODY: Final = "No ResourceManager can be reached."
_STANDBY: Final = "No ResourceManager is active."
_FORBIDDEN: Final = 403
_SERVER_ERROR: Final = 500
_JAVA: Final = ("java.lang.Exception: ", "java.io.IOException: ")
_SERVICES: Final = "diagnostics"
_PASSING: Final = frozenset({"StandbyException", "RetriableException"})


class Elsewhere(Unavailable):
    """Report a ResourceManager that did not take a request: another one, or a later one, may."""


def standby(address: str) -> Elsewhere:
    """Say that whoever answered is not the active one."""
    return Elsewhere(_STANDBY, detail=f"{address} is a standby")


def unanswered(error: httpx.HTTPError | httpx.InvalidURL, address: str) -> Unavailable:
    """Say what a failure of the connection is; only ``Elsewhere`` was certainly not done."""
    detail = f"{address}: {error!r}"
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return Elsewhere(_NOBODY, detail=detail)
    if isinstance(error, httpx.TimeoutException):
        return DeadlineExceeded("A ResourceManager does not answer.", detail=detail)
    return Unavailable("The connection to a ResourceManager broke.", detail=detail)


def no_resource_manager(response: httpx.Response) -> Unavailable:
    """Say that an answer is not one of a ResourceManager, or of one that does not work."""
    detail = f"{response.url.copy_with(query=None)} answered {response.status_code}"
    return Unavailable(
        "What answers is no ResourceManager, or one that does not work.", detail=detail
    )


def refusal(response: httpx.Response, user: str) -> BackendError:
    """Read an answer that is no success; its body has been read."""
    status = response.status_code
    name, message = _said(response)
    detail = f"{response.url.copy_with(query=None)} answered {status} {name}: {message}"
    if name in _PASSING:
        return Elsewhere(_STANDBY, detail=detail)
    if status == httpx.codes.UNAUTHORIZED:
        words = "The ResourceManager does not accept who the gateway says that it is."
        return Rejected(words, detail=detail)
    if status == _FORBIDDEN:
        words = f"The ResourceManager does not let {user} do this: {message or 'Forbidden'}"
        return Rejected(words, status=status, detail=detail)
    if not message or (status >= _SERVER_ERROR and name != _SERVICES):
        return no_resource_manager(response)
    return Rejected(message, status=status, detail=detail)


def _said(response: httpx.Response) -> tuple[str, str]:
    """Give the class of Hadoop's exception, where there is one, and the first line of what it says.

    Changes of queues are refused in plain text; a page is not something that Hadoop says.
    """
    try:
        document = json.loads(response.content)
    except ValueError:
        text = response.text
        return "", "" if text.lstrip().startswith("<") else first_line(text)
    said = document.get("RemoteException") if isinstance(document, dict) else None
    if said is None and isinstance(document, dict) and "diagnostics" in document:
        # The API of services refuses with 500, and this.
        return _SERVICES, first_line(str(document["diagnostics"]))
    if not isinstance(said, dict):
        return "", ""
    message = first_line(str(said.get("message") or ""))
    for prefix in _JAVA:
        message = message.removeprefix(prefix)
    return str(said.get("exception") or ""), message


def first_line(text: str) -> str:
    """Give the first line that says something."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")

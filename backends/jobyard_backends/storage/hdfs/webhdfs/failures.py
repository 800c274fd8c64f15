"""What can come of a request: an exception of Hadoop's, or no answer that says anything.

WebHdfsFailure
├── RemoteError     a node understood, and said no
└── NoAnswer        nobody answers, or whoever does is no such node
    └── NoTicket    nothing was asked: the client cannot show who it is
"""

from __future__ import annotations

import json
from typing import Final

import httpx

PASSING: Final = frozenset(
    {
        "StandbyException",
        "RetriableException",
        "SafeModeException",
        "ObserverRetryOnActiveException",
    }
)
"""What another NameNode, or the same one a little later, does not say."""


class WebHdfsFailure(Exception):
    """Be the root of what goes wrong."""


class RemoteError(WebHdfsFailure):
    """Be one of Hadoop's exceptions.

    ``name`` is its class without the package; ``message`` the first line of what it says, since
    a DataNode adds its stack; ``status`` that of HTTP.
    """

    def __init__(self, name: str, message: str, status: int) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message
        self.status = status

    @property
    def below_a_file(self) -> bool:
        """Tell whether a file is where a folder has to be; superusers hear it as a refusal."""
        return self.name == "ParentNotDirectoryException" or (
            self.name == "AccessControlException" and "(is not a directory)" in self.message
        )

    @property
    def passing(self) -> bool:
        """Tell whether it is about the node, and not about what was asked."""
        return self.name in PASSING


class NoAnswer(WebHdfsFailure):
    """Report that nothing came which says what happened.

    ``message`` names no address, ``detail`` does. ``maybe_done`` says that the request may have
    been carried out; ``timed_out`` that a node was silent for too long.
    """

    def __init__(
        self, message: str, detail: str, *, maybe_done: bool = False, timed_out: bool = False
    ) -> None:
        super().__init__(f"{message} ({detail})")
        self.message = message
        self.detail = detail
        self.maybe_done = maybe_done
        self.timed_out = timed_out


class NoTicket(NoAnswer):
    """Report that Kerberos does not let the client show who it is; no other node helps."""


def unanswered(error: httpx.TransportError, node: str, address: str) -> NoAnswer:
    """Say what a failure of the connection is; ``node`` is the kind of node that was asked."""
    detail = f"{address}: {error!r}"
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return NoAnswer(f"No {node} can be reached.", detail)
    late = isinstance(error, httpx.TimeoutException)
    message = f"A {node} does not answer." if late else f"The connection to a {node} broke."
    return NoAnswer(message, detail, maybe_done=True, timed_out=late)


def refusal(response: httpx.Response, node: str) -> WebHdfsFailure:
    """Read an answer that is no success; its body has been read."""
    try:
        said = json.loads(response.content)["RemoteException"]
        name, message = str(said["exception"]), str(said.get("message") or "")
    except (ValueError, KeyError, TypeError):
        detail = f"{response.url.copy_with(query=None)} answered {response.status_code}"
        if response.status_code == httpx.codes.UNAUTHORIZED:
            message = f"The {node} does not accept who the gateway says that it is."
            return RemoteError("AuthenticationException", message, response.status_code)
        # A proxy's page, or Jetty's own: whoever wrote it, it does not say what was done.
        message = f"What answers is no {node}, or one that does not work."
        return NoAnswer(message, detail, maybe_done=True)
    return RemoteError(name, first_line(message), response.status_code)


def first_line(text: str) -> str:
    """Give the first line that says something."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")

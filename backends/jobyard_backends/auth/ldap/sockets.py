"""Sockets to a directory: connected and encrypted within a time."""

from __future__ import annotations

import socket
import ssl
import time
from typing import cast

from jobyard_backends.auth.ldap.calls import Call
from jobyard_backends.auth.ldap.settings import Address

_Place = tuple[
    socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int]
]


class Broken(Exception):
    """Report that a server cannot be used now: another one may be asked.

    ``message`` may be read by a caller, ``detail`` is for the log.
    """

    def __init__(self, message: str, detail: str) -> None:
        super().__init__(f"{message} {detail}")
        self.message = message
        self.detail = detail


class Timed:
    """Be a socket on which a whole answer is waited for, and not each piece of it anew."""

    def __init__(self, plain: socket.socket) -> None:
        self.plain = plain
        self._ends_at = time.monotonic()

    def wait_for(self, seconds: float) -> None:
        """Let all that is sent and received from here on take so many seconds."""
        self._ends_at = time.monotonic() + seconds

    def recv(self, size: int) -> bytes:
        """Receive some of an answer.

        Raises:
            TimeoutError: The time is over.
        """
        self.plain.settimeout(self._left())
        return self.plain.recv(size)

    def sendall(self, content: bytes) -> None:
        """Send a request.

        Raises:
            TimeoutError: The time is over.
        """
        self.plain.settimeout(self._left())
        self.plain.sendall(content)

    def shutdown(self, how: int) -> None:
        """Shut it down."""
        self.plain.shutdown(how)

    def close(self) -> None:
        """Close it."""
        self.plain.close()

    def _left(self) -> float:
        seconds = self._ends_at - time.monotonic()
        if seconds <= 0:
            message = "timed out"
            raise TimeoutError(message)
        return seconds


def resolve(address: Address) -> list[str]:
    """Give the IP addresses of a server.

    Raises:
        Broken: Its name has none.
    """
    return sorted({str(place[0]) for _, _, _, _, place in _places(address)})


def connect(call: Call, address: Address, ends_at: float) -> socket.socket:
    """Connect to a server, at whichever of its addresses answers.

    Raises:
        Broken: None does.
        DeadlineExceeded: The call has no time left.
    """
    failures: list[str] = []
    for family, kind, protocol, _, place in _places(address):
        made = socket.socket(family, kind, protocol)
        try:
            with call.waiting_on(made):
                made.settimeout(call.remaining(left(ends_at)))
                made.connect(place)
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            made.close()
            failures.append(f"{place[0]}: {told(error)}")
        except BaseException:
            made.close()
            raise
        else:
            return made
    message = "The directory cannot be reached."
    raise Broken(message, f"{address}: {'; '.join(failures)}")


def secured(
    call: Call,
    plain: socket.socket,
    address: Address,
    context: ssl.SSLContext,
    ends_at: float,
) -> ssl.SSLSocket:
    """Encrypt a connection, and hold the certificate and the host's name against what is known.

    Raises:
        Broken: The certificate is not good for the server, or the server does not speak TLS.
        DeadlineExceeded: The call has no time left.
    """
    wrapped = None
    try:
        wrapped = context.wrap_socket(
            plain, server_hostname=address.host, do_handshake_on_connect=False
        )
        with call.waiting_on(wrapped):
            wrapped.settimeout(call.remaining(left(ends_at)))
            wrapped.do_handshake()
    except BaseException as error:
        (wrapped or plain).close()
        if isinstance(error, ssl.SSLCertVerificationError):
            message = "The directory's certificate is not trusted."
            raise Broken(message, f"{address}: {error.verify_message}") from error
        if isinstance(error, OSError | ValueError):
            message = "The directory does not speak TLS as it should."
            raise Broken(message, f"{address}: {told(error)}") from error
        raise
    return wrapped


def _places(address: Address) -> list[_Place]:
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        return cast("list[_Place]", found)
    except (OSError, UnicodeError) as error:
        message = "The directory's name cannot be resolved."
        raise Broken(message, f"{address.host}: {error}") from error


def left(ends_at: float) -> float:
    """Give what is left of a time; never 0, which would not be waited at all."""
    return max(0.01, ends_at - time.monotonic())


def told(error: BaseException) -> str:
    """Give the words of an error, or its name where it has none."""
    return str(error) or type(error).__name__

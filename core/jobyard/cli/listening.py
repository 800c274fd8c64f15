"""The socket: bound before anything else is opened, so that its port is known."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from jobyard.errors import JobyardError


class CannotListen(JobyardError):
    """Report an address that the gateway cannot have."""

    def __init__(self, host: str, port: int, error: OSError) -> None:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        super().__init__(
            f"Cannot listen on {host} port {port}: {why or error}."
            " Name another address with --host and --port."
        )


@contextmanager
def listener(host: str, port: int) -> Iterator[socket.socket]:
    """Bind a socket, which nobody can connect to yet; port 0 takes a free one.

    Raises:
        CannotListen: The address is none of this machine's, or taken, or not permitted.
    """
    try:
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )
    except OSError as error:
        raise CannotListen(host, port, error) from error
    except UnicodeError:
        raise CannotListen(host, port, OSError("that is no address")) from None
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as bound:
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != "::")
            bound.bind(address)
        except OSError as error:
            raise CannotListen(host, port, error) from error
        yield bound


def address_of(bound: socket.socket, scheme: str) -> str:
    """Give a socket's address as a URL, such as ``http://127.0.0.1:9186``."""
    host, port = bound.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

"""Under which address a caller reaches the gateway."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request

_HOST: Final = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Addresses:
    """Give the addresses of a request's two ends.

    ``public_url`` wins where it is configured; else the ``Host`` header counts, and
    ``X-Forwarded-*`` where they come from a trusted proxy. ``fallback`` is used where the
    header names no host.
    """

    def __init__(
        self, *, public_url: str | None, fallback: str, trusted_proxies: Sequence[str] = ()
    ) -> None:
        self._public_url = None if public_url is None else public_url.rstrip("/")
        self._fallback = fallback.rstrip("/")
        self._proxies: tuple[Network, ...] = tuple(
            ipaddress.ip_network(each, strict=False) for each in trusted_proxies
        )

    def base_url(self, request: Request) -> str:
        """Give the gateway's own address, without a slash at its end."""
        if self._public_url is not None:
            return self._public_url
        scheme = str(request.scope.get("scheme", "http"))
        host = request.headers.get("host", "")
        if self._trusted(request):
            scheme = _first(request.headers.get("x-forwarded-proto")) or scheme
            host = _first(request.headers.get("x-forwarded-host")) or host
        if scheme not in ("http", "https") or _HOST.fullmatch(host) is None:
            return self._fallback
        return f"{scheme}://{host}"

    def client(self, request: Request) -> str:
        """Give the caller's address, for the throttle and the log."""
        peer = request.client.host if request.client else "unknown"
        if not self._trusted(request):
            return peer
        forwarded = request.headers.get("x-forwarded-for", "")
        return forwarded.rpartition(",")[2].strip() or peer

    def local(self, request: Request) -> bool:
        """Tell whether the caller sits on this machine."""
        try:
            return ipaddress.ip_address(self.client(request)).is_loopback
        except ValueError:
            return False

    def _trusted(self, request: Request) -> bool:
        if not self._proxies or request.client is None:
            return False
        try:
            peer = ipaddress.ip_address(request.client.host)
        except ValueError:
            return False
        return any(peer in network for network in self._proxies)


def _first(text: str | None) -> str:
    return (text or "").partition(",")[0].strip()

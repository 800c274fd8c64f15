"""Answers that a test wants instead of the launcher's own.

What a network does (refuse, hang, cut, garble) is a matter for ``jobyard.testing.FaultProxy``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import anyio
from attrs import define, field, frozen
from starlette.types import ASGIApp, Receive, Scope, Send

from jobyard.testing.launcher.refusal import Refusal


@frozen
class Canned:
    """Answer requests whose ``METHOD /path`` matches ``pattern``; ``times`` of them, or all."""

    pattern: str
    status: int
    body: bytes
    headers: Mapping[str, str] = {"Content-Type": "application/json"}
    times: int | None = None
    afterwards: bool = False
    """Let the launcher do what was asked, and answer otherwise all the same."""


@define
class Faults:
    """Be what is wrong; can be changed at any time. ``latency`` is in seconds, for each answer."""

    latency: float = 0.0
    canned: list[Canned] = field(factory=list)
    requests: list[str] = field(factory=list)
    """The ``METHOD /path`` of every request so far."""

    def refuse(
        self, pattern: str, status: int, text: str = "made up", times: int | None = None
    ) -> None:
        """Answer matching requests with an error in the launcher's form."""
        refusal = Refusal(status, "com.microsoft.frameworklauncher.common.MadeUp", text)
        self.canned.append(
            Canned(pattern, status, json.dumps(refusal.body()).encode(), times=times)
        )

    def clear(self) -> None:
        """Be faultless again."""
        self.latency = 0.0
        self.canned.clear()

    def take(self, request: str) -> Canned | None:
        """Give the answer for a request, and count it."""
        for number, canned in enumerate(self.canned):
            if re.search(canned.pattern, request) is None:
                continue
            if canned.times is not None:
                if canned.times <= 0:
                    continue
                self.canned[number] = Canned(
                    canned.pattern, canned.status, canned.body, canned.headers,
                    canned.times - 1, canned.afterwards,
                )  # fmt: skip
            return canned
        return None


class FaultyApp:
    """Stand in front of the launcher, and let faults have their way."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = f"{scope['method']} {scope['path']}"
        self._faults.requests.append(request)
        if self._faults.latency:
            await anyio.sleep(self._faults.latency)
        canned = self._faults.take(request)
        if canned is None:
            await self._app(scope, receive, send)
            return
        if canned.afterwards:
            await self._app(scope, receive, _nowhere)
        headers = [(k.lower().encode(), v.encode()) for k, v in canned.headers.items()]
        headers.append((b"content-length", str(len(canned.body)).encode()))
        await send({"type": "http.response.start", "status": canned.status, "headers": headers})
        await send({"type": "http.response.body", "body": canned.body})


async def _nowhere(_message: object) -> None:
    """Send nothing."""

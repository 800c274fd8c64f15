"""The application: one ASGI layer in front, everything behind it opened and closed in order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import orjson
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from jobyard.assembly import assemble
from jobyard.clock import Clock, SystemClock
from jobyard.config.loading import Loaded
from jobyard.deployment import Deployment
from jobyard.front import Front
from jobyard.registry import Registry

_NOT_YET: Final = orjson.dumps(
    {"code": "UnknownError", "message": "The gateway is starting or stopping."}
)
_POLICY_VIOLATION: Final = 1008


def _nobody(_: str) -> None:
    """Tell nobody."""


def create_app(
    loaded: Loaded,
    registry: Registry,
    *,
    state_dir: Path,
    address: str,
    announce: Callable[[str], None] = _nobody,
    clock: Clock | None = None,
) -> Application:
    """Make a gateway; nothing is opened before its lifespan begins. Two of them share nothing.

    Args:
        loaded: What was configured.
        registry: The installed plugins.
        state_dir: A private folder that exists.
        address: Where the gateway listens, such as ``http://127.0.0.1:9186``.
        announce: Takes the lines that whoever starts the gateway should see.
        clock: The time; the system's without it.

    The lifespan raises ``PluginError`` or ``ConfigError`` where a chosen backend can never be
    opened, ``DatabaseBusy`` where another gateway has what only one may have, and ``Unavailable``
    where the database does not answer.
    """
    return Application(
        Deployment(
            loaded=loaded,
            registry=registry,
            state_dir=state_dir,
            address=address,
            announce=announce,
            clock=clock or SystemClock(),
        )
    )


class Application(Starlette):
    """Be one gateway as an ASGI application; made by :func:`create_app`."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(lifespan=self._open)
        self._deployment = deployment
        self._entrance = _Entrance()
        # Not a Mount, whose pattern matches no path with a line break in it.
        self.router.default = self._entrance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; what nobody has added to is entered without Starlette's layers, which cost."""
        if scope["type"] == "lifespan" or self.user_middleware or self.router.routes:
            await super().__call__(scope, receive, send)
        else:
            scope["app"] = self
            await self._entrance(scope, receive, send)

    def leave(self) -> None:
        """Break off what would go on for ever, such as logs that are followed.

        Whoever is about to stop the server calls it first, so that the stop need not wait.
        """
        if self._entrance.front is not None:
            self._entrance.front.leave()

    @asynccontextmanager
    async def _open(self, _: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            self._entrance.front = await assemble(stack, self._deployment)
            try:
                yield
            finally:
                self._entrance.front = None


class _Entrance:
    """Let requests in while the gateway is open."""

    def __init__(self) -> None:
        self.front: Front | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        elif self.front is not None:
            await self.front(scope, receive, send)
        else:
            headers = [(b"content-type", b"application/json"), (b"retry-after", b"1")]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            await send({"type": "http.response.body", "body": _NOT_YET})

"""Run a gateway: the application inside of uvicorn, from its first line to its exit code."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import anyio
import click
import uvicorn
from anyio.abc import TaskStatus
from attrs import evolve
from starlette.applications import Starlette

from jobyard._version import __version__
from jobyard.app import create_app
from jobyard.cli.failures import cause_of
from jobyard.cli.listening import CannotListen, address_of
from jobyard.cli.protocols import http_protocol
from jobyard.cli.refusal import LARGEST_READ
from jobyard.config.loading import Loaded, load
from jobyard.config.settings import RestServer
from jobyard.errors import JobyardError
from jobyard.registry import Registry

LOG: Final = logging.getLogger("jobyard.start")

GRACE: Final = 10
"""Seconds that open requests have to end after SIGTERM; a second signal does not wait."""

COLLECTIONS: Final = (2000, 10, 100)
"""When garbage is collected (``gc.set_threshold``): the whole of it seldom, since that takes tens of
milliseconds, in which nobody is answered."""


def load_configuration(
    file: Path | None, host: str | None, port: int | None
) -> tuple[Loaded, Registry]:
    """Load a configuration, with what the command line says instead of it.

    Raises:
        ConfigError: All that is wrong with it.
    """
    registry = Registry()
    loaded = load(file, registry, os.environ)
    server = loaded.settings.rest_server
    server = evolve(
        server,
        server_host=server.server_host if host is None else host,
        server_port=server.server_port if port is None else port,
    )
    return evolve(loaded, settings=evolve(loaded.settings, rest_server=server)), registry


class Gateway:
    """Be one gateway in this process."""

    def __init__(
        self, loaded: Loaded, registry: Registry, state_dir: Path, bound: socket.socket
    ) -> None:
        settings = loaded.settings.rest_server
        self._notices = loaded.notices
        self._socket = bound
        self._address = address_of(bound, "http" if settings.tls is None else "https")
        self._app = create_app(
            loaded, registry, state_dir=state_dir, address=self._address, announce=click.echo
        )
        self._server = _Server(_configured(self._app, settings), self._listens)

    def run(self) -> None:
        """Serve until a signal, and return when everything is closed.

        Raises:
            JobyardError: It could not be opened, or not go on.
        """
        for notice in self._notices:
            LOG.warning("%s", notice)
        try:
            with asyncio.Runner(loop_factory=self._server.config.get_loop_factory()) as runner:
                runner.run(self._run())
        except Exception as error:
            cause = cause_of(error)
            if not isinstance(cause, JobyardError):
                LOG.exception("the gateway failed")
                message = f"The gateway failed with {type(cause).__name__}; the log has more."
                raise JobyardError(message) from error
            raise

    async def _run(self) -> None:
        async with anyio.create_task_group() as group:
            scope = anyio.CancelScope()
            await group.start(self._obey_signals, scope)
            with scope:
                async with self._app.router.lifespan_context(self._app):
                    await self._serve()
            group.cancel_scope.cancel()

    async def _serve(self) -> None:
        try:
            # Here, since uvloop says nothing of a port on which another process listens meanwhile.
            self._socket.listen(self._server.config.backlog)
        except OSError as error:
            host, port = self._socket.getsockname()[:2]
            raise CannotListen(host, port, error) from error
        await self._server.serve(sockets=[self._socket])

    async def _obey_signals(
        self, opening: anyio.CancelScope, *, task_status: TaskStatus[None]
    ) -> None:
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            task_status.started()
            async for _ in signals:
                if not self._server.started:
                    opening.cancel()
                self._app.leave()
                self._server.force_exit = self._server.should_exit
                self._server.should_exit = True

    def _listens(self) -> None:
        click.echo(f"Jobyard {__version__} listens on {self._address}")


class _Server(uvicorn.Server):
    """Be uvicorn's server, which leaves signals to us and says when it listens."""

    def __init__(self, config: uvicorn.Config, listens: Callable[[], None]) -> None:
        super().__init__(config)
        self._listens = listens

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets=sockets)
        # What is there now stays: a collection that looks through all of it holds up the loop.
        gc.freeze()
        gc.set_threshold(*COLLECTIONS)
        self._listens()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: uvicorn's way ends the process by the signal, not with 0."""
        yield


def _configured(app: Starlette, settings: RestServer) -> uvicorn.Config:
    tls = settings.tls
    return uvicorn.Config(
        app,
        http=http_protocol(),
        ws="none",
        interface="asgi3",
        # Ours, so that its errors are: uvicorn writes those of a lifespan into its log.
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        # X-Forwarded-* is believed of the configured proxies alone, and by us.
        proxy_headers=False,
        workers=1,
        h11_max_incomplete_event_size=LARGEST_READ,
        timeout_graceful_shutdown=GRACE,
        ssl_certfile=None if tls is None else tls.certificate,
        ssl_keyfile=None if tls is None else tls.key,
    )

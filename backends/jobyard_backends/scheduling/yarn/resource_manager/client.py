"""The ResourceManagers: one is active, and which one is remembered."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Final

import anyio
import httpx
from anyio import to_thread
from attrs import frozen

from jobyard.errors import Unavailable
from jobyard.rotation import Rotation
from jobyard_backends.scheduling.yarn.resource_manager.failures import (
    Elsewhere,
    no_resource_manager,
    refusal,
    standby,
    unanswered,
)
from jobyard_backends.scheduling.yarn.resource_manager.settings import ResourceManagerSettings

_CONNECTIONS: Final = 64


@frozen
class Question:
    """Be one request to whichever ResourceManager is active; ``document`` is sent as JSON.

    ``user`` is who asks, where that is not the gateway's own.
    One that is not ``repeatable`` is not sent again after it may have been carried out.
    """

    method: str
    path: str
    document: object = None
    user: str | None = None
    repeatable: bool = True


class ResourceManagers:
    """Ask the active ResourceManager, and look for it where it is not."""

    def __init__(self, settings: ResourceManagerSettings, trusted: ssl.SSLContext) -> None:
        self._settings = settings
        self._rotation = Rotation(
            [address.rstrip("/") for address in settings.addresses], patience=settings.failover
        )
        self._client = httpx.AsyncClient(
            verify=trusted,
            trust_env=False,
            headers={"Accept": "application/json"},
            params={"user.name": settings.user},
            timeout=httpx.Timeout(settings.answer, connect=settings.connect, pool=None),
            limits=httpx.Limits(max_connections=_CONNECTIONS),
        )
        # A cookie says who was asked for first, and counts for more than the query.
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def read(self, path: str, *, user: str | None = None) -> object:
        """Give the JSON document at a path.

        Raises:
            Rejected: The ResourceManager said no.
            Unavailable: None is active, or what answers is none.
        """
        response = await self.ask(Question("GET", path, user=user))
        try:
            # Not orjson: an old one writes NaN where a queue has no capacity.
            document: object = json.loads(response.content)
        except ValueError as error:
            raise no_resource_manager(response) from error
        return document

    async def ask(self, question: Question) -> httpx.Response:
        """Give the active ResourceManager's answer, which is a success.

        Raises:
            Rejected: It said no.
            Unavailable: None was active, or the request may have been carried out and is not
                repeatable; it was certainly not where it is ``Elsewhere``.
        """
        failure: Unavailable = Elsewhere("No ResourceManager can be reached.")
        async for address in self._rotation.turns():
            try:
                return await self._ask(address, question)
            except Unavailable as error:
                self._rotation.leave(address)
                if not question.repeatable and not isinstance(error, Elsewhere):
                    raise
                failure = error
        raise failure

    async def _ask(self, address: str, question: Question) -> httpx.Response:
        try:
            response = await self._client.request(
                question.method,
                address + question.path,
                json=question.document,
                params={} if question.user is None else {"user.name": question.user},
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise unanswered(error, address) from error
        # A standby leads to the active one under a name that need not lead anywhere from here, or
        # has the page come again; a success has neither.
        if response.is_redirect or "refresh" in response.headers:
            raise standby(address)
        if response.is_success:
            return response
        raise refusal(response, question.user or self._settings.user)


@asynccontextmanager
async def opened(settings: ResourceManagerSettings) -> AsyncIterator[ResourceManagers]:
    """Make a client, and close it; nobody is asked yet."""
    managers = ResourceManagers(settings, await to_thread.run_sync(_trusted, settings.ca_file))
    try:
        yield managers
    finally:
        with anyio.CancelScope(shield=True):
            await managers.aclose()


def _trusted(ca_file: Path | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)

"""The client: one method a call of the launcher's REST service."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import anyio
import httpx
import orjson
from attrs import frozen

from jobyard.finishing import finished
from jobyard_backends.scheduling.yarn.launcher.answers import Fields
from jobyard_backends.scheduling.yarn.launcher.failures import (
    LauncherFailure,
    NoAnswer,
    Refusal,
    refusal,
    unanswered,
)

__all__ = ["Launcher", "LauncherFailure", "NoAnswer", "Refusal", "Timeouts"]

_CONNECTIONS: Final = 64
_JSON: Final = {"Content-Type": "application/json"}


@frozen
class Timeouts:
    """Be what is waited for, in seconds: ``connect`` for a connection, ``answer`` for the whole."""

    connect: float = 2.0
    answer: float = 8.0


class Launcher:
    """Call a FrameworkLauncher; ``user`` is on whose behalf.

    Every method raises :class:`Refusal` where it says no, and :class:`NoAnswer` where nobody
    does, within ``timeouts.answer`` seconds. Nothing is asked twice.
    """

    def __init__(
        self,
        address: str,
        *,
        timeouts: Timeouts | None = None,
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        self._address = address.rstrip("/")
        self._timeouts = timeouts or Timeouts()
        self._client = httpx.AsyncClient(
            verify=trusted or ssl.create_default_context(),
            trust_env=False,
            headers={"Accept": "application/json"},
            timeout=httpx.Timeout(self._timeouts.answer, connect=self._timeouts.connect, pool=None),
            limits=httpx.Limits(max_connections=_CONNECTIONS, keepalive_expiry=5.0),
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def status(self) -> Fields:
        """Give ``LauncherStatus``: its configuration, and the cluster's."""
        return await self._object("/v1/LauncherStatus")

    async def frameworks(self) -> bytes:
        """Give the list of all frameworks, as it came: it may be large."""
        return (await self._ask("GET", "/v1/Frameworks")).content

    async def framework(self, name: str) -> Fields:
        """Give all parts of one framework."""
        return await self._object(_path(name))

    async def request(self, name: str) -> Fields:
        """Give what was asked for by a framework's owner."""
        return await self._object(f"{_path(name)}/FrameworkRequest")

    async def put(self, name: str, descriptor: Mapping[str, object], user: str) -> None:
        """Add a framework, or put it in the place of the one that has the name."""
        await self._change("PUT", _path(name), user, descriptor)

    async def execute(self, name: str, execution_type: str, user: str) -> None:
        """Set the execution type: ``START`` or ``STOP``."""
        body = {"executionType": execution_type}
        await self._change("PUT", f"{_path(name)}/ExecutionType", user, body)

    async def delete(self, name: str, user: str) -> None:
        """Kill and forget a framework; one that is not there is good."""
        await self._change("DELETE", _path(name), user, None)

    async def _object(self, path: str) -> Fields:
        response = await self._ask("GET", path)
        try:
            said = orjson.loads(response.content)
        except orjson.JSONDecodeError as error:
            raise _no_launcher(response, error) from error
        if not isinstance(said, dict):
            raise _no_launcher(response, TypeError("no object"))
        return Fields(said)

    async def _change(
        self, method: str, path: str, user: str, body: Mapping[str, object] | None
    ) -> None:
        content = None if body is None else orjson.dumps(body)
        # What is given up in its middle is made all the same, a little later.
        await finished(lambda: self._ask(method, path, content, {"UserName": user}))

    async def _ask(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        sent = {**(headers or {}), **(_JSON if content is not None else {})}
        try:
            with anyio.fail_after(self._timeouts.connect + self._timeouts.answer):
                response = await self._client.request(
                    method, self._address + path, content=content, headers=sent
                )
        except (httpx.TransportError, httpx.DecodingError, TimeoutError) as error:
            raise _failed(error, self._address) from error
        if not response.is_success:
            raise refusal(response)
        return response


def _path(name: str) -> str:
    return f"/v1/Frameworks/{quote(name, safe='~')}"


def _failed(
    error: httpx.TransportError | httpx.DecodingError | TimeoutError, address: str
) -> NoAnswer:
    if isinstance(error, httpx.DecodingError):
        return NoAnswer("What answers is no launcher.", f"{address}: {error!r}", maybe_done=True)
    return unanswered(error, address)


def _no_launcher(response: httpx.Response, error: Exception) -> NoAnswer:
    detail = f"{response.url.copy_with(query=None)}: {error!r}"
    return NoAnswer("What answers is no launcher.", detail, maybe_done=True)

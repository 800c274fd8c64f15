"""Who asks for files (contract, section 8)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request

from jobyard.domain.identity import USERNAME_PATTERN, Actor, is_username
from jobyard.errors import UnauthorizedUser
from jobyard.routes.dispatch import Authenticate
from jobyard.routes.file_parameters import Parameters
from jobyard.wire.webhdfs import AUTHORIZATION, WebHdfsError

StorageUser = Callable[[str], Awaitable[Actor]]
"""Tell whose the storage token of a job is; raises ``UnauthorizedUser`` for what is none."""


class FileCallers:
    """Find out on whose behalf files are asked for."""

    def __init__(
        self, *, authenticate: Authenticate, storage_user: StorageUser, trust_user_name: bool
    ) -> None:
        self._authenticate = authenticate
        self._storage_user = storage_user
        self._trust_user_name = trust_user_name

    async def caller(self, request: Request, parameters: Parameters) -> Actor:
        """Give the caller: by the header, else by ``delegation``, else, if trusted, by name.

        Raises:
            UnauthorizedUser: There is no valid token.
            WebHdfsError: The name is none, or somebody wants to act as another.
        """
        actor = await self._identified(request, parameters)
        other = parameters.text("doas")
        if other not in ("", actor.account):
            message = f"User: {actor.account} is not allowed to impersonate {other[:80]}"
            raise WebHdfsError(AUTHORIZATION, message)
        return actor

    async def _identified(self, request: Request, parameters: Parameters) -> Actor:
        header = request.headers.get("authorization")
        token = parameters.text("delegation")
        if header is not None:
            return await self._by_token(header)
        if token:
            return await self._by_token(f"Bearer {token}")
        if self._trust_user_name and (name := parameters.text("user.name")):
            if not is_username(name):
                why = f"{name[:80]!r} does not belong to the domain {USERNAME_PATTERN}"
                raise WebHdfsError.argument("user.name", why)
            return Actor(name)
        raise UnauthorizedUser

    async def _by_token(self, header: str) -> Actor:
        """Take a user's token, or the one that a job's tasks have."""
        try:
            return await self._authenticate(header)
        except UnauthorizedUser:
            scheme, _, token = header.partition(" ")
            if scheme.lower() != "bearer":
                raise
            return await self._storage_user(token.strip())

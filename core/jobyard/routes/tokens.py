"""Log-in (contract, section 2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from jobyard.domain.identity import Actor
from jobyard.errors import IncorrectPassword, NoUser, TooManyRequests
from jobyard.routes.address import Addresses
from jobyard.routes.endpoint import NO_STORE, Access, Answer, Call, Endpoint, Success, json_answer
from jobyard.seams.provider import Capability
from jobyard.secret import Secret
from jobyard.wire import answers
from jobyard.wire.answer_schemas import Token
from jobyard.wire.requests import (
    TOKEN_REQUEST,
    WIDE_TOKEN_REQUEST,
    TokenRequest,
    WideTokenRequest,
)
from jobyard.wire.schema import Schema

LogIn = Callable[[str, Secret, str], Awaitable[Actor]]
"""Check a name and a password that came from an address."""


class Issue(Protocol):
    """Issue tokens."""

    async def __call__(self, actor: Actor, expiration: int) -> str:
        """Give a token that is valid so many seconds."""
        ...


def token_schema(
    capabilities: Iterable[Capability],
) -> Schema[TokenRequest] | Schema[WideTokenRequest]:
    """Choose what a log-in may hold, by the capabilities of all chosen auth providers.

    One that has names and passwords of its own (``WIDE_CREDENTIALS``) widens both for all.
    """
    wide = Capability.WIDE_CREDENTIALS in set(capabilities)
    return WIDE_TOKEN_REQUEST if wide else TOKEN_REQUEST


class TokenRoutes:
    """Give tokens for passwords."""

    def __init__(
        self,
        *,
        log_in: LogIn,
        issue: Issue,
        addresses: Addresses,
        schema: Schema[TokenRequest] | Schema[WideTokenRequest],
    ) -> None:
        self._log_in = log_in
        self._issue = issue
        self._addresses = addresses
        self._schema: Schema[TokenRequest | WideTokenRequest] = schema

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the routes."""
        return (
            Endpoint(
                method="POST",
                path="/token",
                handler=self.create,
                summary="Get a token for a name and a password",
                tag="tokens",
                access=Access.PUBLIC,
                identified=False,
                body=self._schema,
                success=(Success(200, "The token, and whose it is.", Token),),
                errors=(NoUser, IncorrectPassword, TooManyRequests),
            ),
        )

    async def create(self, call: Call) -> Answer:
        """Answer a token (S)."""
        body = await call.body(self._schema)
        address = self._addresses.client(call.request)
        actor = await self._log_in(body.username, body.password, address)
        text = await self._issue(actor, body.expiration)
        document = answers.token(text, username=actor.account, admin=actor.admin)
        return json_answer(document, headers=(NO_STORE,))

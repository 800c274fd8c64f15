"""Tokens of users: issue them for log-ins, and tell who comes with one (contract, section 2)."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Final

from jobyard.clock import Clock
from jobyard.domain.identity import Actor
from jobyard.errors import UnauthorizedUser
from jobyard.services.account_rows import Account
from jobyard.services.accounts import Accounts, LoggedIn
from jobyard.services.signing import Signer, UserClaims

REMEMBERED: Final = 4096
"""Verified tokens that are not verified again until they end."""

_MILLISECONDS: Final = 1000


class Tokens:
    """Issue tokens and take them back.

    A token that was verified is remembered by its digest; the user's row is read every time, so
    that a change by another process counts at once.
    """

    def __init__(self, *, signer: Signer, accounts: Accounts, clock: Clock) -> None:
        self._signer = signer
        self._accounts = accounts
        self._clock = clock
        self._verified: OrderedDict[bytes, UserClaims] = OrderedDict()

    async def issue(self, actor: Actor, expiration: int) -> str:
        """Give a token that is valid so many seconds.

        Raises:
            UnauthorizedUser: The user is gone meanwhile.
        """
        now = self._clock.now() // _MILLISECONDS
        return self._signer.sign_user(
            UserClaims(
                username=actor.account,
                admin=actor.admin,
                issued_at=now,
                expires_at=now + expiration,
                epoch=await self._epoch(actor),
            )
        )

    async def authenticate(self, header: str | None) -> Actor:
        """Tell whose token an ``Authorization`` header holds.

        The administrator flag is that of the account now, not the token's.

        Raises:
            UnauthorizedUser: There is no valid token, or its user is gone or was changed (S, N).
            UnknownError: The user's directory does not answer, for too long.
        """
        claims = self._claims(_bearer(header))
        noted = await self._noted(claims)
        account = await self._accounts.still(noted)
        if account is None:
            raise UnauthorizedUser(detail=f"{claims.username} is gone")
        _hold(claims, account)
        return Actor(account.name, account.admin)

    async def _epoch(self, actor: Actor) -> int:
        if isinstance(actor, LoggedIn):
            return actor.epoch
        account = await self._accounts.named(actor.account)
        if account is None:
            raise UnauthorizedUser(detail=f"{actor.account} is gone")
        return account.epoch

    async def _noted(self, claims: UserClaims) -> Account:
        account = await self._accounts.named(claims.username)
        if account is None and claims.epoch is None:
            # Another issuer may know a user of a directory who was never here.
            account = await self._accounts.find(claims.username)
        if account is None or account.name != claims.username:
            raise UnauthorizedUser(detail=f"there is no user {claims.username}")
        _hold(claims, account)
        return account

    def _claims(self, token: str) -> UserClaims:
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        claims = self._verified.get(digest)
        if claims is None:
            claims = self._signer.read_user(token)
            self._remember(digest, claims)
        elif claims.expires_at <= self._clock.now() / _MILLISECONDS:
            del self._verified[digest]
            raise UnauthorizedUser(detail="it is over")
        else:
            self._verified.move_to_end(digest)
        return claims

    def _remember(self, digest: bytes, claims: UserClaims) -> None:
        self._verified[digest] = claims
        if len(self._verified) > REMEMBERED:
            self._verified.popitem(last=False)


def _bearer(header: str | None) -> str:
    scheme, _, token = (header or "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise UnauthorizedUser(detail="there is no token")
    return token


def _hold(claims: UserClaims, account: Account) -> None:
    """Hold a token against the last change of password or administrator flag (N)."""
    if claims.epoch is not None:
        if claims.epoch != account.epoch:
            raise UnauthorizedUser(detail=f"{account.name} was changed since")
    elif claims.issued_at < account.changed_at // _MILLISECONDS:
        raise UnauthorizedUser(detail=f"{account.name} was changed since")

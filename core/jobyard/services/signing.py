"""Signatures: tokens of users, links, and tokens of jobs for the storage's front door.

All are JWTs by the same secrets, and none is ever taken for another: a user's token names a
``username`` and no audience, as the contract has it; every other names its purpose as its
audience and whom it is for as its subject.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from jobyard.clock import Clock
from jobyard.domain.identity import is_username
from jobyard.errors import ForbiddenUser, UnauthorizedUser
from jobyard.secret import Secret

if TYPE_CHECKING:
    from jwt.types import Options

ALGORITHM: Final = "HS256"
"""The one algorithm that signs and verifies (contract, section 2, R)."""
LARGEST_TOKEN: Final = 8192
"""Characters of a token that is looked at; ours have some 200."""
LARGEST_SKEW: Final = 60
"""Seconds by which another issuer's clock may be ahead of ours."""

_MILLISECONDS: Final = 1000
_SHORTEST_KEY: Final = 32
_LINK: Final = "jobyard:link:"

# Times are compared with the gateway's clock, below; the audience is compared there too.
_OPTIONS: Final[Options] = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_sub": False,
    "verify_jti": False,
}


class BadSignature(Exception):
    """Report a text that is not a valid token of ours; the message says why, for the log."""


@frozen
class UserClaims:
    """Be what a user's token says; times are in seconds since the epoch.

    ``epoch`` is ``None`` where another issuer made the token.
    """

    username: str
    admin: bool
    issued_at: float
    expires_at: float
    epoch: int | None


@frozen
class Signer:
    """Sign with the first secret, verify with all.

    Raises:
        ValueError: There is no secret, or an empty one.
    """

    _secrets: tuple[Secret, ...] = field(repr=False)
    _clock: Clock

    def __attrs_post_init__(self) -> None:
        if not self._secrets or not all(self._secrets):
            message = "there is no secret to sign with"
            raise ValueError(message)

    def sign_user(self, claims: UserClaims) -> str:
        """Give a user's token (S)."""
        return self._sign(
            {
                "username": claims.username,
                "admin": claims.admin,
                "iat": claims.issued_at,
                "exp": claims.expires_at,
                "epoch": claims.epoch,
            }
        )

    def read_user(self, token: str) -> UserClaims:
        """Give what a user's token says.

        Raises:
            UnauthorizedUser: It is forged, over, not yet valid, lacks a claim, or is no token of
                a user.
        """
        try:
            return _user_claims(self._read(token, audience=None))
        except BadSignature as error:
            raise UnauthorizedUser(detail=str(error)) from error

    def sign_link(self, purpose: str, subject: str, lifetime: float) -> str:
        """Give a token for a subject, valid so many seconds."""
        return self.sign(f"{_LINK}{purpose}", subject, lifetime)

    def check_link(self, purpose: str, subject: str, token: str) -> None:
        """Return if a token is this subject's.

        Raises:
            ForbiddenUser: It is forged, over, or another's (contract, section 4.5).
        """
        message = "The link has expired or is not valid; ask for a new one."
        try:
            signed = self.read(f"{_LINK}{purpose}", token)["sub"]
        except BadSignature as error:
            raise ForbiddenUser(message, detail=str(error)) from error
        if not subject or signed != subject:
            raise ForbiddenUser(message, detail="it is for another subject")

    def sign(
        self,
        audience: str,
        subject: str,
        lifetime: float,
        claims: Mapping[str, object] | None = None,
    ) -> str:
        """Give a token of another purpose than a user's, valid so many seconds."""
        now = self._clock.now() / _MILLISECONDS
        times = {"iat": math.floor(now), "exp": math.ceil(now + lifetime)}
        return self._sign({**(claims or {}), "aud": audience, "sub": subject, **times})

    def read(self, audience: str, token: str) -> Mapping[str, object]:
        """Give the claims of a token of a purpose; its ``sub`` is a text.

        Raises:
            BadSignature: It is forged, over, or of another purpose.
        """
        claims = self._read(token, audience=audience)
        if not isinstance(claims.get("sub"), str):
            message = "it has no subject"
            raise BadSignature(message)
        return claims

    def _sign(self, claims: Mapping[str, object]) -> str:
        import jwt  # noqa: PLC0415 - 40 ms of the start

        return jwt.encode(dict(claims), _key(self._secrets[0]), algorithm=ALGORITHM)

    def _read(self, token: str, *, audience: str | None) -> Mapping[str, object]:
        claims = self._verified(token)
        if claims.get("aud") != audience or ("aud" in claims) != (audience is not None):
            message = "it is for another purpose"
            raise BadSignature(message)
        now = self._clock.now() / _MILLISECONDS
        if _time(claims, "exp") <= now:
            message = "it is over"
            raise BadSignature(message)
        if "nbf" in claims and _time(claims, "nbf") > now:
            message = "it is not valid yet"
            raise BadSignature(message)
        # A token from the future would outlive every change of the password.
        if _time(claims, "iat") > now + LARGEST_SKEW:
            message = "it was issued in the future"
            raise BadSignature(message)
        return claims

    def _verified(self, token: str) -> Mapping[str, object]:
        if len(token) > LARGEST_TOKEN:
            message = "it is too long"
            raise BadSignature(message)
        import jwt  # noqa: PLC0415 - 40 ms of the start

        why = ""
        for secret in self._secrets:
            try:
                claims: dict[str, object] = jwt.decode(
                    token, _key(secret), algorithms=[ALGORITHM], options=_OPTIONS
                )
            except jwt.InvalidSignatureError:
                why = "it is signed with another key"
            # What is decoded before the signature is checked may be anything.
            except (jwt.PyJWTError, ValueError, RecursionError) as error:
                raise BadSignature(type(error).__name__) from error
            else:
                return claims
        raise BadSignature(why)


def _key(secret: Secret) -> bytes:
    """Give the key of a secret, filled up as HMAC itself does: PyJWT warns of short ones.

    OpenPAI's are short, and the start has warned of them already (contract, section 2).
    """
    return secret.reveal().encode().ljust(_SHORTEST_KEY, b"\0")


def _user_claims(claims: Mapping[str, object]) -> UserClaims:
    username, epoch = claims.get("username"), claims.get("epoch")
    if not isinstance(username, str) or not is_username(username):
        message = "it names no user"
        raise BadSignature(message)
    if "epoch" in claims and (not isinstance(epoch, int) or isinstance(epoch, bool)):
        message = "its epoch is none"
        raise BadSignature(message)
    return UserClaims(
        username=username,
        admin=claims.get("admin") is True,
        issued_at=_time(claims, "iat"),
        expires_at=_time(claims, "exp"),
        epoch=epoch if isinstance(epoch, int) else None,
    )


def _time(claims: Mapping[str, object], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        message = f"its {name} is no time"
        raise BadSignature(message)
    return value

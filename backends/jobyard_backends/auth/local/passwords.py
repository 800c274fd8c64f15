"""Hash passwords with argon2id, in threads of their own, at equal cost for unknown names."""

from __future__ import annotations

import base64
import logging
from typing import Final

import anyio
import anyio.to_thread
from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from attrs import frozen

from jobyard.secret import Secret

LOG: Final = logging.getLogger("jobyard.auth.local")

# OWASP's profile for argon2id: 19 MiB, two passes, one lane.
MEMORY_KIB: Final = 19_456
PASSES: Final = 2
LANES: Final = 1
THREADS: Final = 2
"""Hashes that are made at once: more would starve the event loop of the processor."""

_SALT: Final = 16
_DIGEST: Final = 32


@frozen
class Verdict:
    """Say whether a password is right; ``rehashed`` replaces a hash of older parameters."""

    right: bool
    rehashed: str | None = None


class Passwords:
    """Hash and verify passwords off the event loop."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(
            time_cost=PASSES,
            memory_cost=MEMORY_KIB,
            parallelism=LANES,
            hash_len=_DIGEST,
            salt_len=_SALT,
            type=Type.ID,
        )
        self._limiter = anyio.CapacityLimiter(THREADS)
        self._dummy = _nobodys_hash()

    async def hash(self, password: Secret) -> str:
        """Give the hash of a password, with a fresh salt."""
        return await anyio.to_thread.run_sync(
            self._hasher.hash, password.reveal(), limiter=self._limiter
        )

    async def verify(self, kept: str | None, password: Secret) -> Verdict:
        """Hold a password against a hash; ``None`` costs the same and is never right (N)."""
        return await anyio.to_thread.run_sync(
            self._verify, kept, password.reveal(), limiter=self._limiter
        )

    def _verify(self, kept: str | None, password: str) -> Verdict:
        try:
            self._hasher.verify(self._dummy if kept is None else kept, password)
        except InvalidHashError:
            LOG.exception("a kept hash cannot be read; set that user's password anew")
            return Verdict(right=False)
        except VerificationError:
            return Verdict(right=False)
        if kept is None:
            return Verdict(right=False)
        old = self._hasher.check_needs_rehash(kept)
        return Verdict(right=True, rehashed=self._hasher.hash(password) if old else None)


def _nobodys_hash() -> str:
    """Make a hash that costs what a real one does and that no password is known to have."""
    salt, digest = (base64.b64encode(bytes(size)).decode().rstrip("=") for size in (_SALT, _DIGEST))
    return f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${digest}"

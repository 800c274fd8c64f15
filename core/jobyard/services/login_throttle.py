"""A bound on failed log-ins, for each name and each address (contract, section 2).

Only failures count, so it must be known how many of those under way may still fail: a caller
who would go beyond the limit if they all did waits for them, and is refused once it is reached.
"""

from __future__ import annotations

import ipaddress
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Final

import anyio
from attrs import define, field

from jobyard.errors import TooManyRequests

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.strategies import MovingWindowRateLimiter

OFF: Final = "off"
_IPV6_NETWORK: Final = 64


@define
class Attempt:
    """Be one log-in; call :meth:`fail` where the name or the password is wrong."""

    failed: bool = field(default=False, init=False)

    def fail(self) -> None:
        """Count it."""
        self.failed = True


class LoginThrottle:
    """Let so many failures happen in a window; ``limit`` is such as ``10/minute``, or ``off``."""

    def __init__(self, limit: str) -> None:
        self._asked = limit
        self._under_way: dict[str, int] = {}
        self._waiting: dict[str, deque[anyio.Event]] = {}

    @cached_property
    def _limit(self) -> RateLimitItem | None:
        from limits import parse  # noqa: PLC0415 - 25 ms of the start

        return None if self._asked == OFF else parse(self._asked)

    @cached_property
    def _windows(self) -> MovingWindowRateLimiter:
        from limits.storage import MemoryStorage  # noqa: PLC0415 - as above
        from limits.strategies import MovingWindowRateLimiter  # noqa: PLC0415

        return MovingWindowRateLimiter(MemoryStorage())

    @asynccontextmanager
    async def attempt(self, username: str, address: str) -> AsyncIterator[Attempt]:
        """Hold one log-in of a name from an address.

        Raises:
            TooManyRequests: The name or the address has failed too often of late.
        """
        attempt = Attempt()
        if self._limit is None:
            yield attempt
            return
        async with AsyncExitStack() as stack:
            for key in (f"name:{username.casefold()}", f"address:{_network(address)}"):
                await stack.enter_async_context(self._held(key, self._limit, attempt))
            yield attempt

    @asynccontextmanager
    async def _held(self, key: str, limit: RateLimitItem, attempt: Attempt) -> AsyncIterator[None]:
        await self._enter(key, limit)
        try:
            yield
        finally:
            if attempt.failed:
                self._windows.hit(limit, key)
            self._leave(key)

    async def _enter(self, key: str, limit: RateLimitItem) -> None:
        if self._admitted(key, limit):
            return
        try:
            await self._wait(key)
            while not self._admitted(key, limit):
                await self._wait(key, first=True)
        finally:
            # In or out, the next in the line may have something to learn.
            self._wake(key)

    def _admitted(self, key: str, limit: RateLimitItem) -> bool:
        stats = self._windows.get_window_stats(limit, key)
        if stats.remaining <= 0:
            message = "Too many failed log-ins; wait before the next one."
            raise TooManyRequests(message, stats.reset_time - time.time())
        if self._under_way.get(key, 0) >= stats.remaining:
            return False
        self._under_way[key] = self._under_way.get(key, 0) + 1
        return True

    async def _wait(self, key: str, *, first: bool = False) -> None:
        """Stand in the line of a key; one at a time is woken, since they may be thousands."""
        line, turn = self._waiting.setdefault(key, deque()), anyio.Event()
        (line.appendleft if first else line.append)(turn)
        try:
            await turn.wait()
        except BaseException:
            if turn in line:
                line.remove(turn)
            raise
        finally:
            if not line and self._waiting.get(key) is line:
                del self._waiting[key]

    def _wake(self, key: str) -> None:
        if line := self._waiting.get(key):
            line.popleft().set()

    def _leave(self, key: str) -> None:
        self._under_way[key] -= 1
        if not self._under_way[key]:
            del self._under_way[key]
        self._wake(key)


def _network(address: str) -> str:
    """Give what one caller holds many of: an IPv6 address counts as its network."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), _IPV6_NETWORK), strict=False))

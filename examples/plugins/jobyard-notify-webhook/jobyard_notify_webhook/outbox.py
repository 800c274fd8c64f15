"""The outbox: what waits to be sent, and the one task that sends it, in order.

A message is tried until the receiver answers 2xx, with a longer pause each time, and dropped after
the last try, or at once where the receiver says that it will never have it (any 4xx but 408, 425
and 429). Every message has an id, by which a receiver knows one that comes twice.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Self

import anyio
from anyio import to_thread
from attrs import frozen

from .post import NotDelivered, post

if TYPE_CHECKING:
    from . import Settings

LOG: Final = logging.getLogger("jobyard.notify_webhook")

SIGNATURE: Final = "X-Jobyard-Signature"
DELIVERY: Final = "X-Jobyard-Delivery"
LONGEST_PAUSE: Final = 60.0
_WAITS_FOR_BETTER_TIMES: Final = frozenset({408, 425, 429})


@frozen
class Message:
    """Be one event, ready to be sent."""

    number: str
    body: bytes


class Outbox:
    """Keep messages until they are sent; whoever puts one in never waits."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._in, self._out = anyio.create_memory_object_stream[Message](settings.queue)
        # A thread of its own: one that hangs in a connection holds up nobody else's.
        self._thread = anyio.CapacityLimiter(1)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Self]:
        """Send while the block runs, and for ``drain`` seconds more what still waits."""
        done = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(self._send_all, done)
            try:
                yield self
            finally:
                self._in.close()
                with anyio.CancelScope(shield=True), anyio.move_on_after(self._settings.drain):
                    await done.wait()
                if left := self._out.statistics().current_buffer_used:
                    LOG.warning("%d events were not sent before the end", left)
                group.cancel_scope.cancel()
        self._out.close()

    def put(self, message: Message) -> None:
        """Put a message into the queue, or drop it where that is full."""
        try:
            self._in.send_nowait(message)
        except anyio.WouldBlock:
            LOG.warning("the queue is full: event %s is dropped", message.number)
        except anyio.ClosedResourceError:
            LOG.warning("the gateway is ending: event %s is dropped", message.number)

    async def _send_all(self, done: anyio.Event) -> None:
        async for message in self._out:
            await self._send(message)
        done.set()

    async def _send(self, message: Message) -> None:
        pause = self._settings.first_pause
        for attempt in range(1, self._settings.attempts + 1):
            try:
                await self._once(message)
            except NotDelivered as error:
                last = attempt == self._settings.attempts or not _worth_another(error)
                LOG.log(
                    logging.ERROR if last else logging.INFO,
                    "event %s: try %d failed: %s%s",
                    *(message.number, attempt, error, "; it is dropped" if last else ""),
                )
                if last:
                    return
                await anyio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                return

    async def _once(self, message: Message) -> None:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "jobyard-notify-webhook",
            DELIVERY: message.number,
            SIGNATURE: signature(self._settings.secret.reveal(), message.body),
        }
        url, timeout = self._settings.url, self._settings.timeout
        with anyio.move_on_after(timeout):
            # A receiver that sends one byte a second keeps a thread longer than a deadline; the
            # thread's own ends it, and the next message waits for it.
            await to_thread.run_sync(
                lambda: post(url, message.body, headers, timeout),
                abandon_on_cancel=True,
                limiter=self._thread,
            )
            return
        raise NotDelivered(f"no answer within {timeout:g} s")


def signature(secret: str, body: bytes) -> str:
    """Give what the receiver computes too, and compares in constant time."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _worth_another(error: NotDelivered) -> bool:
    status = error.status
    final = status is not None and 400 <= status < 500  # noqa: PLR2004 - the caller's own errors
    return not final or status in _WAITS_FOR_BETTER_TIMES

"""How the core calls a backend: bounded, limited, broken off early, and translated.

Every call of a seam goes through a :class:`Guarded` backend. It gives the call a deadline (of the
request that it serves, else its own), keeps the number of simultaneous calls down, repeats what is
idempotent, answers at once while the backend is known to be down, and turns whatever else comes
out of a plugin into an error with an incident id.
"""

from __future__ import annotations

import logging
import math
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from contextvars import ContextVar
from typing import Final, Generic, NoReturn, TypeVar

import anyio
from attrs import frozen

from jobyard.breaker import Breaker
from jobyard.clock import Clock
from jobyard.errors import (
    BackendError,
    DeadlineExceeded,
    JobyardError,
    Unavailable,
    UnknownError,
)
from jobyard.seams.parted import Parted

B = TypeVar("B")
T = TypeVar("T")

LOG: Final = logging.getLogger("jobyard.backend")

_ends_at: ContextVar[float | None] = ContextVar("jobyard_deadline", default=None)

_ATTEMPTS: Final = 3
_RETRY_AFTER: Final = 5.0


class request_deadline:  # noqa: N801 - used as the function that it was, and half its cost
    """Bound the whole waiting for backends inside of the block (contract, section 1)."""

    __slots__ = ("_clock", "_seconds", "_token")

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds

    def __enter__(self) -> None:
        """Begin to count."""
        self._token = _ends_at.set(self._clock.monotonic() + self._seconds)

    def __exit__(self, *_: object) -> None:
        """Go back to the bound of before."""
        _ends_at.reset(self._token)


@frozen
class Health:
    """Say whether a backend answered last; ``since`` is in milliseconds since the epoch."""

    backend: str
    up: bool
    since: int
    why: str | None = None


class _SenderFailed(JobyardError):
    """Carry a sender's error through the backend that it is not of."""

    def __init__(self, error: Exception) -> None:
        super().__init__("the sender of a stream failed")
        self.error = error


class Guarded(Generic[B]):
    """Hold a backend that may be down, or not yet open, and call it safely.

    ``name`` is what errors and ``/readyz`` say, such as ``scheduling.local``; ``timeout`` is in
    seconds; ``limit`` bounds the simultaneous calls.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        *,
        timeout: float,
        limit: int = 64,
    ) -> None:
        self.name = name
        self._clock = clock
        self._timeout = timeout
        # Fast: one that need not wait does not let the loop go round for nothing.
        self._limiter = anyio.Semaphore(limit, fast_acquire=True)
        self._part_of: Callable[[str], str] = _whole
        self._breakers: dict[str, Breaker] = {}
        self._down: dict[str, str] = {}
        self._backend: B | None = None
        self._closed_why = f"{name} is not open yet"
        self._health = Health(name, up=False, since=clock.now(), why=self._closed_why)

    @property
    def backend(self) -> B | None:
        """Give the open backend, for looking at which protocols it has; never for a call."""
        return self._backend

    @property
    def health(self) -> Health:
        """Tell how the last call went."""
        return self._health

    def opened(self, backend: B) -> None:
        """Put the backend behind the guard."""
        self._backend = backend
        self._part_of = backend.part_of if isinstance(backend, Parted) else _whole
        self._breakers.clear()
        self._down.clear()
        self._note(None)

    def closed(self, why: str) -> None:
        """Take the backend away; calls answer why."""
        self._backend = None
        self._closed_why = why
        self._note(why)

    async def call(
        self,
        operation: str,
        work: Callable[[B], Awaitable[T]],
        *,
        idempotent: bool = False,
    ) -> T:
        """Call the backend for a request.

        Raises:
            BackendError: ``Rejected``, ``NotFound``, ``Conflict``, ``NotSupported`` and what
                derives from them, as the backend raised it.
            UnknownError: It is unreachable, too slow, or raised what its seam forbids.
        """
        try:
            return await self.attempt(operation, work, idempotent=idempotent)
        except Unavailable as error:
            raise unavailable(error) from error

    async def attempt(
        self,
        operation: str,
        work: Callable[[B], Awaitable[T]],
        *,
        idempotent: bool = False,
    ) -> T:
        """Call the backend, and let ``Unavailable`` and ``DeadlineExceeded`` through as they are."""
        attempts = _ATTEMPTS if idempotent else 1
        for number in range(1, attempts + 1):
            try:
                return await self._bounded(
                    operation, self._remaining(), lambda backend, _: work(backend)
                )
            except DeadlineExceeded:
                raise
            except Unavailable:
                pause = 0.05 * 2**number
                if number == attempts or self._remaining() <= pause or self._backend is None:
                    raise
                await anyio.sleep(pause)
        raise AssertionError

    async def upload(
        self,
        operation: str,
        chunks: AsyncIterable[bytes],
        work: Callable[[B, AsyncIterator[bytes]], Awaitable[T]],
    ) -> T:
        """Call the backend with a stream that takes as long as it takes.

        The backend may be silent for ``timeout`` seconds, at its begin, between two chunks and
        at its end; the time that a chunk takes to come is not the backend's. The errors are those
        of :meth:`attempt`, and those of the chunks, which are never taken for the backend's.
        """

        async def watched(scope: anyio.CancelScope) -> AsyncIterator[bytes]:
            stream = aiter(chunks)
            while True:
                scope.deadline = math.inf
                try:
                    chunk = await anext(stream, None)
                except Exception as error:
                    raise _SenderFailed(error) from error
                scope.deadline = anyio.current_time() + self._timeout
                if chunk is None:
                    return
                yield chunk

        # It takes no place of the limit: a few slow senders would keep everybody else out.
        try:
            return await self._bounded(
                operation,
                self._timeout,
                lambda backend, scope: work(backend, watched(scope)),
                limit=nullcontext(),
            )
        except _SenderFailed as failed:
            raise failed.error from None

    async def download(
        self, operation: str, work: Callable[[B], AsyncIterator[bytes]]
    ) -> AsyncIterator[bytes]:
        """Stream what the backend gives, each chunk within ``timeout`` seconds.

        The errors are those of :meth:`attempt`, at the first chunk or at a later one.
        """
        streams: list[AsyncIterator[bytes]] = []

        async def following(backend: B) -> bytes | None:
            if not streams:
                streams.append(work(backend))
            return await anext(streams[0], None)

        try:
            while True:
                chunk = await self._bounded(
                    operation, self._timeout, lambda backend, _: following(backend)
                )
                if chunk is None:
                    return
                yield chunk
        finally:
            for stream in streams:
                await closed(stream)

    async def _bounded(
        self,
        operation: str,
        seconds: float,
        work: Callable[[B, anyio.CancelScope], Awaitable[T]],
        limit: AbstractAsyncContextManager[None] | None = None,
    ) -> T:
        backend = self._backend
        if backend is None:
            raise Unavailable(self._closed_why, retry_after=_RETRY_AFTER)
        part = self._part_of(operation)
        self._breaker(part).check()
        if seconds <= 0:
            # The request has no time left for it: that is not the backend's doing.
            raise self._late(operation)
        begun = False
        try:
            # What anyio.fail_after does, at half its cost.
            with anyio.CancelScope(deadline=anyio.current_time() + seconds) as scope:
                async with limit or self._limiter:
                    begun = True
                    result = await work(backend, scope)
            _check_in_time(scope)
        except TimeoutError:
            late = self._late(operation)
            if begun:  # a crowd before the door is not the backend's doing either
                self._failed(part, late)
            raise late from None
        except Unavailable as error:
            self._say(operation, error)
            if not error.elsewhere:
                self._failed(part, error)
            raise
        except JobyardError as error:
            self._say(operation, error)
            self._succeeded(part)
            raise
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises ends here
            self._incident(operation, error)
        self._succeeded(part)
        return result

    def _breaker(self, part: str) -> Breaker:
        found = self._breakers.get(part)
        if found is None:
            found = self._breakers[part] = Breaker(self._clock)
        return found

    def _say(self, operation: str, error: JobyardError) -> None:
        """Name who failed and in what where the backend said nothing itself (section 1)."""
        if not error.message.strip():
            error.message = f"{self.name} failed ({operation})."

    def _late(self, operation: str) -> DeadlineExceeded:
        message = f"{self.name} did not answer in time ({operation})."
        return DeadlineExceeded(message, retry_after=_RETRY_AFTER)

    def _incident(self, operation: str, error: Exception) -> NoReturn:
        incident = secrets.token_hex(6)
        LOG.error(
            "%s broke its contract in %s (incident %s)",
            self.name,
            operation,
            incident,
            exc_info=error,
        )
        message = f"{self.name} failed ({operation}); incident {incident}."
        raise UnknownError(message, detail=repr(error)) from error

    def _remaining(self) -> float:
        ends_at = _ends_at.get()
        if ends_at is None:
            return self._timeout
        return max(0.0, ends_at - self._clock.monotonic())

    def _succeeded(self, part: str) -> None:
        self._breaker(part).succeeded()
        if self._down.pop(part, None) is None:
            return
        if not self._down:
            LOG.info("%s answers", self.name)
        self._note(next(iter(self._down.values()), None))

    def _failed(self, part: str, error: Unavailable) -> None:
        self._breaker(part).failed(error)
        if part not in self._down:
            LOG.warning("%s does not answer: %s (%s)", self.name, error.message, error.detail)
            self._down[part] = error.message
            self._note(next(iter(self._down.values())))

    def _note(self, why: str | None) -> None:
        up = why is None
        since = self._health.since if self._health.up is up else self._clock.now()
        self._health = Health(self.name, up=up, since=since, why=why)


def _whole(operation: str) -> str:
    """Name the one part of a backend that has no others."""
    del operation
    return ""


def _check_in_time(scope: anyio.CancelScope) -> None:
    if scope.cancelled_caught:
        raise TimeoutError


async def closed(stream: AsyncIterator[bytes]) -> None:
    """Close a stream that nobody reads on, if it can be; a cancellation does not keep it open."""
    close = getattr(stream, "aclose", None)
    if close is not None:
        with anyio.CancelScope(shield=True):
            await close()


def unavailable(error: Unavailable) -> UnknownError:
    """Give the contract's error for a backend that nobody can reach (section 1, S and N)."""
    return UnknownError(
        error.message, detail=error.detail, retry_after=error.retry_after or _RETRY_AFTER
    )


def rejected(error: BackendError) -> UnknownError:
    """Give the contract's error for what a backend refused; 429 and 503 pass through (R)."""
    status = getattr(error, "status", None)
    passing = status if status in (429, 503) else 500
    return UnknownError(
        error.message, detail=error.detail, retry_after=error.retry_after, status=passing
    )

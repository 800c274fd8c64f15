from __future__ import annotations

import anyio
import pytest

from jobyard.breaker import FAILURES_TO_OPEN
from jobyard.clock import SystemClock
from jobyard.errors import DeadlineExceeded, NotFound, Unavailable, UnknownError
from jobyard.resilience import Guarded, request_deadline


class HandClock:
    """A clock that moves when the test says so."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> int:
        return int(self.seconds * 1000)

    def monotonic(self) -> float:
        return self.seconds


class Backend:
    def __init__(self, *outcomes: Exception | str) -> None:
        self.outcomes = list(outcomes)
        self.calls = 0

    async def ask(self) -> str:
        self.calls += 1
        outcome = self.outcomes.pop(0) if self.outcomes else "good"
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def guarded(backend: Backend, clock: HandClock | None = None) -> Guarded[Backend]:
    guard = Guarded[Backend]("storage.test", clock or HandClock(), timeout=5)
    guard.opened(backend)
    return guard


async def test_what_a_backend_answers_comes_through() -> None:
    assert await guarded(Backend("fine")).call("ask", Backend.ask) == "fine"


async def test_what_is_idempotent_is_repeated_while_nobody_answers() -> None:
    backend = Backend(Unavailable("down"), Unavailable("down"), "up")

    assert await guarded(backend).call("ask", Backend.ask, idempotent=True) == "up"
    assert backend.calls == 3


async def test_what_is_not_idempotent_is_never_repeated() -> None:
    backend = Backend(Unavailable("down"))

    with pytest.raises(UnknownError, match="down") as caught:
        await guarded(backend).call("ask", Backend.ask)

    assert backend.calls == 1
    assert "Retry-After" in caught.value.headers


async def test_a_refusal_is_the_backends_own_and_no_failure() -> None:
    guard = guarded(Backend(NotFound("none")))

    with pytest.raises(NotFound, match="none"):
        await guard.call("ask", Backend.ask)

    assert guard.health.up


async def test_an_unknown_exception_becomes_an_incident_and_stays_private() -> None:
    guard = guarded(Backend(RuntimeError("internal detail")))

    with pytest.raises(UnknownError, match="incident") as caught:
        await guard.call("ask", Backend.ask)

    assert "internal detail" not in caught.value.message


async def test_an_open_breaker_answers_as_the_failure_that_opened_it_and_lets_one_try() -> None:
    clock = HandClock()
    backend = Backend(*[Unavailable("down")] * FAILURES_TO_OPEN)
    guard = guarded(backend, clock)
    for _ in range(FAILURES_TO_OPEN):
        with pytest.raises(UnknownError):
            await guard.call("ask", Backend.ask)

    with pytest.raises(UnknownError, match="down"):
        await guard.call("ask", Backend.ask)
    assert backend.calls == FAILURES_TO_OPEN

    clock.seconds += 2
    assert await guard.call("ask", Backend.ask) == "good"
    assert guard.health.up


async def test_the_deadline_of_a_request_bounds_the_waiting() -> None:
    clock = SystemClock()
    guard = Guarded[Backend]("storage.test", clock, timeout=60)
    guard.opened(Backend())

    async def never(_: Backend) -> None:
        await anyio.sleep_forever()

    with request_deadline(clock, 0.01), pytest.raises(DeadlineExceeded, match=r"storage\.test"):
        await guard.attempt("ask", never)


async def test_a_crowd_that_waits_too_long_is_no_failure_of_the_backend() -> None:
    clock = SystemClock()
    guard = Guarded[Backend]("auth.test", clock, timeout=60, limit=1)
    guard.opened(Backend())
    late, holds, go_on = [], anyio.Event(), anyio.Event()

    async def hold(_: Backend) -> None:
        holds.set()
        await go_on.wait()

    async def wait() -> None:
        with request_deadline(clock, 0.01):
            try:
                await guard.attempt("ask", Backend.ask)
            except DeadlineExceeded as error:
                late.append(error)

    async with anyio.create_task_group() as group:
        group.start_soon(guard.attempt, "hold", hold)
        await holds.wait()
        async with anyio.create_task_group() as crowd:
            for _ in range(2 * FAILURES_TO_OPEN):
                crowd.start_soon(wait)
        assert guard.health.up
        go_on.set()

    assert len(late) == 2 * FAILURES_TO_OPEN
    assert await guard.attempt("ask", Backend.ask) == "good"


async def test_a_backend_that_is_not_open_says_why() -> None:
    guard = guarded(Backend())
    guard.closed("no such host")

    with pytest.raises(UnknownError, match="no such host"):
        await guard.call("ask", Backend.ask)
    assert not guard.health.up


class TwoParts(Backend):
    """A backend whose questions of one kind are another machine's."""

    def part_of(self, operation: str) -> str:
        return "other" if operation == "other" else "own"


async def opens(guard: Guarded[TwoParts], operation: str) -> None:
    for _ in range(FAILURES_TO_OPEN):
        with pytest.raises(Unavailable):
            await guard.attempt(operation, Backend.ask)


async def test_a_part_that_is_down_keeps_nobody_from_the_others() -> None:
    backend = TwoParts(*[Unavailable("down")] * FAILURES_TO_OPEN)
    guard = Guarded[TwoParts]("scheduling.test", HandClock(), timeout=5)
    guard.opened(backend)
    await opens(guard, "other")
    with pytest.raises(Unavailable, match="down"):
        await guard.attempt("other", Backend.ask)
    assert backend.calls == FAILURES_TO_OPEN

    assert await guard.attempt("ask", Backend.ask) == "good"
    assert (guard.health.up, guard.health.why) == (False, "down")


async def test_a_backend_is_up_when_all_its_parts_are() -> None:
    clock = HandClock()
    backend = TwoParts(Unavailable("this"), Unavailable("that"))
    guard = Guarded[TwoParts]("scheduling.test", clock, timeout=5)
    guard.opened(backend)
    for operation in ("ask", "other"):
        with pytest.raises(Unavailable):
            await guard.attempt(operation, Backend.ask)
    said = [guard.health.why]
    for operation in ("ask", "other"):
        await guard.attempt(operation, Backend.ask)
        said.append(guard.health.why)

    assert said == ["this", "that", None]
    assert guard.health.up


async def test_what_another_backend_is_to_blame_for_opens_no_breaker() -> None:
    backend = Backend(*[Unavailable("the storage is down", elsewhere=True)] * FAILURES_TO_OPEN)
    guard = guarded(backend)
    for _ in range(FAILURES_TO_OPEN):
        with pytest.raises(Unavailable, match="the storage is down"):
            await guard.attempt("ask", Backend.ask)

    assert guard.health.up
    assert await guard.attempt("ask", Backend.ask) == "good"

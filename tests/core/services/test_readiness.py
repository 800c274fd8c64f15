from __future__ import annotations

import anyio
from attrs import define, field

from jobyard.clock import SystemClock
from jobyard.errors import NotSupported, Unavailable
from jobyard.resilience import Guarded
from jobyard.services.readiness import Readiness


class HeldClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> int:
        return int(self.seconds * 1000)

    def monotonic(self) -> float:
        return self.seconds


@define
class Backend:
    error: Exception | None = None
    pings: int = 0
    begun: anyio.Event = field(factory=anyio.Event)

    async def ping(self) -> None:
        self.pings += 1
        self.begun.set()
        if self.error is not None:
            raise self.error


@define
class Meeting(Backend):
    """A backend that answers once another was asked too."""

    other: Backend = field(factory=Backend)

    async def ping(self) -> None:
        await super().ping()
        await self.other.begun.wait()


class Silent(Backend):
    async def ping(self) -> None:
        await super().ping()
        await anyio.sleep_forever()


def guarded(backend: Backend | None, name: str = "storage.local") -> Guarded[Backend]:
    guard: Guarded[Backend] = Guarded(name, HeldClock(), timeout=10)
    if backend is not None:
        guard.opened(backend)
    return guard


async def test_all_backends_are_asked_at_once() -> None:
    first = Backend()
    second = Meeting(other=first)
    first_too = Meeting(other=second)
    readiness = Readiness(
        [guarded(first_too, "one"), guarded(second, "two"), guarded(first, "three")], HeldClock()
    )

    with anyio.fail_after(5):
        found = await readiness.look()

    assert [(each.backend, each.up) for each in found] == [
        ("one", True),
        ("two", True),
        ("three", True),
    ]


async def test_what_is_down_says_since_when_and_why() -> None:
    guard = guarded(Backend(Unavailable("storage.local does not answer.")))
    clock = HeldClock()
    clock.seconds = 2000
    [down] = await Readiness([guard], clock).look()

    assert (down.up, down.since, down.why) == (False, 1_000_000, "storage.local does not answer.")


async def test_a_backend_that_is_not_open_yet_is_down() -> None:
    [down] = await Readiness([guarded(None)], HeldClock()).look()

    assert (down.up, down.why) == (False, "storage.local is not open yet")


async def test_a_backend_that_says_nothing_is_down_after_the_timeout() -> None:
    guard: Guarded[Backend] = Guarded("storage.local", SystemClock(), timeout=3600)
    guard.opened(Silent())

    with anyio.fail_after(30):
        [down] = await Readiness([guard], SystemClock(), timeout=0.05).look()

    assert (down.up, down.why) == (False, "storage.local did not answer in time (ping).")


async def test_a_backend_that_breaks_its_contract_is_down_since_it_first_did() -> None:
    clock = HeldClock()
    backend = Backend(NotSupported("What is a ping?"))
    readiness = Readiness([guarded(backend)], clock)

    [first] = await readiness.look()
    clock.seconds += 60
    [second] = await readiness.look()

    assert backend.pings == 2
    assert (first.up, first.why) == (False, "What is a ping?")
    assert second.since == first.since


async def test_one_look_serves_all_who_ask_within_its_age() -> None:
    clock = HeldClock()
    backend = Backend()
    readiness = Readiness([guarded(backend)], clock)

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(readiness.look)

    assert backend.pings == 1
    clock.seconds += 1
    await readiness.look()
    assert backend.pings == 2


async def test_a_backend_that_answers_again_is_up() -> None:
    clock = HeldClock()
    backend = Backend(Unavailable("down"))
    readiness = Readiness([guarded(backend)], clock)
    await readiness.look()
    backend.error = None
    clock.seconds += 60

    [found] = await readiness.look()

    assert found.up

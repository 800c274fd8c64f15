from __future__ import annotations

import pytest

import jobyard
from jobyard.clock import SystemClock
from jobyard.domain.identity import Identity
from jobyard.domain.job import JobConfig, TaskRole
from jobyard.errors import ForbiddenUser, UnknownError
from jobyard.resilience import Guarded
from jobyard.seams.observer import Admission, Refusal, UserAuthenticated
from jobyard.services.observers import GuardedObserver, Observer, Observers

REQUEST = Admission(
    submitter="alice",
    config=JobConfig(name="one", image="none", task_roles=(TaskRole("worker", "true"),)),
    dry_run=False,
)


class Gatekeeper:
    def __init__(self, answer: Refusal | Exception | None) -> None:
        self.answer = answer
        self.asked = 0

    @jobyard.hookimpl
    async def jobyard_admit_job(self, request: Admission) -> Refusal | None:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_a_job_that_nobody_refuses_comes_in() -> None:
    keepers = [Gatekeeper(None), Gatekeeper(None)]

    await Observers([Observer("a", keepers[0]), Observer("b", keepers[1])]).admit(REQUEST)

    assert [keeper.asked for keeper in keepers] == [1, 1]


async def test_a_refusal_tells_its_reason_and_ends_the_asking() -> None:
    second = Gatekeeper(None)
    observers = Observers(
        [Observer("a", Gatekeeper(Refusal("not on Fridays"))), Observer("b", second)]
    )

    with pytest.raises(ForbiddenUser, match="not on Fridays"):
        await observers.admit(REQUEST)
    assert second.asked == 0


async def test_an_admission_that_cannot_be_decided_is_not_open() -> None:
    with pytest.raises(UnknownError, match="incident"):
        await Observers([Observer("a", Gatekeeper(ValueError("broken")))]).admit(REQUEST)


async def test_methods_without_the_mark_are_no_hooks() -> None:
    class Unmarked:
        async def jobyard_admit_job(self) -> Refusal:
            return Refusal("never asked")

    await Observers([Observer("a", Unmarked())]).admit(REQUEST)


async def test_an_observer_that_is_not_open_is_not_told_and_admits_nobody() -> None:
    guard = Guarded[object]("observers.a", SystemClock(), timeout=1)
    observers, keeper = Observers([GuardedObserver(guard)]), Gatekeeper(None)

    await observers.user_authenticated(UserAuthenticated(Identity("local", "alice"), "127.0.0.1"))
    with pytest.raises(UnknownError, match="incident"):
        await observers.admit(REQUEST)

    guard.opened(keeper)
    await observers.admit(REQUEST)
    assert keeper.asked == 1

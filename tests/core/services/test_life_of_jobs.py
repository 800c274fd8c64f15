"""Submissions, operations, recovery and crashes in any order, against a model of what was told."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar, cast

import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from jobyard.database.migrating import CORE
from jobyard.database.store import SqlStore, open_store
from jobyard.database.tables import JOBS, OPERATIONS
from jobyard.domain.job import SubmissionId
from jobyard.domain.states import ExecutionType
from jobyard.errors import ApiError, ConflictJob, NoJob, Unavailable, UnknownError
from jobyard.seams.scheduling import NotSent, OutcomeUnknown, Refused
from jobyard.services import journal
from jobyard.services.journal import Phase
from jobyard.services.outcomes import UncertainSubmission
from tests.core.services.doubles import ALICE, BACKEND, Crash, Gateway, World, framework
from tests.databases import count

T = TypeVar("T")

NAMES = st.sampled_from(["one", "two"])
FAILURES: dict[str, Callable[[], BaseException]] = {
    "not sent": lambda: NotSent("no route"),
    "refused": lambda: Refused("no", status=400),
    "lost": lambda: OutcomeUnknown("lost"),
    "reset": lambda: Unavailable("reset"),
    "mistake": lambda: KeyError("a plugin's mistake"),
    "crash": Crash,
}
BEFORE = st.none() | st.sampled_from([*FAILURES])
AFTER = st.none() | st.sampled_from(["lost", "reset", "mistake", "crash"])


class LifeOfJobs(RuleBasedStateMachine):
    """``accepted`` holds what callers were told is there, ``open`` what they were left in doubt of.

    ``deleting`` are jobs whose deletion was accepted and may still be under way.
    """

    def __init__(self) -> None:
        super().__init__()
        self.accepted: dict[str, SubmissionId] = {}
        self.deleting: set[SubmissionId] = set()
        self.stack = ExitStack()
        self.portal = self.stack.enter_context(start_blocking_portal())

    def run(self, work: Coroutine[object, object, T]) -> T:
        async def ended() -> tuple[T | None, Crash | None]:
            # The portal would not outlive what is no mere exception.
            try:
                return await work, None
            except Crash as crash:
                return None, crash

        result, crash = self.portal.call(ended)
        if crash is not None:
            raise crash
        return cast("T", result)

    @initialize()
    def start(self) -> None:
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        store = self.stack.enter_context(self.opened(folder))
        self.world = World(store)
        self.gateway: Gateway = self.world.gateway()
        self.run(self.gateway.recovery.load())

    @contextmanager
    def opened(self, folder: Path) -> Iterator[SqlStore]:
        opening = open_store(None, folder, timeout=10)
        store = self.run(opening.__aenter__())
        self.run(store.migrate(CORE))
        try:
            yield store
        finally:
            self.run(store.close())

    @rule(name=NAMES, before=BEFORE, after=AFTER, blind=st.booleans())
    def submit(self, name: str, before: str | None, after: str | None, *, blind: bool) -> None:
        self.fail("submit", before, after)
        if blind:
            self.world.cluster.before["find_submission"] = [Unavailable("down")]
        try:
            submission = self.run(self.gateway.submit(name))
        except ConflictJob:
            held = self.run(self.world.store.read(journal.find(framework(name))))
            assert held is not None
        except UncertainSubmission:
            assert name not in self.accepted
        except ApiError:
            assert name not in self.accepted
            assert framework(name) not in self.world.cluster.jobs_held
        except Crash:
            assert name not in self.accepted
            self.restart()
        else:
            assert name not in self.accepted
            self.accepted[name] = submission
        self.mend()

    @rule(
        name=NAMES,
        kind=st.sampled_from(["start", "stop", "delete"]),
        before=BEFORE,
        after=AFTER,
    )
    def operate(self, name: str, kind: str, before: str | None, after: str | None) -> None:
        job = self.run(self.gateway.board.find(framework(name)))
        if job is None:
            assert name not in self.accepted
            self.submit(name, None, None, blind=False)
            job = self.run(self.gateway.found(name))
        self.fail(kind, before, after)
        assert job.submission is not None
        lifecycle = self.gateway.lifecycle
        begun = lifecycle.delete(ALICE, job, name)
        if kind != "delete":
            begun.close()
            begun = lifecycle.execute(ALICE, job, ExecutionType(kind.upper()), name)
        if kind == "delete" and self.accepted.get(name) == job.submission:
            self.deleting.add(job.submission)
        try:
            self.run(begun)
        except NoJob:
            assert self.accepted.get(name) != job.submission or job.submission in self.deleting
        except UnknownError:
            pass
        except Crash:
            self.restart()
        else:
            if kind == "delete":
                assert not self.run(self.gateway.shows(name))
                self.accepted.pop(name, None)
        self.mend()

    @rule(seconds=st.sampled_from([0, 1, 11]), crash=st.booleans())
    def recover(self, seconds: int, *, crash: bool) -> None:
        if crash:
            self.restart()
        self.world.clock.seconds += seconds
        self.run(self.gateway.recovery.round(10))

    def restart(self) -> None:
        self.gateway = self.world.gateway()
        self.run(self.gateway.recovery.load())

    @invariant()
    def what_was_accepted_is_there_until_it_is_deleted(self) -> None:
        if not hasattr(self, "world"):
            return
        held = self.world.cluster.jobs_held
        for name, submission in list(self.accepted.items()):
            there = framework(name) in held and held[framework(name)].submission == submission
            if not there:
                assert submission in self.deleting
                del self.accepted[name]

    @invariant()
    def no_submission_arrives_twice(self) -> None:
        if hasattr(self, "world"):
            arrived = self.world.cluster.arrived
            assert len(arrived) == len(set(arrived))

    def teardown(self) -> None:
        try:
            if hasattr(self, "world"):
                self.settle()
        finally:
            self.stack.close()

    def settle(self) -> None:
        """After recovery nothing is open, and the journal says what the cluster has."""
        self.restart()
        for _ in range(4):
            self.run(self.gateway.recovery.round(10))
            self.world.clock.seconds += 11
        store = self.world.store
        assert self.run(store.read(journal.unsettled(BACKEND))) == []
        assert self.run(count(store, OPERATIONS)) == 0
        held = {name: job.submission for name, job in self.world.cluster.jobs_held.items()}
        assert self.run(count(store, JOBS)) == len(held)
        for name, submission in held.items():
            row = self.run(store.read(journal.find(name)))
            assert row is not None
            assert (row.submission, row.phase) == (submission, Phase.ACCEPTED)
        view = self.run(self.gateway.board.view())
        assert {job.name: job.submission for job in view.jobs} == held

    def fail(self, call: str, before: str | None, after: str | None) -> None:
        if before is not None:
            self.world.cluster.before[call] = [FAILURES[before]()]
        if after is not None:
            self.world.cluster.after[call] = [FAILURES[after]()]

    def mend(self) -> None:
        # No two things happen in one millisecond, by which operations are told apart.
        self.world.clock.seconds += 0.01
        self.world.cluster.before.clear()
        self.world.cluster.after.clear()


SETTINGS = settings(
    max_examples=50,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def test_no_job_is_lost_or_doubled_whatever_happens(quiet: None) -> None:
    run_state_machine_as_test(LifeOfJobs, settings=SETTINGS)


@pytest.fixture
def quiet() -> Iterator[None]:
    """Keep thousands of expected warnings out of the report."""
    logger = logging.getLogger("jobyard")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)

from __future__ import annotations

from collections.abc import Iterable

import anyio
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from jobyard.domain.job import FrameworkName, SubmissionId
from jobyard.domain.states import ExecutionType
from jobyard.domain.status import JobSummary
from jobyard.seams.scheduling import Snapshot
from jobyard.services.ordering import Entry, Order
from jobyard.services.overlay import Overlay
from jobyard.services.roster import Roster, difference, encode

NAMES = st.sampled_from([FrameworkName("alice", name) for name in "abcd"])
JOBS = st.builds(
    JobSummary,
    name=NAMES,
    submission=st.sampled_from([SubmissionId("s1"), SubmissionId("s2")]),
    username=st.just("alice"),
    execution_type=st.sampled_from(ExecutionType),
    created_at=st.integers(0, 3),
)
SHOWN = st.lists(JOBS, max_size=5)
NOTES = st.sampled_from(["added", "removed", "wanted", "undone", "elsewhere"])


def job(name: str, *, created_at: int = 0) -> JobSummary:
    name_of_it = FrameworkName("alice", name)
    return JobSummary(name_of_it, SubmissionId("s"), "alice", created_at=created_at)


def snapshot(*jobs: JobSummary, complete: bool = True) -> Snapshot[JobSummary]:
    return Snapshot("1", 0, jobs, complete)


@given(old=st.lists(st.integers(0, 8)), new=st.lists(st.integers(0, 8)))
def test_a_difference_is_what_one_side_has_alone(old: list[int], new: list[int]) -> None:
    gone, come = difference(old, new)

    # Small integers are the same objects wherever they stand.
    assert set(gone) <= set(old)
    assert set(come) <= set(new)
    assert {*old} - {*new} <= set(gone)
    assert {*new} - {*old} <= set(come)
    assert not set(gone) & set(come)


@given(
    steps=st.lists(
        st.tuples(st.lists(st.tuples(NOTES, JOBS), max_size=3), SHOWN, st.booleans()), max_size=6
    )
)
def test_what_is_taken_in_bit_by_bit_is_what_is_there(
    steps: list[tuple[list[tuple[str, JobSummary]], list[JobSummary], bool]],
) -> None:
    """Two overlays hear the same: one for a roster that goes on, one for a new one each time."""
    going, again = Overlay(), Overlay()
    roster = Roster(going)
    for notes, shown, complete in steps:
        for kind, about in notes:
            for overlay in (going, again):
                note(overlay, kind, about)
        before = dict(roster.entries)
        changes = roster.take(snapshot(*shown, complete=complete))
        fresh = Roster(again)
        fresh.take(snapshot(*shown, complete=complete))
        # What is known only here, and was settled before, a new roster must be told of.
        expected = {name: entry.job for name, entry in fresh.entries.items()}
        expected |= {
            name: seen
            for name in again._elsewhere
            if name not in expected and (seen := again.seen(name, None)) is not None
        }
        assert {name: entry.job for name, entry in roster.entries.items()} == expected
        for change in changes:
            entry = change.now or change.was
            assert entry is not None
            assert before.get(entry.job.name) is change.was
        for order, ordering in roster.orders.items():
            there = [entry.job for entry in roster.entries.values()]
            assert [entry.job for entry in ordering] == sorted(there, key=order.key)


def note(overlay: Overlay, kind: str, about: JobSummary) -> None:
    submission = about.submission
    assert submission is not None
    if kind == "added":
        overlay.added(about)
    elif kind == "removed":
        overlay.removed(about.name, submission)
    elif kind == "undone":
        overlay.undone(about.name, submission)
    elif kind == "wanted":
        overlay.wanted(about, ExecutionType.STOP)
    else:
        overlay.elsewhere([about])


class Counted:
    """Encode, and count how often."""

    def __init__(self) -> None:
        self.jobs: list[JobSummary] = []

    def __call__(self, job: JobSummary) -> bytes:
        self.jobs.append(job)
        return encode(job)


async def test_only_what_changed_is_encoded_though_every_poll_makes_its_objects_anew() -> None:
    encoded = Counted()
    roster = Roster(Overlay(), encoded)
    jobs = [job(f"j{number}", created_at=number) for number in range(2000)]
    roster.take(await roster.recognised(snapshot(*jobs)))
    assert len(encoded.jobs) == 2000

    encoded.jobs.clear()
    anew = [evolve(each) for each in jobs]
    anew[7] = evolve(anew[7], exit_code=1)
    del anew[3]
    changes = roster.take(await roster.recognised(snapshot(*anew)))

    assert encoded.jobs == [anew[6]]
    assert sorted(shapes(changes)) == [("j3", False), ("j7", True)]


def shapes(changes: Iterable[object]) -> Iterable[tuple[str, bool]]:
    for change in changes:
        was: Entry | None = getattr(change, "was", None)
        now: Entry | None = getattr(change, "now", None)
        yield (now or was or Entry(job("none"), b"")).job.name.job, now is not None


async def test_what_is_the_very_object_of_before_is_not_compared() -> None:
    class Incomparable(JobSummary):
        def __eq__(self, other: object) -> bool:
            raise AssertionError

        __hash__ = JobSummary.__hash__

    same = [Incomparable(FrameworkName("alice", name), None, "alice") for name in "abc"]
    roster = Roster(Overlay())
    roster.take(await roster.recognised(snapshot(*same)))

    assert roster.take(await roster.recognised(snapshot(*same))) == []
    assert roster.take(await roster.recognised(snapshot(*same[1:]))) != []
    assert [entry.job.name.job for entry in roster.orders[Order.NAME]] == ["b", "c"]


async def test_others_have_their_turns_while_very_many_jobs_are_held_against_those_before() -> None:
    roster = Roster(Overlay())
    turns = 0
    done = anyio.Event()

    async def turning() -> None:
        nonlocal turns
        while not done.is_set():
            turns += 1
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(turning)
        await anyio.lowlevel.checkpoint()
        await roster.recognised(snapshot(*(job(f"j{number}") for number in range(5000))))
        done.set()

    assert turns >= 10


def test_of_two_jobs_of_one_name_the_last_counts_until_one_is_left() -> None:
    roster = Roster(Overlay())
    first, second = job("x", created_at=1), job("x", created_at=2)

    for shown, expected in [
        ((first, second), second),
        ((first,), first),
        ((second, first), first),
        ((second,), second),
    ]:
        roster.take(snapshot(*shown))
        assert [entry.job for entry in roster.orders[Order.NEWEST]] == [expected]

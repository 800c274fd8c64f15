from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from jobyard.domain.job import FrameworkName
from jobyard.domain.states import FrameworkState, JobState
from jobyard.domain.status import JobSummary
from jobyard.services import ordering
from jobyard.services.ordering import Entry, Order, Ordering
from jobyard.services.selection import Selection

FRAMEWORK_STATES = st.sampled_from(
    [None, FrameworkState.FRAMEWORK_WAITING, FrameworkState.APPLICATION_RUNNING]
)
NAMES = st.builds(
    FrameworkName,
    st.sampled_from([None, "alice", "bob", "al"]),
    st.sampled_from([*"abc", "ab", "a-b", "B", "x.1", "x_1"]),
)
JOBS = st.builds(
    JobSummary,
    name=NAMES,
    submission=st.none(),
    username=st.sampled_from([None, "alice", "bob"]),
    framework_state=FRAMEWORK_STATES,
    created_at=st.none() | st.integers(0, 5),
    virtual_cluster=st.sampled_from([None, "", "default", "vc1"]),
)
SELECTIONS = st.builds(
    Selection,
    username=st.sampled_from([None, "alice", "bob", "carol"]),
    virtual_cluster=st.sampled_from([None, "default", "vc1"]),
    states=st.frozensets(st.sampled_from(JobState), max_size=3),
    keyword=st.sampled_from(["", "a", "x", "\n", "zz"]),
    after=st.none() | st.integers(0, 5),
    before=st.none() | st.integers(0, 5),
)


@pytest.fixture(autouse=True, scope="module")
def _small_blocks() -> Iterable[None]:
    """Cut blocks so small that a few jobs fill many of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ordering, "BLOCK", 3)
        patch.setattr(ordering, "_REBUILD", 1)
        yield


def meant(job: JobSummary, chosen: Selection) -> bool:
    """Say what a selection means, in other words."""
    at = job.created_at
    return all(
        (
            chosen.username is None or job.username == chosen.username,
            chosen.virtual_cluster is None or job.virtual_cluster == chosen.virtual_cluster,
            not chosen.states or job.state in chosen.states,
            chosen.keyword in job.name.job,
            chosen.after is None or (at is not None and at > chosen.after),
            chosen.before is None or (at is not None and at < chosen.before),
        )
    )


def ordered(order: Order, *jobs: JobSummary) -> Ordering:
    return Ordering(order).changed([], [Entry(job, b"") for job in jobs])


def unique(jobs: Iterable[JobSummary]) -> list[JobSummary]:
    return list({job.name: job for job in jobs}.values())


@given(
    order=st.sampled_from(Order),
    steps=st.lists(
        st.tuples(st.lists(JOBS, max_size=12).map(unique), st.frozensets(NAMES, max_size=6)),
        max_size=6,
    ),
)
def test_what_comes_and_goes_leaves_the_order_that_sorting_makes(
    order: Order, steps: list[tuple[list[JobSummary], frozenset[FrameworkName]]]
) -> None:
    target, held = Ordering(order), dict[FrameworkName, Entry]()
    for jobs, away in steps:
        leaving = away | {job.name for job in jobs}
        gone = [entry for name, entry in held.items() if name in leaving]
        come = [Entry(job, b"") for job in jobs]
        held = {name: entry for name, entry in held.items() if name not in leaving}
        held |= {entry.job.name: entry for entry in come}
        before, shown = target, [entry.job for entry in target]

        target = target.changed(gone, come)

        assert list(target) == sorted(held.values(), key=lambda each: order.key(each.job))
        assert [entry.job for entry in before] == shown
        assert all(block.entries for block in target.blocks)
        assert len(target.firsts) == len(target.blocks)


@given(
    order=st.sampled_from(Order),
    jobs=st.lists(JOBS, max_size=20).map(unique),
    chosen=SELECTIONS,
    reverse=st.booleans(),
    after=st.none() | JOBS,
)
@settings(max_examples=300)
def test_a_walk_gives_what_is_chosen_from_behind_a_place_on(
    order: Order,
    jobs: list[JobSummary],
    chosen: Selection,
    reverse: bool,
    after: JobSummary | None,
) -> None:
    place = None if after is None else order.key(after)
    walk = ordered(order, *jobs).walk(chosen, after=place, reverse=reverse)

    expected = sorted((job for job in jobs if meant(job, chosen)), key=order.key, reverse=reverse)
    if place is not None:
        expected = [
            job
            for job in expected
            if (order.key(job) < place if reverse else order.key(job) > place)
        ]
    assert [entry.job for entry in walk] == expected


def test_the_orders_are_by_time_by_name_and_by_state() -> None:
    old = JobSummary(FrameworkName("alice", "b"), None, "alice", created_at=1)
    new = JobSummary(FrameworkName("bob", "a"), None, "bob", created_at=2)
    runs = evolve(old, framework_state=FrameworkState.APPLICATION_RUNNING)
    job = attrgetter("job")

    assert list(map(job, ordered(Order.NEWEST, old, new))) == [new, old]
    assert list(map(job, ordered(Order.NAME, old, new))) == [new, old]
    assert list(map(job, ordered(Order.STATE, new, runs))) == [runs, new]


def test_a_change_leaves_the_other_blocks_as_they_are() -> None:
    jobs = [
        JobSummary(FrameworkName("alice", f"{number:03}"), None, "alice") for number in range(90)
    ]
    before = ordered(Order.NAME, *jobs)
    entry = next(iter(before))

    after = before.changed([entry], [Entry(evolve(entry.job, exit_code=1), b"")])

    assert len(before.blocks) == 30
    assert after.blocks[1:] == before.blocks[1:]
    assert after.blocks[0] is not before.blocks[0]

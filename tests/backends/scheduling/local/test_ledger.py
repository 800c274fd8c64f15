"""What is taken, reserved and claimed."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from jobyard_backends.scheduling.local.ledger import EFFORT, Holding, Ledger

CAPACITY = (12, 1200, 4)
GRAINS = (1, 100, 1)

amounts = st.tuples(
    st.integers(1, 6), st.integers(1, 6).map(lambda each: 100 * each), st.integers(0, 2)
)


def ledger(*held: Holding) -> Ledger:
    return Ledger(CAPACITY, held, 0, GRAINS)


def fits(*wanted: tuple[int, ...]) -> bool:
    sums = (sum(each) for each in zip(*wanted, strict=True))
    return all(have <= most for have, most in zip(sums, CAPACITY, strict=True))


@given(held=st.lists(amounts, max_size=6), first=amounts, second=amounts)
@settings(max_examples=300)
def test_who_is_let_in_delays_no_claim_whichever_jobs_end_first(
    held: list[tuple[int, ...]], first: tuple[int, ...], second: tuple[int, ...]
) -> None:
    running: list[tuple[int, ...]] = []
    for each in held:
        running += [each] if fits(*running, each) else []
    book = ledger(*(Holding(each, None) for each in running))
    book.wait(first, None)

    if not fits(*running, first) and book.admits(Holding(second, None)):
        for size in range(len(running) + 1):
            for left in combinations(running, size):
                assert fits(*left, first, second) or not fits(*left, first)


def test_what_is_reserved_is_left_alone_for_as_long_as_it_is_needed() -> None:
    book = ledger(Holding((12, 100, 0), 10))
    book.wait((6, 100, 0), 5)
    book.wait((6, 100, 0), 20)
    book.hold(Holding((1, 100, 0), 3))

    assert not book.admits(Holding((1, 100, 0), 5))
    assert ledger(Holding((11, 100, 0), 10)).admits(Holding((1, 100, 0), None))


def test_a_machine_that_is_smaller_than_what_it_holds_gives_nothing_of_it_out() -> None:
    book = ledger(Holding((20, 100, 0), None))

    assert book.room() == (0, 1100, 4)
    assert not book.admits(Holding((1, 100, 0), 1))


def test_who_is_behind_too_many_claims_does_not_start() -> None:
    book = ledger(Holding((1, 100, 4), None))
    plain = Holding((1, 100, 0), None)
    for _ in range(EFFORT - 1):
        book.wait((1, 100, 1), None)
    before = book.admits(plain)
    book.wait((1, 100, 1), None)

    assert before
    assert not book.admits(plain)
    assert book.room() == (0, 0, 0)


def test_amounts_too_fine_to_be_added_up_are_claimed_whole() -> None:
    fine = Ledger((12, 10**9, 4), [Holding((1, 7 * 10**8, 0), None)], 0, (1, 1, 1))
    fine.wait((1, 4 * 10**8, 0), None)

    assert not fine.admits(Holding((1, 1, 0), None))
    assert fine.room()[1] == 0

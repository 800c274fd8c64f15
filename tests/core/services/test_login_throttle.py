from __future__ import annotations

import time

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from limits import RateLimitItem, WindowStats

from jobyard.errors import TooManyRequests
from jobyard.services.login_throttle import LoginThrottle, _network


async def fail(throttle: LoginThrottle, name: str = "alice", address: str = "192.0.2.1") -> None:
    async with throttle.attempt(name, address) as attempt:
        attempt.fail()


async def succeed(throttle: LoginThrottle, name: str = "alice", address: str = "192.0.2.1") -> None:
    async with throttle.attempt(name, address):
        pass


async def test_so_many_failures_are_let_through_and_no_more() -> None:
    throttle = LoginThrottle("3/minute")
    for _ in range(3):
        await fail(throttle)

    with pytest.raises(TooManyRequests, match="Too many failed log-ins") as caught:
        await succeed(throttle)
    assert caught.value.code == "TooManyRequestsError"
    assert 1 <= int(caught.value.headers["Retry-After"]) <= 60


async def test_log_ins_that_succeed_do_not_count() -> None:
    throttle = LoginThrottle("3/minute")
    for _ in range(20):
        await succeed(throttle)
    await fail(throttle)
    await succeed(throttle)


async def test_a_name_counts_from_everywhere_and_in_any_case() -> None:
    throttle = LoginThrottle("2/minute")
    await fail(throttle, "alice", "192.0.2.1")
    await fail(throttle, "Alice", "192.0.2.2")

    with pytest.raises(TooManyRequests):
        await succeed(throttle, "ALICE", "192.0.2.3")
    await succeed(throttle, "bob", "192.0.2.3")


async def test_an_address_counts_for_all_names() -> None:
    throttle = LoginThrottle("2/minute")
    await fail(throttle, "alice")
    await fail(throttle, "bob")

    with pytest.raises(TooManyRequests):
        await succeed(throttle, "carol")
    await succeed(throttle, "carol", "192.0.2.2")


async def test_the_addresses_of_one_ipv6_network_count_together() -> None:
    throttle = LoginThrottle("2/minute")
    await fail(throttle, "alice", "2001:db8::1")
    await fail(throttle, "bob", "2001:db8::ffff:1")

    with pytest.raises(TooManyRequests):
        await succeed(throttle, "carol", "2001:db8::2")
    await succeed(throttle, "carol", "2001:db8:0:1::2")


async def test_a_window_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    throttle = LoginThrottle("1/minute")
    await fail(throttle)
    with pytest.raises(TooManyRequests):
        await succeed(throttle)

    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)

    await succeed(throttle)


async def test_without_a_limit_everything_is_let_through() -> None:
    throttle = LoginThrottle("off")

    for _ in range(100):
        await fail(throttle)


async def test_many_at_once_get_no_more_guesses() -> None:
    throttle, guesses, refused = LoginThrottle("5/minute"), 0, 0
    go_on = anyio.Event()

    async def guess() -> None:
        nonlocal guesses, refused
        try:
            async with throttle.attempt("alice", "192.0.2.1") as attempt:
                guesses += 1
                await go_on.wait()
                attempt.fail()
        except TooManyRequests:
            refused += 1

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(guess)
        await anyio.wait_all_tasks_blocked()
        assert guesses == 5
        go_on.set()

    assert (guesses, refused) == (5, 45)


async def test_many_good_ones_at_once_wait_for_one_another_and_all_come_in() -> None:
    throttle, done = LoginThrottle("5/minute"), 0

    async def log_in() -> None:
        nonlocal done
        async with throttle.attempt("alice", "192.0.2.1"):
            await anyio.lowlevel.checkpoint()
        done += 1

    async with anyio.create_task_group() as group:
        for _ in range(200):
            group.start_soon(log_in)

    assert done == 200


async def test_each_who_leaves_wakes_few_of_those_who_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    throttle, looks = LoginThrottle("5/minute"), 0
    look = throttle._windows.get_window_stats

    def counting(limit: RateLimitItem, *keys: str) -> WindowStats:
        nonlocal looks
        looks += 1
        return look(limit, *keys)

    monkeypatch.setattr(throttle._windows, "get_window_stats", counting)
    async with anyio.create_task_group() as group:
        for _ in range(500):
            group.start_soon(succeed, throttle)

    # Two keys each, a look at the coming and some at the turn; it was 500 at each turn.
    assert looks <= 500 * 2 * 4
    assert throttle._waiting == {}


async def test_those_who_wait_come_in_in_their_order() -> None:
    throttle, order = LoginThrottle("1/minute"), []

    async def log_in(number: int) -> None:
        async with throttle.attempt("alice", "192.0.2.1"):
            order.append(number)
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(log_in, number)

    assert order == list(range(20))


@pytest.mark.parametrize("how", ["waiting", "woken"])
async def test_one_who_gives_up_in_the_line_holds_up_nobody(how: str) -> None:
    throttle, go_on, done = LoginThrottle("1/minute"), anyio.Event(), []
    given_up = anyio.CancelScope()

    async def hold() -> None:
        async with throttle.attempt("alice", "192.0.2.1"):
            await go_on.wait()
        if how == "woken":
            given_up.cancel()

    async def give_up() -> None:
        with given_up:
            await succeed(throttle)

    async def wait() -> None:
        await succeed(throttle)
        done.append("in")

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            for each in (hold, give_up, wait):
                group.start_soon(each)
                await anyio.wait_all_tasks_blocked()
            if how == "waiting":
                given_up.cancel()
            go_on.set()

    assert done == ["in"]
    assert (throttle._waiting, throttle._under_way) == ({}, {})


async def test_one_who_gives_up_makes_room() -> None:
    throttle = LoginThrottle("1/minute")
    with anyio.CancelScope() as scope:
        async with throttle.attempt("alice", "192.0.2.1"):
            scope.cancel()
            await anyio.sleep_forever()

    await succeed(throttle)
    assert throttle._under_way == {}


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 5))
@settings(max_examples=30, deadline=None)
async def test_whatever_the_order_only_failures_fill_the_limit(
    outcomes: list[bool], limit: int
) -> None:
    throttle, failures = LoginThrottle(f"{limit}/hour"), 0
    for good in outcomes:
        try:
            await (succeed if good else fail)(throttle)
        except TooManyRequests:
            assert failures == limit
        else:
            assert failures < limit
            failures += not good


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_caller_has_one_network(address: str, expected: str) -> None:
    assert _network(address) == expected

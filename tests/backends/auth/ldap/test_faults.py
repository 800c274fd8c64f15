"""A directory on a bad day: never an unknown user, never a hang, and nothing is left of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import anyio
import pytest
from attrs import frozen

from jobyard.errors import Unavailable
from jobyard.testing import (
    Cut,
    Delay,
    Direction,
    FaultProxy,
    Garbage,
    Pass,
    Refuse,
    Rule,
    Silent,
    Wire,
    leaks,
    never_blocks,
)
from jobyard_backends.auth.ldap import opening
from tests.backends.auth.ldap.world import directory, log_in, outcome
from tests.slapd import Slapd, dn_of, group, group_dn, person

QUICK: Mapping[str, object] = {
    "connect_timeout": 0.8,
    "receive_timeout": 0.8,
    "total_timeout": 2.0,
}
PATIENCE = 8.0
"""Seconds within which a call has ended on any machine, and in which none of the faults has."""


@frozen
class WrongNumbers:
    """Answer with the number of another message."""

    async def serve(self, wire: Wire) -> None:
        async def other(piece: bytes) -> bytes:
            # A message begins with its own tag and length, and then its number's.
            begin = 2 + (piece[1] & 0x7F if piece[1] & 0x80 else 0)
            last = begin + 1 + piece[begin + 1]
            return piece[:last] + bytes([piece[last] ^ 0x40]) + piece[last + 1 :]

        await wire.relay(answer=other)


@frozen
class Drip:
    """Answer a byte at a time, too slowly for a whole and too fast for a silence."""

    async def serve(self, wire: Wire) -> None:
        while True:
            await wire.client.send(b"\x30")
            await anyio.sleep(0.1)


@pytest.fixture(scope="module")
def filled(slapd_server: Slapd) -> Slapd:
    slapd_server.add(person("faulty"), group("faulty", dn_of("faulty")))
    return slapd_server


@pytest.fixture
async def plain(filled: Slapd) -> AsyncIterator[FaultProxy]:
    async with leaks(), FaultProxy.to("127.0.0.1", filled.port) as proxy:
        yield proxy


@pytest.fixture
async def encrypted(filled: Slapd) -> AsyncIterator[FaultProxy]:
    async with leaks(), FaultProxy.to("127.0.0.1", filled.tls_port) as proxy:
        yield proxy


def through(filled: Slapd, proxy: FaultProxy, *others: str, tls: bool = False) -> dict[str, object]:
    first = f"{'ldaps' if tls else 'ldap'}://127.0.0.1:{proxy.port}"
    more: dict[str, object] = {} if tls else {"tls": "none", "allow_plaintext": True}
    return filled.settings(urls=[first, *others], **more, **QUICK)


RULES: Mapping[str, Rule] = {
    "silent": Silent(),
    "drip": Drip(),
    "late": Delay(10),
    "refuse": Refuse(),
    "garbage": Garbage(),
    "endless": Garbage(b"\x30\x80" * 40),
    "huge": Garbage(b"\x30\x84\x7f\xff\xff\xff" + b"\x02\x01\x01" * 99),
    "wrong number": WrongNumbers(),
    "cut": Cut(0),
}


async def accepts(proxy: FaultProxy, connections: int) -> None:
    with anyio.fail_after(10):
        while proxy.connections < connections:  # noqa: ASYNC110 - the proxy tells no events
            await anyio.sleep(0.01)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
async def test_every_fault_is_an_outage_within_the_deadline_and_blocks_nobody(
    filled: Slapd, plain: FaultProxy, tmp_path: Path, rule: Rule
) -> None:
    async with directory(through(filled, plain), tmp_path) as users:
        await log_in(users, "faulty")
        await plain.set(rule)

        async def fails() -> None:
            for call in (outcome(users, "faulty"), users.find("nobody")):
                with pytest.raises(Unavailable), anyio.fail_after(PATIENCE):
                    await call

        await never_blocks(fails)
        await plain.set(Pass())
        assert (await log_in(users, "faulty")).groups == {group_dn("faulty")}


@pytest.mark.parametrize("name", sorted(RULES.keys() - {"wrong number"}))
async def test_faults_of_encrypted_connections_are_outages_too(
    filled: Slapd, encrypted: FaultProxy, tmp_path: Path, name: str
) -> None:
    async with directory(through(filled, encrypted, tls=True), tmp_path) as users:
        await log_in(users, "faulty")
        await encrypted.set(RULES[name])
        for call in (outcome(users, "faulty"), users.find("nobody"), users.ping()):
            with pytest.raises(Unavailable), anyio.fail_after(PATIENCE):
                await call


@pytest.mark.parametrize("direction", list(Direction))
async def test_a_bind_that_is_cut_anywhere_is_neither_right_nor_wrong(
    filled: Slapd, plain: FaultProxy, tmp_path: Path, direction: Direction
) -> None:
    settings = through(filled, plain)
    async with directory(settings, tmp_path) as users:
        # The longest of the connections is cut behind its end at last.
        for after in range(1000):
            await plain.set(Cut(after, direction))
            try:
                identity = await outcome(users, "faulty")
            except Unavailable:
                continue
            assert not isinstance(identity, str), f"after {after} bytes: {identity}"
            break
        else:
            pytest.fail("the log-in never succeeded")

        assert after > 100
        assert identity.groups == {group_dn("faulty")}


async def test_a_handshake_that_is_cut_anywhere_is_neither_right_nor_wrong(
    filled: Slapd, encrypted: FaultProxy, tmp_path: Path
) -> None:
    async with directory(through(filled, encrypted, tls=True), tmp_path) as users:
        outages = 0
        for after in range(0, 10_000, 53):
            await encrypted.set(Cut(after))
            try:
                identity = await outcome(users, "faulty")
            except Unavailable:
                outages += 1
                continue
            assert not isinstance(identity, str), f"after {after} bytes: {identity}"
            break

        assert outages > 10


async def test_a_call_that_is_given_up_leaves_nothing(
    filled: Slapd, plain: FaultProxy, tmp_path: Path
) -> None:
    settings = {**through(filled, plain), "connect-timeout": 30, "receive-timeout": 30}
    settings["total-timeout"] = 60
    async with directory(settings, tmp_path) as users:
        await plain.set(Silent())
        accepted = plain.connections
        for _ in range(5):
            async with anyio.create_task_group() as group:
                group.start_soon(outcome, users, "faulty")
                await accepts(plain, accepted + 1)
                accepted = plain.connections
                group.cancel_scope.cancel()


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
async def test_the_second_server_takes_over_in_the_same_call(
    filled: Slapd, plain: FaultProxy, tmp_path: Path, rule: Rule
) -> None:
    settings = through(filled, plain, filled.ldap)
    settings["total-timeout"] = 7
    async with directory(settings, tmp_path) as users:
        await log_in(users, "faulty")
        await plain.set(rule)

        assert (await log_in(users, "faulty")).groups == {group_dn("faulty")}
        # It is remembered: the first is not asked again.
        accepted = plain.connections
        await log_in(users, "faulty")
        assert plain.connections == accepted


async def test_a_server_that_is_down_at_the_start_keeps_nobody_out(
    filled: Slapd, plain: FaultProxy, tmp_path: Path
) -> None:
    await plain.set(Refuse())
    async with directory(through(filled, plain, filled.ldap), tmp_path) as users:
        await log_in(users, "faulty")


async def test_a_server_that_is_back_is_found_out_and_asked_first_again(
    filled: Slapd, plain: FaultProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "PAUSE", 0.05)
    async with directory(through(filled, plain, filled.ldap), tmp_path) as users:
        await plain.set(Refuse())
        await log_in(users, "faulty")
        await plain.set(Pass())
        with anyio.fail_after(10):
            while plain.connections < 2:
                await log_in(users, "faulty")
                await anyio.sleep(0.01)
        before = plain.connections
        await log_in(users, "faulty")

        assert plain.connections > before


async def test_a_server_that_takes_connections_and_says_nothing_is_not_back(
    filled: Slapd, plain: FaultProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "PAUSE", 0.05)
    async with directory(through(filled, plain, filled.ldap), tmp_path) as users:
        await plain.set(Silent())
        await log_in(users, "faulty")
        await accepts(plain, plain.connections + 2)

        assert [each.port for each in users._directory.servers.down()] == [plain.port]

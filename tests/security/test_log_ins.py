"""Whose failed log-ins count for whom."""

from __future__ import annotations

from pathlib import Path

from tests.core.routes.contract_cluster import Cluster, served
from tests.gateways import PASSWORD, Gateway

MANY = "TooManyRequestsError"
UNKNOWN = "NoUserError"


async def attempt(gateway: Gateway, name: str, forwarded: str) -> str:
    """Try a name with a wrong password, and give the code of the error."""
    login = {"username": name, "password": "a wrong one"}
    headers = {"X-Forwarded-For": forwarded, "Forwarded": f"for={forwarded}"}
    answer = await gateway.guest.call("POST", "/token", login, headers=headers)
    code: str = answer.json()["code"]
    return code


async def test_whoever_makes_addresses_up_is_throttled_all_the_same(tmp_path: Path) -> None:
    async with served(tmp_path, Cluster()) as gateway:
        codes = [
            await attempt(gateway, f"nobody_{number}", f"198.51.100.{number}")
            for number in range(11)
        ]

    assert codes == [UNKNOWN] * 10 + [MANY]


async def test_of_a_trusted_proxy_the_address_that_it_adds_counts(tmp_path: Path) -> None:
    server = ', trusted-proxies: ["192.0.2.7"]'
    async with served(tmp_path, Cluster(), server=server) as gateway:
        codes = [
            await attempt(gateway, f"nobody_{number}", f"10.0.0.{number}, 198.51.100.1")
            for number in range(11)
        ]
        other = await attempt(gateway, "nobody", "198.51.100.1, 198.51.100.2")

    assert codes == [UNKNOWN] * 10 + [MANY]
    assert other == UNKNOWN


async def test_failures_of_strangers_keep_a_user_out_but_not_the_tokens(tmp_path: Path) -> None:
    async with served(tmp_path, Cluster()) as gateway:
        alice = await gateway.user("alice")
        for _ in range(10):
            await attempt(gateway, "alice", "198.51.100.1")

        login = {"username": "alice", "password": PASSWORD}
        refused = await gateway.guest.call("POST", "/token", login)
        assert (refused.status_code, refused.json()["code"]) == (429, MANY)
        assert (await alice.get("/user/alice")).status_code == 200

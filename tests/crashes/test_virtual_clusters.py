"""A gateway dies at each commit and each call outward of what changes a virtual cluster."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from tests.crashes.mortal import Mortal
from tests.crashes.test_jobs import around


def clusters(gateway: Mortal) -> dict[str, tuple[float, str]]:
    """Give the capacities and states of all, which have 100 % together."""
    document: dict[str, dict[str, Any]] = gateway.good("GET", "/virtual-clusters")
    found = {name: (each["capacity"], each["state"]) for name, each in document.items()}
    assert sum(capacity for capacity, _ in found.values()) == 100
    return found


@pytest.mark.parametrize("new", [True, False], ids=["new", "changed"])
def test_an_update_that_is_cut_off_anywhere_is_done_or_not_begun(
    gateway: Mortal, *, new: bool
) -> None:
    points = set()
    gateway.good("PUT", "/virtual-clusters/vc0", {"vcCapacity": 50})
    for number in count(1):
        before = clusters(gateway)
        name, capacity = (f"vc{number}", 1) if new else ("vc0", number)
        path, body = f"/virtual-clusters/{name}", {"vcCapacity": capacity}
        death = gateway.dies(number, "PUT", path, body)
        gateway.start()
        now = clusters(gateway)

        assert now == before or now.get(name) == (capacity, "running"), death.point
        assert now != before or death.answer is None, death.point
        gateway.good("PUT", path, body)
        assert clusters(gateway)[name] == (capacity, "running")
        points.add(death.point)
        if death.answer is not None:
            break

    gateway.agrees()
    assert around("scheduling.local apply", "the commit of rows.replace_shares") <= points


def test_a_change_of_state_that_is_cut_off_anywhere_is_done_or_not_begun(gateway: Mortal) -> None:
    points = set()
    path = "/virtual-clusters/vc1"
    gateway.good("PUT", path, {"vcCapacity": 10})
    for number in count(1):
        _, before = clusters(gateway)["vc1"]
        wanted = "stopped" if before == "running" else "running"
        death = gateway.dies(number, "PUT", f"{path}/status", {"vcStatus": wanted})
        gateway.start()
        capacity, now = clusters(gateway)["vc1"]

        assert capacity == 10
        assert now == wanted or death.answer is None, death.point
        points.add(death.point)
        if death.answer is not None:
            break

    gateway.agrees()
    assert around("scheduling.local apply", "the commit of rows.replace_shares") <= points


def test_a_removal_that_is_cut_off_anywhere_can_be_repeated_and_leaves_no_grant(
    gateway: Mortal,
) -> None:
    points = set()
    path = "/virtual-clusters/vc1"
    mary = {"username": "mary", "password": "password of mary", "modify": False}
    gateway.good("PUT", "/user", mary)
    for number in count(1):
        gateway.good("PUT", path, {"vcCapacity": 10})
        assert gateway.good("GET", "/user/mary")["virtualCluster"] == "default"
        gateway.good("PUT", "/user/mary/virtualClusters", {"virtualClusters": "vc1"})
        death = gateway.dies(number, "DELETE", path)
        gateway.start()
        now = clusters(gateway)

        # It is stopped on its way out, and may stay so.
        assert now.get("vc1") in {None, (10, "running"), (10, "stopped")}, death.point
        assert "vc1" not in now or death.answer is None, death.point
        if "vc1" in now:
            gateway.good("DELETE", path)
        assert clusters(gateway) == {"default": (100, "running")}
        points.add(death.point)
        if death.answer is not None:
            break

    gateway.agrees()
    wanted = around("scheduling.local apply", "the commit of rows.replace_shares")
    assert wanted | around("the commit of account_rows.forget_grants") <= points

"""A gateway dies at each commit and each call outward of what changes a user."""

from __future__ import annotations

from itertools import count

from tests.crashes.mortal import Mortal
from tests.crashes.test_jobs import around


def user(name: str, password: str, *, modify: bool = False) -> dict[str, object]:
    return {"username": name, "password": password, "modify": modify}


def test_a_creation_that_is_cut_off_anywhere_made_a_user_or_nobody(gateway: Mortal) -> None:
    points = set()
    for number in count(1):
        name = f"user{number}"
        death = gateway.dies(number, "PUT", "/user", user(name, "password of the first"))
        gateway.start()
        there = gateway.ask("GET", f"/user/{name}").status_code == 200
        again = gateway.ask("PUT", "/user", user(name, "password of the second"))

        assert there or death.answer is None, death.point
        assert again.status_code == (409 if there else 201), death.point
        good, bad = ("first", "second") if there else ("second", "first")
        assert gateway.log_in(name, f"password of the {good}").status_code == 200, death.point
        assert gateway.log_in(name, f"password of the {bad}").status_code == 400, death.point
        points.add(death.point)
        if death.answer is not None:
            break

    names = [each["username"] for each in gateway.good("GET", "/user")]
    assert names == sorted(["admin", *(f"user{each}" for each in range(1, number + 1))])
    wanted = around("auth.local create", "the commit of account_rows.forget")
    assert wanted | around("the commit of account_rows.note") <= points


def test_a_change_that_is_cut_off_anywhere_leaves_one_password_and_its_tokens(
    gateway: Mortal,
) -> None:
    points = set()
    password = "password number 0"
    gateway.good("PUT", "/user", user("mary", password))
    for number in count(1):
        token = gateway.log_in("mary", password).json()["token"]
        wanted = f"password number {number}"
        death = gateway.dies(number, "PUT", "/user", user("mary", wanted, modify=True))
        gateway.start()
        changed = gateway.log_in("mary", wanted).status_code == 200

        assert changed or death.answer is None, death.point
        assert (gateway.log_in("mary", password).status_code == 200) is not changed, death.point
        shown = gateway.ask("GET", "/user/mary", token=token)
        assert shown.status_code == (401 if changed else 200), death.point
        password = wanted if changed else password
        points.add(death.point)
        if death.answer is not None:
            break

    assert around("auth.local change", "the commit of account_rows.note") <= points


def test_a_removal_that_is_cut_off_anywhere_leaves_the_user_whole_or_nothing(
    gateway: Mortal,
) -> None:
    points = set()
    gateway.good("PUT", "/virtual-clusters/vc1", {"vcCapacity": 10})
    there = False
    for number in count(1):
        if not there:
            gateway.good("PUT", "/user", user("mary", "password of mary"))
            # A namesake has nothing of whoever was there before.
            assert gateway.good("GET", "/user/mary")["virtualCluster"] == "default"
            gateway.good("PUT", "/user/mary/virtualClusters", {"virtualClusters": "vc1"})
        token = gateway.log_in("mary", "password of mary").json()["token"]
        death = gateway.dies(number, "DELETE", "/user", {"username": "mary"})
        gateway.start()
        there = gateway.log_in("mary", "password of mary").status_code == 200

        assert not there or death.answer is None, death.point
        assert gateway.ask("GET", "/user/mary").status_code == (200 if there else 404), death.point
        shown = gateway.ask("GET", "/user/mary", token=token)
        assert shown.status_code == (200 if there else 401), death.point
        if there:
            assert gateway.good("GET", "/user/mary")["virtualCluster"] == "default,vc1"
        gateway.agrees()
        points.add(death.point)
        if death.answer is not None:
            break

    assert around("auth.local remove", "the commit of account_rows.forget") <= points


def test_an_assignment_that_is_cut_off_anywhere_is_done_whole_or_not_begun(
    gateway: Mortal,
) -> None:
    points = set()
    gateway.good("PUT", "/user", user("mary", "password of mary"))
    for name in ("vc1", "vc2", "vc3"):
        gateway.good("PUT", f"/virtual-clusters/{name}", {"vcCapacity": 10})
    before, wanted = "default,vc1", "default,vc2,vc3"
    gateway.good("PUT", "/user/mary/virtualClusters", {"virtualClusters": before})
    for number in count(1):
        body = {"virtualClusters": wanted}
        death = gateway.dies(number, "PUT", "/user/mary/virtualClusters", body)
        gateway.start()
        now = gateway.good("GET", "/user/mary")["virtualCluster"]

        assert now == wanted or (now == before and death.answer is None), death.point
        if now == wanted:
            before, wanted = wanted, before
        points.add(death.point)
        if death.answer is not None:
            break

    assert around("the commit of account_rows.assign") <= points

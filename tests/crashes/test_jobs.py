"""A gateway dies at each commit and each call outward of what changes a job."""

from __future__ import annotations

from itertools import count

from tests.crashes import records
from tests.crashes.mortal import Mortal
from tests.e2e.processes import until


def around(*names: str) -> set[str]:
    return {f"{when} {name}" for name in names for when in ("before", "after")}


def test_a_submission_that_is_cut_off_anywhere_is_there_once_or_not_at_all(
    gateway: Mortal,
) -> None:
    points = set()
    for number in count(1):
        name = f"job{number}"
        request = ("POST", "/user/admin/jobs", gateway.job(name))
        death = gateway.dies(number, *request, **{"Idempotency-Key": name})
        gateway.start(plain=death.answer is not None)
        there = name in gateway.names()

        assert there or death.answer is None, death.point
        if there:
            assert gateway.ask(*request).status_code == 409, death.point
        again = gateway.decided(*request, **{"Idempotency-Key": name})
        assert again.status_code == 202, death.point
        assert ("idempotency-replayed" in again.headers) is there, death.point
        points.add(death.point)
        if death.answer is not None:
            break

    for job in sorted(gateway.names()):
        gateway.reaching(job, "SUCCEEDED")
    assert gateway.ran() == {f"job{each}": f"job{each}\n" for each in range(1, number + 1)}
    gateway.agrees()
    commits = ["journal.reserve", "outcomes.accept", "rows.insert_job"]
    commits += ["idempotency._take", "idempotency._point", "idempotency._decide"]
    wanted = around(*(f"the commit of {each}" for each in commits), "scheduling.local submit")
    assert wanted <= points


def test_a_job_whose_gateway_dies_anywhere_in_its_life_runs_once(gateway: Mortal) -> None:
    points = set()
    for number in count(1):
        name = f"job{number}"
        gateway.agrees()  # so that the points are this job's
        gateway.dies_in_background(number)
        answered = gateway.tried("POST", "/user/admin/jobs", gateway.job(name))
        until(lambda name=name: gateway.dead(0) or gateway.is_settled(name))  # type: ignore[misc]
        point = gateway.point_of_death() if gateway.dead(0) else None
        gateway.kill()
        gateway.start()

        assert name in gateway.names() or not answered, point
        if name not in gateway.names():
            gateway.submit(name)
        gateway.reaching(name, "SUCCEEDED")
        assert (gateway.marks / name).read_text() == f"{name}\n", point
        if point is None:
            break
        points.add(point)

    gateway.agrees()
    commits = around(
        *(f"the commit of {each}" for each in ("book._write_once", "ports.SqlPortLedger.lease"))
    )
    assert commits | around("process.prepare", "process.start", "storage.local mkdirs") <= points


def test_a_stop_that_is_cut_off_anywhere_is_done_or_was_never_begun(gateway: Mortal) -> None:
    points = set()
    name = ""
    for number in count(1):
        if not name:
            name = f"job{number}"
            gateway.submit(name, "exec sleep 1000")
            gateway.reaching(name, "RUNNING")
        path = f"/user/admin/jobs/{name}/executionType"
        death = gateway.dies(number, "PUT", path, {"value": "STOP"})
        left = records.read(gateway.state)
        begun = left.is_begun() or left.execution_type(name) == "STOP"
        gateway.start()

        assert begun or death.answer is None, death.point
        if begun:
            assert gateway.reaching(name, "STOPPED")["appExitCode"] == -7351
            name = ""
        else:
            assert gateway.status(name)["state"] == "RUNNING"
            assert gateway.status(name)["executionType"] == "START"
        gateway.agrees()
        points.add(death.point)
        if death.answer is not None:
            break

    commits = ("operations.begin", "book._write_once", "operations.end")
    wanted = around(*(f"the commit of {each}" for each in commits), "scheduling.local stop")
    assert wanted <= points


def test_a_start_that_is_cut_off_anywhere_is_done_or_was_never_begun(gateway: Mortal) -> None:
    path = "/user/admin/jobs/one/executionType"
    gateway.submit("one", "exec sleep 1000")
    gateway.good("PUT", path, {"value": "STOP"})
    points = set()
    for number in count(1):
        death = gateway.dies(number, "PUT", path, {"value": "START"})
        left = records.read(gateway.state)
        begun = left.is_begun() or left.execution_type("one") == "START"
        gateway.start()
        gateway.agrees()

        assert begun or death.answer is None, death.point
        kind = "START" if begun else "STOP"
        assert gateway.reaching("one", "STOPPED")["executionType"] == kind, death.point
        if begun:
            gateway.good("PUT", path, {"value": "STOP"})
        points.add(death.point)
        if death.answer is not None:
            break

    commits = ("operations.begin", "book._write_once", "operations.end")
    wanted = around(*(f"the commit of {each}" for each in commits), "scheduling.local start")
    assert wanted <= points


def test_a_delete_that_is_cut_off_anywhere_is_done_and_hits_no_later_job(gateway: Mortal) -> None:
    points = set()
    there = False
    for number in count(1):
        if not there:
            gateway.submit("one", "exec sleep 1000")
        gateway.reaching("one", "RUNNING")
        death = gateway.dies(number, "DELETE", "/user/admin/jobs/one")
        left = records.read(gateway.state)
        there = not left.is_begun() and left.scheduled("one") is not None
        gateway.start()

        assert not there or death.answer is None, death.point
        if not there:
            until(lambda: "one" not in gateway.names())
        gateway.agrees()
        points.add(death.point)
        if death.answer is not None:
            break

    gateway.submit("one")
    gateway.reaching("one", "SUCCEEDED")
    commits = ("operations.begin", "book._write_once", "operations.end")
    wanted = around(*(f"the commit of {each}" for each in commits), "scheduling.local delete")
    assert wanted <= points

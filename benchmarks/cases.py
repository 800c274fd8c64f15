"""What is read, of which gateway, and where the rivals have the same body."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from benchmarks.cluster import DETAILED, USER, summary
from jobyard.services.ordering import Order
from jobyard.wire import cursors


@frozen
class Case:
    """Be one thing to read.

    ``jobs`` is the number of jobs of the gateway that is asked; ``path`` where it has it;
    ``rival`` where the rivals have the same bytes, and ``pattern`` the route of Starlette there.
    With ``known`` the caller has the answer already, and is told so with 304.
    """

    name: str
    shown: str
    jobs: int
    path: str
    rival: str = ""
    pattern: str = ""
    compressed: bool = False
    connections: int = 32
    known: bool = False


_API: Final = "/api/v1"
_DETAIL: Final = f"{_API}/user/{USER}/jobs/{DETAILED}"


def _list(jobs: int, shown: str, *, compressed: bool = False) -> Case:
    name = f"list-{jobs}{'-gzip' if compressed else ''}"
    place = f"/{name}"
    few = 32 if jobs <= 1000 else 8 if jobs <= 10_000 else 2  # noqa: PLR2004 - megabytes each
    return Case(name, shown, jobs, f"{_API}/jobs", place, place, compressed, few)


def _page(jobs: int, *, middle: bool = False) -> Case:
    name = f"page-{jobs}{'-middle' if middle else ''}"
    path = f"{_API}/jobs?limit=50"
    if middle:
        path += f"&cursor={cursors.write('-createdTime', Order.NEWEST.key(summary(jobs // 2)))}"
    shown = f"50 of {jobs:,} jobs{', from the middle' if middle else ''}"
    return Case(name, shown, jobs, path, f"/{name}", f"/{name}", connections=16)


def _detail(tasks: int, job: str) -> Case:
    name = f"detail-{tasks}"
    path = f"{_API}/user/{USER}/jobs/{job}"
    shown = f"a detail with {tasks:,} tasks"
    return Case(name, shown, 100, path, f"/{name}", f"/{name}", connections=16)


def _known(name: str, shown: str, jobs: int, path: str) -> Case:
    place = f"/known-{name}"
    return Case(f"known-{name}", f"{shown}, 304", jobs, f"{_API}{path}", place, place, known=True)


CASES: Final = (
    Case("index", "index", 100, f"{_API}/", f"{_API}/", f"{_API}/"),
    Case(
        "detail",
        "one job's detail",
        100,
        _DETAIL,
        _DETAIL,
        f"{_API}/user/{{username}}/jobs/{{jobName}}",
    ),
    Case(
        "virtual-cluster",
        "one virtual cluster",
        100,
        f"{_API}/virtual-clusters/default",
        f"{_API}/virtual-clusters/default",
        f"{_API}/virtual-clusters/{{vcName}}",
    ),
    _list(100, "list of 100 jobs"),
    _list(1000, "list of 1,000 jobs"),
    _list(10_000, "list of 10,000 jobs"),
    _list(10_000, "list of 10,000 jobs, gzip", compressed=True),
    _list(100_000, "list of 100,000 jobs"),
    _page(1000),
    _page(10_000),
    _page(100_000),
    _page(100_000, middle=True),
    _detail(2, "job-1"),
    _detail(2000, "job-2"),
    # The newest, which no change reaches in so short a time: another page has another tag.
    _known("page", "50 of 100,000 jobs", 100_000, "/jobs?limit=50"),
    _known("detail", "one job's detail", 100, f"/user/{USER}/jobs/{DETAILED}"),
)
SIZES: Final = tuple(sorted({case.jobs for case in CASES}))

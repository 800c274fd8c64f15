"""What is read, of which gateway, and where the rivals have the same body."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from benchmarks.cluster import DETAILED, USER


@frozen
class Case:
    """Be one thing to read.

    ``jobs`` is the number of jobs of the gateway that is asked; ``path`` where it has it;
    ``rival`` where the rivals have the same bytes, and ``pattern`` the route of Starlette there.
    """

    name: str
    shown: str
    jobs: int
    path: str
    rival: str = ""
    pattern: str = ""
    compressed: bool = False
    connections: int = 32


_API: Final = "/api/v1"
_DETAIL: Final = f"{_API}/user/{USER}/jobs/{DETAILED}"


def _list(jobs: int, shown: str, *, compressed: bool = False) -> Case:
    name = f"list-{jobs}{'-gzip' if compressed else ''}"
    place = f"/{name}"
    few = 8 if jobs > 1000 else 32  # noqa: PLR2004 - megabytes for each are enough
    return Case(name, shown, jobs, f"{_API}/jobs", place, place, compressed, few)


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
)
SIZES: Final = tuple(sorted({case.jobs for case in CASES}))

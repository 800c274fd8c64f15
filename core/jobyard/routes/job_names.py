"""Which job a path means: ``/user/:username/jobs/:jobName`` or ``/jobs/:jobName``."""

from __future__ import annotations

from attrs import frozen

from jobyard.domain.identity import is_username
from jobyard.domain.job import FrameworkName, is_job_name
from jobyard.domain.status import JobSummary
from jobyard.errors import InvalidParameters, NoJob, Problem
from jobyard.routes.endpoint import Call
from jobyard.services.board import Board


@frozen
class Named:
    """Be a job's full name, and the name as the caller wrote it, which answers repeat."""

    name: FrameworkName
    shown: str


def named(call: Call, *, legacy: bool) -> Named:
    """Read the job that a path means; ``legacy`` tells whether there are legacy jobs at all.

    Raises:
        NoJob: It can be nobody's name, or is a legacy one where there are none.
        InvalidParameters: The part before ``~`` is no user name.
    """
    shown = call.path["jobName"]
    username = call.path.get("username")
    name = FrameworkName(username, shown) if username is not None else FrameworkName.parse(shown)
    if name.namespace is not None and not is_username(name.namespace):
        message = f"{name.namespace[:80]!r} is no user name"
        raise InvalidParameters([Problem("username", message)])
    if not is_job_name(name.job) or (name.legacy and not legacy):
        raise NoJob(shown)
    return Named(name, shown)


async def found(board: Board, asked: Named) -> JobSummary:
    """Find the job that a path means.

    Raises:
        NoJob: There is none.
    """
    job = await board.find(asked.name)
    if job is None:
        raise NoJob(asked.shown)
    return job


BOTH = ("/user/{username}/jobs/{jobName}", "/jobs/{jobName}")
"""The two places of every route of one job."""

"""Observers: plugins that are told, and may refuse, but never decide how.

An observer is an object whose methods carry ``@jobyard.hookimpl`` and the names of the hooks in
:mod:`jobyard.hookspecs`. It is opened like a backend, and closed like one.
"""

from __future__ import annotations

from attrs import frozen

from jobyard.domain.identity import Identity
from jobyard.domain.job import JobConfig, JobRef
from jobyard.domain.states import JobState
from jobyard.domain.status import JobSummary


@frozen
class JobSubmitted:
    """Say that a job was accepted."""

    ref: JobRef
    submitter: str
    config: JobConfig


@frozen
class JobChanged:
    """Say that a job's state is another; ``before`` is ``None`` the first time."""

    before: JobState | None
    job: JobSummary


@frozen
class Admission:
    """Ask whether a job may be submitted; ``dry_run`` when nothing will come of it."""

    submitter: str
    config: JobConfig
    dry_run: bool


@frozen
class Refusal:
    """Refuse a job; ``reason`` is told to its submitter."""

    reason: str


@frozen
class UserAuthenticated:
    """Say that somebody logged in."""

    identity: Identity
    address: str

"""The hooks that a plugin may implement.

The four ``*_providers`` hooks are plain functions that announce; they are called by pluggy. The
others are ``async def``, and are awaited one by one, in the order of the configuration file, by
:mod:`jobyard.services.observers`: never by pluggy itself, whose ``firstresult`` would take a
coroutine for an answer. An implementation declares the arguments that it takes.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from jobyard.seams.observer import Admission, JobChanged, JobSubmitted, Refusal, UserAuthenticated
from jobyard.seams.provider import (
    AuthProvider,
    ObserverProvider,
    SchedulingProvider,
    StorageProvider,
)

PROJECT = "jobyard"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def jobyard_auth_providers() -> Iterable[AuthProvider]:
    """Announce ways to log in."""
    raise NotImplementedError


@hookspec
def jobyard_scheduling_providers() -> Iterable[SchedulingProvider]:
    """Announce clusters that run jobs."""
    raise NotImplementedError


@hookspec
def jobyard_storage_providers() -> Iterable[StorageProvider]:
    """Announce places for files."""
    raise NotImplementedError


@hookspec
def jobyard_observer_providers() -> Iterable[ObserverProvider]:
    """Announce observers."""
    raise NotImplementedError


@hookspec
async def jobyard_job_submitted(event: JobSubmitted) -> None:
    """Hear that a job was accepted; a failure here changes nothing."""


@hookspec
async def jobyard_job_changed(event: JobChanged) -> None:
    """Hear that a job's state changed; a failure here changes nothing."""


@hookspec
async def jobyard_admit_job(request: Admission) -> Refusal | None:
    """Refuse a job with a reason for its submitter, or let it pass with ``None``.

    A failure here refuses the job with 500: an admission that cannot be decided is not open.
    """


@hookspec
async def jobyard_user_authenticated(event: UserAuthenticated) -> None:
    """Hear that somebody logged in; a failure here changes nothing."""

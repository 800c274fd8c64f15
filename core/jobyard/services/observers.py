"""The dispatcher of observer hooks: one by one, in the file's order, each with a deadline."""

from __future__ import annotations

import inspect
import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import Final

import anyio
from attrs import frozen

from jobyard.errors import ForbiddenUser, Unavailable, UnknownError
from jobyard.hookspecs import PROJECT
from jobyard.resilience import Guarded
from jobyard.seams.observer import Admission, JobChanged, JobSubmitted, Refusal, UserAuthenticated

LOG: Final = logging.getLogger("jobyard.observers")


@frozen
class Observer:
    """Be an opened observer, under the name that the configuration file gives it."""

    name: str
    plugin: object


@frozen
class GuardedObserver:
    """Be an observer that may not be open yet, or no longer."""

    guard: Guarded[object]

    @property
    def name(self) -> str:
        """Give the name that the configuration file gives it."""
        return self.guard.name

    @property
    def plugin(self) -> object | None:
        """Give the opened observer, if it is open."""
        return self.guard.backend


class Observers:
    """Tell observers what happened, and ask them whether a job may come in.

    ``deadline`` is in seconds for each single call.
    """

    def __init__(
        self, observers: Sequence[Observer | GuardedObserver] = (), *, deadline: float = 5.0
    ) -> None:
        self._observers = tuple(observers)
        self._deadline = deadline

    def __bool__(self) -> bool:
        return bool(self._observers)

    async def job_submitted(self, event: JobSubmitted) -> None:
        """Tell that a job was accepted."""
        await self._tell("jobyard_job_submitted", {"event": event})

    async def job_changed(self, event: JobChanged) -> None:
        """Tell that a job's state is another."""
        await self._tell("jobyard_job_changed", {"event": event})

    async def user_authenticated(self, event: UserAuthenticated) -> None:
        """Tell that somebody logged in."""
        await self._tell("jobyard_user_authenticated", {"event": event})

    async def admit(self, request: Admission) -> None:
        """Ask every observer whether a job may come in.

        Raises:
            ForbiddenUser: One refuses, with its reason.
            UnknownError: One cannot tell; an admission that cannot be decided is not open.
        """
        for observer in self._observers:
            try:
                answer = await self._ask(observer, "jobyard_admit_job", {"request": request})
            except Exception as error:
                incident = secrets.token_hex(6)
                LOG.exception("observer %s failed to admit (incident %s)", observer.name, incident)
                message = f"The admission of the job failed; incident {incident}."
                raise UnknownError(message) from error
            if isinstance(answer, Refusal):
                raise ForbiddenUser(answer.reason)

    async def _tell(self, hook: str, arguments: Mapping[str, object]) -> None:
        for observer in self._observers:
            try:
                await self._ask(observer, hook, arguments)
            except Exception:
                LOG.exception("observer %s failed in %s", observer.name, hook)

    async def _ask(
        self, observer: Observer | GuardedObserver, hook: str, arguments: Mapping[str, object]
    ) -> object:
        if observer.plugin is None:
            message = f"the observer {observer.name} is not open"
            raise Unavailable(message)
        method = getattr(observer.plugin, hook, None)
        if method is None or not hasattr(method, f"{PROJECT}_impl"):
            return None
        taken = inspect.signature(method).parameters
        chosen = {name: value for name, value in arguments.items() if name in taken}
        with anyio.fail_after(self._deadline):
            answer: object = await method(**chosen)
        return answer

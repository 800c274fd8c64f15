"""The hooks: what is said of each event. They put it into the outbox, and never wait."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Mapping

from jobyard import hookimpl
from jobyard.clock import Clock
from jobyard.seams.observer import JobChanged, JobSubmitted, UserAuthenticated

from .outbox import Message, Outbox


class WebhookObserver:
    """Tell of those events that were chosen."""

    def __init__(self, events: Collection[str], outbox: Outbox, clock: Clock) -> None:
        self._events = frozenset(events)
        self._outbox = outbox
        self._clock = clock

    @hookimpl
    async def jobyard_job_submitted(self, event: JobSubmitted) -> None:
        """Tell that a job was accepted."""
        facts = {
            "job": str(event.ref.name),
            "submitter": event.submitter,
            "virtualCluster": event.config.virtual_cluster,
            "tasks": event.config.total_tasks,
        }
        self._tell("job-submitted", facts)

    @hookimpl
    async def jobyard_job_changed(self, event: JobChanged) -> None:
        """Tell that a job's state is another."""
        facts = {
            "job": str(event.job.name),
            "submitter": event.job.username,
            "before": event.before,
            "state": event.job.state,
            "exitCode": event.job.exit_code,
        }
        self._tell("job-changed", facts)

    @hookimpl
    async def jobyard_user_authenticated(self, event: UserAuthenticated) -> None:
        """Tell that somebody logged in."""
        facts = {"user": event.identity.name, "address": event.address}
        self._tell("user-authenticated", facts)

    def _tell(self, event: str, facts: Mapping[str, object]) -> None:
        if event not in self._events:
            return
        number = str(uuid.uuid4())
        document = {"id": number, "event": event, "at": self._clock.now(), **facts}
        self._outbox.put(Message(number, json.dumps(document).encode()))

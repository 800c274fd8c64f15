"""What the tasks of an attempt have noted in the storage, and what becomes of the attempt by it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import evolve, frozen

from jobyard.clock import Clock
from jobyard.domain import completion
from jobyard.domain.exits import classify
from jobyard.domain.status import AttemptExit
from jobyard.errors import NotFound
from jobyard.seams.storage import Storage
from jobyard_backends.scheduling.yarn.services.folder import Folder
from jobyard_backends.scheduling.yarn.services.records import (
    Record,
    Task,
    instance_name,
    progress,
    service_name,
)
from jobyard_backends.scheduling.yarn.services.service import Service

LOST: Final = -7101
"""The exit code of a task whose container ended, and which did not say how."""

_OWN: Final = frozenset({-7103, -7150, -7251})
"""What the start script may say beside a command's exit code."""

_LARGEST_CODE: Final = 255
_STARTED: Final = re.compile(r"([0-9A-Za-z.:-]{1,253}) (\w{1,128}) ([0-9A-Za-z.:-]{1,260})")

Key = tuple[str, int]
"""A task's role and index."""


@frozen
class Place:
    """Be where a task is, as its start script noted it."""

    ip: str
    container: str
    node: str


@frozen
class News:
    """Be what is new: where tasks are and how they ended, with reasons, and their service."""

    service: Service | None
    places: Mapping[Key, Place]
    codes: dict[Key, int]
    reasons: Sequence[str]

    def told(self, record: Record, now: int) -> Record | None:
        """Give a job with the news, and its verdict where that follows; ``None``: no change."""
        attempt = record.last.with_ends(self.codes)
        service = self.service
        attempt = evolve(
            attempt,
            tasks=tuple(self._placed(task) for task in attempt.tasks),
            gang_since=attempt.gang_since or (now if self.places else None),
            app_id=(service.app_id if service else None) or attempt.app_id,
            created=True,
        )
        if attempt == record.last:
            return None
        record = record.with_last(attempt)
        verdict = completion.decide(progress(record)) if self.codes else None
        if verdict is None:
            return record
        told = AttemptExit(
            exit_type=classify(verdict.exit_code, by_platform=False),
            diagnostics="; ".join(self.reasons) or verdict.trigger_message,
            trigger_message=verdict.trigger_message,
            trigger_role=verdict.trigger_role,
            trigger_index=verdict.trigger_index,
        )
        return record.verdict(verdict.exit_code, told)

    def _placed(self, task: Task) -> Task:
        place = self.places.get((task.role, task.index))
        if place is None:
            return task
        return evolve(task, ip=place.ip, container=place.container, node=place.node)


class Notes:
    """Read notes, and remember which tasks have been silent since when.

    A task whose container has ended is lost when it has said nothing for ``patience`` seconds.
    """

    def __init__(self, storage: Storage, clock: Clock, patience: float) -> None:
        self._storage = storage
        self._clock = clock
        self._patience = patience * 1000
        self._silent: dict[str, dict[Key, int]] = {}

    async def gather(self, record: Record, service: Service | None) -> News:
        """Give what is new of a job's last attempt.

        Raises:
            BackendError: The storage did not answer.
        """
        folder = Folder(self._storage, record)
        names = {instance_name(record, task): task for task in record.last.tasks}
        listed = await _listed(folder)
        places: dict[Key, Place] = {}
        for name, task in _notes(listed, "started", names):
            place = None if task.ip is not None else _place(await folder.note(name))
            if place is not None:
                places[task.role, task.index] = place
        codes: dict[Key, int] = {}
        reasons: list[str] = []
        for name, task in _notes(listed, "ended", names):
            if task.code is None:
                code, _, reason = (await folder.note(name)).strip().partition(" ")
                codes[task.role, task.index] = _code(code)
                reasons += [f"task {task.role}[{task.index}]: {reason}"] if reason else []
        for role, index in self._lost(record, service, names, codes):
            codes[role, index] = LOST
            reasons.append(f"the container of task {role}[{index}] ended, and nobody knows how")
        return News(service, places, codes, reasons)

    def forget(self, service: str) -> None:
        """Forget who was silent in a service."""
        self._silent.pop(service, None)

    def _lost(
        self,
        record: Record,
        service: Service | None,
        names: Mapping[str, Task],
        codes: Mapping[Key, int],
    ) -> Sequence[Key]:
        now = self._clock.now()
        silent = {
            (task.role, task.index)
            for name, task in names.items()
            if task.code is None
            and (task.role, task.index) not in codes
            and (service is None or service.over or name in service.ended)
        }
        known = self._silent.get(service_name(record, record.last.number), {})
        since = {key: known.get(key, now) for key in silent}
        self._silent[service_name(record, record.last.number)] = since
        return sorted(key for key, at in since.items() if now - at > self._patience)


async def _listed(folder: Folder) -> Sequence[str]:
    try:
        return await folder.names()
    except NotFound:
        return []


def _notes(
    listed: Sequence[str], kind: str, names: Mapping[str, Task]
) -> Sequence[tuple[str, Task]]:
    found = ((name, *name.split(".", 1)) for name in listed if "." in name)
    return [(name, names[task]) for name, word, task in found if word == kind and task in names]


def _place(text: str) -> Place | None:
    """Read where a task is; what is no such note is none."""
    found = _STARTED.fullmatch(text.strip())
    return None if found is None else Place(found[1], found[2], found[3])


def _code(text: str) -> int:
    """Read an exit code; a task may have written anything."""
    try:
        code = int(text)
    except ValueError:
        return LOST
    return code if code in _OWN or 0 <= code <= _LARGEST_CODE else LOST

"""Jobs as the bytes that their rows hold."""

from __future__ import annotations

from typing import Any, cast

import attrs
import orjson

from jobyard.domain.job import (
    FrameworkName,
    JobConfig,
    JobRef,
    JobSubmission,
    PortRequest,
    SubmissionId,
    TaskRole,
)
from jobyard.domain.states import ExecutionType
from jobyard.domain.status import AttemptExit, ExitType, RetryCounts, TaskPorts
from jobyard_backends.scheduling.yarn.services.records import Attempt, Phase, Record, Task

_Document = dict[str, Any]


def dump(record: Record) -> bytes:
    """Write a job; its SSH keys are not kept, since nothing here uses them."""
    job = record.job
    submission = {
        "namespace": job.name.namespace,
        "name": job.name.job,
        "id": job.submission,
        "submitter": job.submitter,
        "config": attrs.asdict(job.config),
        "document": job.document.decode(),
        "fs_uri": job.fs_uri,
        "created_at": job.created_at,
    }
    rest = attrs.asdict(record, filter=lambda attribute, _: attribute.name != "job")
    return orjson.dumps({**rest, "job": submission})


def load(data: bytes) -> Record:
    """Read what :func:`dump` wrote."""
    document = cast("_Document", orjson.loads(data))
    return Record(
        **document
        | {
            "job": _submission(document["job"]),
            "phase": Phase(document["phase"]),
            "execution_type": ExecutionType(document["execution_type"]),
            "attempts": tuple(_attempt(each) for each in document["attempts"]),
            "counts": RetryCounts(**document["counts"]),
        }
    )


def _submission(document: _Document) -> JobSubmission:
    name = FrameworkName(document["namespace"], document["name"])
    return JobSubmission(
        ref=JobRef(name, SubmissionId(document["id"])),
        submitter=document["submitter"],
        config=_config(document["config"]),
        document=document["document"].encode(),
        fs_uri=document["fs_uri"],
        created_at=document["created_at"],
    )


def _config(document: _Document) -> JobConfig:
    roles = tuple(_role(role) for role in document["task_roles"])
    return JobConfig(**document | {"task_roles": roles})


def _role(document: _Document) -> TaskRole:
    ports = tuple(PortRequest(**port) for port in document["ports"])
    return TaskRole(**document | {"ports": ports})


def _attempt(document: _Document) -> Attempt:
    kind = document["exit"]["exit_type"]
    told = document["exit"] | {"exit_type": None if kind is None else ExitType(kind)}
    tasks = tuple(_task(task) for task in document["tasks"])
    return Attempt(**document | {"tasks": tasks, "exit": AttemptExit(**told)})


def _task(document: _Document) -> Task:
    ports = tuple(TaskPorts(port["label"], tuple(port["numbers"])) for port in document["ports"])
    return Task(**document | {"ports": ports})

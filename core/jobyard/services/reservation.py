"""What becomes of a job between its request, its row in the journal, and the cluster."""

from __future__ import annotations

import orjson

from jobyard.domain.job import JobConfig, JobSubmission
from jobyard.domain.status import JobSummary
from jobyard.key_pairs import new_key_pair
from jobyard.services.journal import JobRow, Phase
from jobyard.wire.job_request import job_document
from jobyard.wire.requests import JOB_REQUEST


def row_of(job: JobSubmission, *, backend: str, owner: str, lease_until: int) -> JobRow:
    """Make the row that reserves a job's name; ``lease_until`` is in milliseconds."""
    keys = job.keys or new_key_pair()
    return JobRow(
        submission=job.submission,
        namespace=job.name.namespace or "",
        name=job.name.job,
        submitter=job.submitter,
        backend=backend,
        phase=Phase.RESERVED,
        virtual_cluster=job.config.virtual_cluster,
        created_at=job.created_at,
        document=job.document,
        config=orjson.dumps(job_document(job.config)),
        public_key=keys.public,
        private_key=keys.private,
        owner=owner,
        lease_until=lease_until,
    )


def config_of(row: JobRow) -> JobConfig:
    """Give the configuration that a row holds, with its final paths."""
    return JOB_REQUEST.decode(orjson.loads(row.config), coerce=False).to_config()


def submission_of(row: JobRow, fs_uri: str) -> JobSubmission:
    """Make what a scheduler gets, from the journal's row."""
    return JobSubmission(
        ref=row.ref,
        submitter=row.submitter,
        config=config_of(row),
        document=row.document,
        fs_uri=fs_uri,
        created_at=row.created_at,
        keys=row.keys,
    )


def summary_of(row: JobRow, config: JobConfig) -> JobSummary:
    """Give a job's summary before the cluster shows one."""
    return JobSummary(
        name=row.ref.name,
        submission=row.submission,
        username=row.submitter,
        created_at=row.created_at,
        virtual_cluster=config.virtual_cluster,
        total_gpus=config.total_gpus,
        total_tasks=config.total_tasks,
        total_roles=len(config.task_roles),
    )

"""Ids of submissions and operations: UUIDs of version 7 (RFC 9562, section 5.7)."""

from __future__ import annotations

import secrets
import uuid
from typing import Final

from jobyard.domain.job import OperationId, SubmissionId

_VERSION: Final = 7


def _uuid7(now: int) -> str:
    number = (now & (1 << 48) - 1) << 80 | secrets.randbits(80)
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=number))


def new_submission_id(now: int) -> SubmissionId:
    """Make a submission's id; ``now`` is in milliseconds since the epoch."""
    return SubmissionId(_uuid7(now))


def new_operation_id(now: int) -> OperationId:
    """Make an operation's id; ``now`` is in milliseconds since the epoch."""
    return OperationId(_uuid7(now))


def submitted_at(submission: SubmissionId) -> int | None:
    """Give the time that is in a submission's id, in milliseconds since the epoch.

    ``None`` is for what is no UUID of version 7.
    """
    try:
        number = uuid.UUID(submission)
    except ValueError:
        return None
    return number.int >> 80 if number.version == _VERSION else None

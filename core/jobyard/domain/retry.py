"""Whether an attempt that ended is followed by another, and when (contract, 4 and 4.1)."""

from __future__ import annotations

from typing import Final

from attrs import evolve, frozen

from jobyard.domain.states import EXIT_STOPPED
from jobyard.domain.status import ExitType, RetryCounts

UNLIMITED: Final = -1
"""The ``retryCount`` that retries failures of unknown kind without limit."""

FOR_EVER: Final = -2
"""The ``retryCount`` that repeats every end, success included, until the job is stopped."""

LONGEST_BACK_OFF: Final = 300.0
"""Seconds, before the jitter."""

_SPREAD: Final = 0.2
_TRANSIENT: Final = frozenset({ExitType.TRANSIENT_NORMAL, ExitType.TRANSIENT_CONFLICT})


@frozen
class Retry:
    """Be one more attempt: the counts with it included, and the seconds to wait before it."""

    counts: RetryCounts
    delay: float


def decide(
    retry_count: int,
    exit_type: ExitType,
    counts: RetryCounts,
    *,
    jitter: float = 0.0,
) -> Retry | None:
    """Give the retry that follows an end, or ``None`` where the end is final.

    ``counts`` are those before the end; ``jitter`` is that of :func:`back_off`. A retry within
    ``retry_count`` 1..n comes at once; transient ones and those of -1 and -2 back off.
    """
    if not _is_retried(retry_count, exit_type, counts):
        return None
    if retry_count < 0:
        delay = back_off(counts.total + 1, jitter)
    elif exit_type in _TRANSIENT:
        delay = back_off(counts.platform + counts.resource + 1, jitter)
    else:
        delay = 0.0
    return Retry(_counted(exit_type, counts), delay)


def after(
    exit_code: int | None,
    exit_type: ExitType | None,
    retry_count: int,
    counts: RetryCounts,
    *,
    jitter: float,
) -> Retry | None:
    """Decide what follows an attempt with this end: of a class that nobody told it is the user's.

    Nothing follows a stop, whatever ``retry_count`` says.
    """
    if exit_code == EXIT_STOPPED:
        return None
    return decide(retry_count, exit_type or ExitType.UNKNOWN, counts, jitter=jitter)


def back_off(nth: int, jitter: float) -> float:
    """Give the seconds before the nth retry, from 1: 1, 2, 4 ... 300 (N).

    ``jitter`` is -1..1, and moves the delay by up to 20 % either way; what lies outside counts
    as the nearer end.
    """
    doublings = min(max(nth - 1, 0), 16)
    delay = min(float(2**doublings), LONGEST_BACK_OFF)
    return delay * (1.0 + _SPREAD * max(-1.0, min(1.0, jitter)))


def _is_retried(retry_count: int, exit_type: ExitType, counts: RetryCounts) -> bool:
    if retry_count == FOR_EVER or exit_type in _TRANSIENT:
        return True
    if exit_type is not ExitType.UNKNOWN:
        return False
    return retry_count == UNLIMITED or counts.user < retry_count


def _counted(exit_type: ExitType, counts: RetryCounts) -> RetryCounts:
    # Successes and non-transient ends are repeated for -2 alone: the user's wish, so theirs.
    if exit_type is ExitType.TRANSIENT_NORMAL:
        return evolve(counts, platform=counts.platform + 1)
    if exit_type is ExitType.TRANSIENT_CONFLICT:
        return evolve(counts, resource=counts.resource + 1)
    return evolve(counts, user=counts.user + 1)

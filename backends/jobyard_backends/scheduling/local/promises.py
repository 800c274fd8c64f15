"""How long a job may run at most, by its own word, and what that makes of it in the queue."""

from __future__ import annotations

from typing import Final

from jobyard.domain.job import JobConfig
from jobyard_backends.scheduling.local.decisions import Need, resources_of
from jobyard_backends.scheduling.local.records import JobRecord

MAX_RUN_SECONDS: Final = "maxRunSeconds"
"""The key in ``extras`` of the most seconds that an attempt of the job may run."""

LONGEST: Final = 10**9
"""The most seconds that can be promised, some thirty years."""


def runs_at_most(config: JobConfig) -> int | None:
    """Give the milliseconds that an attempt runs at most; ``None`` where it does not say.

    A promise that is no whole number of seconds in 1..10^9 counts as none. It may be written as
    text, as forms do.
    """
    value = config.extras.get(MAX_RUN_SECONDS)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:  # noqa: PLR2004 - longer ones are too many seconds
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= LONGEST:
        return None
    return 1000 * value


def broken_promise(config: JobConfig) -> str | None:
    """Say what is wrong with a job's promise; ``None`` where it is good, or there is none."""
    if MAX_RUN_SECONDS not in config.extras or runs_at_most(config) is not None:
        return None
    value = config.extras[MAX_RUN_SECONDS]
    return f"extras.{MAX_RUN_SECONDS} is {value!r:.80}; expected whole seconds in 1..{LONGEST}."


def need_of(record: JobRecord) -> Need:
    """Give a job as decisions see it."""
    config = record.job.config
    resources, runs = resources_of(config), runs_at_most(config)
    return Need(record.id, config.virtual_cluster, resources, record.queued_at, runs)

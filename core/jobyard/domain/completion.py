"""When a job is over, and how: the completion policy of its task roles (contract, 4.1)."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen


@frozen
class RoleProgress:
    """Be what is known of one task role.

    ``min_failed`` and ``min_succeeded`` are the role's thresholds; ``None`` means that failures
    never fail the job, or that successes never end it early. ``ended`` holds the index and the
    exit code of every task that has ended, in the order of ending.
    """

    name: str
    task_number: int
    min_failed: int | None
    min_succeeded: int | None
    ended: tuple[tuple[int, int], ...] = ()


@frozen
class Verdict:
    """Be how a job ended, and which task decided it; ``None`` where all simply completed."""

    success: bool
    exit_code: int
    trigger_message: str | None = None
    trigger_role: str | None = None
    trigger_index: int | None = None


def decide(roles: Sequence[RoleProgress]) -> Verdict | None:
    """Give the verdict over a job, or ``None`` while it has to go on.

    Within a role, the threshold that was reached first decides. Between roles the order of
    endings is not known here, so that a failure goes before a success, and an earlier role
    before a later one. Without a trigger a job succeeds when all its tasks have ended, however
    many failures were tolerated.
    """
    reached = [verdict for verdict in map(_trigger, roles) if verdict is not None]
    if reached:
        return next((verdict for verdict in reached if not verdict.success), reached[0])
    if all(len(role.ended) >= role.task_number for role in roles):
        return Verdict(success=True, exit_code=0)
    return None


def _trigger(role: RoleProgress) -> Verdict | None:
    failed = succeeded = 0
    for index, exit_code in role.ended:
        if exit_code == 0:
            succeeded += 1
            if succeeded == role.min_succeeded:
                return _verdict(role, "Succeeded", succeeded, index, exit_code)
        else:
            failed += 1
            if failed == role.min_failed:
                return _verdict(role, "Failed", failed, index, exit_code)
    return None


def _verdict(role: RoleProgress, word: str, count: int, index: int, exit_code: int) -> Verdict:
    return Verdict(
        success=exit_code == 0,
        exit_code=exit_code,
        trigger_message=(
            f"{word}TaskCount {count} has reached Min{word}TaskCount {count} "
            f"in TaskRole [{role.name}]"
        ),
        trigger_role=role.name,
        trigger_index=index,
    )

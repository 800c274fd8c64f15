"""What the launcher says of exit codes: their class, and a sentence."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from jobyard.domain.status import ExitType

NOT_SUBMITTED: Final = -7300
KILLED_FROM_OUTSIDE: Final = -7303
STOPPED_BY_REQUEST: Final = -7351
STOPPED_AT_THE_END: Final = -7400
SOURCE_MISSING: Final = -7251
GANG_TIMED_OUT: Final = -7252
NODE_LOST: Final = -7111
PORT_CONFLICT: Final = -7103
PREEMPTED: Final = -7120

_NORMAL: Final = ExitType.TRANSIENT_NORMAL
_CONFLICT: Final = ExitType.TRANSIENT_CONFLICT
_NON: Final = ExitType.NON_TRANSIENT


@frozen
class ExitSpec:
    """Be the class of an exit code, and what is said of it."""

    type: ExitType
    description: str


USER_SPECS: Final = {
    193: ExitSpec(_NORMAL, "Container exited with the general exitcode for TRANSIENT_NORMAL"),
    130: ExitSpec(_NORMAL, "Container killed by OS Signal: SIGINT"),
    194: ExitSpec(_NON, "Container exited with the general exitcode for NON_TRANSIENT"),
    132: ExitSpec(_NON, "Container killed by OS Signal: SIGILL"),
    134: ExitSpec(ExitType.UNKNOWN, "Container killed by OS Signal: SIGABRT"),
    135: ExitSpec(_NON, "Container killed by OS Signal: SIGBUS"),
    136: ExitSpec(_NON, "Container killed by OS Signal: SIGFPE"),
    137: ExitSpec(_NORMAL, "Container killed by OS Signal: SIGKILL"),
    154: ExitSpec(
        _NORMAL,
        "Container exitcode file cannot be found by NM, maybe node unexpected shutdown, "
        "disk cleaned up or disk failure",
    ),
    139: ExitSpec(_NON, "Container killed by OS Signal: SIGSEGV"),
    141: ExitSpec(_NON, "Container killed by OS Signal: SIGPIPE"),
    143: ExitSpec(_NORMAL, "Container killed by OS Signal: SIGTERM"),
}
"""The codes of commands that have a meaning, in the order in which the launcher lists them."""

_OWN: Final = {
    -7102: ExitSpec(_NORMAL, "Container failed since the disks of its node did"),
    PORT_CONFLICT: ExitSpec(_CONFLICT, "Container failed since a port of its was taken"),
    -7110: ExitSpec(_NORMAL, "Container aborted by the system"),
    NODE_LOST: ExitSpec(_NORMAL, "Container lost with its node"),
    -7112: ExitSpec(_NORMAL, "Container expired before it was launched"),
    -7113: ExitSpec(_NORMAL, "Container aborted when its AM restarted"),
    PREEMPTED: ExitSpec(_NORMAL, "Container preempted by the system"),
    -7121: ExitSpec(_NON, "Container exceeded its virtual memory"),
    -7122: ExitSpec(_NON, "Container exceeded its physical memory"),
    SOURCE_MISSING: ExitSpec(
        _NON, "Launcher AM failed due to NonTransientException, maybe App is non-compliant"
    ),
    GANG_TIMED_OUT: ExitSpec(_CONFLICT, "Launcher AM gave up a gang that was not allocated whole"),
    NOT_SUBMITTED: ExitSpec(
        _NON, "Failed to submit App to YARN RM due to YarnException, maybe App is non-compliant"
    ),
    KILLED_FROM_OUTSIDE: ExitSpec(_NORMAL, "App killed unexpectedly and directly through YARN RM"),
    STOPPED_BY_REQUEST: ExitSpec(_NON, "App stopped by Launcher due to user StopFrameworkRequest"),
    STOPPED_AT_THE_END: ExitSpec(
        _NON, "Task stopped by Launcher due to its app is already completed"
    ),
}
_SUCCEEDED: Final = ExitSpec(ExitType.SUCCEEDED, "Succeeded")
_COMMANDS_OWN: Final = ExitSpec(
    ExitType.UNKNOWN, "Container exited with unknown exitcode which is issued from itself"
)
_UNKNOWN: Final = ExitSpec(ExitType.UNKNOWN, "Exit code of an unknown kind")


def exit_spec(code: int) -> ExitSpec:
    """Give what the launcher says of a code."""
    if code == 0:
        return _SUCCEEDED
    if code > 0:
        return USER_SPECS.get(code, _COMMANDS_OWN)
    return _OWN.get(code, _UNKNOWN)

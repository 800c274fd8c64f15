"""The gateway's own explanations of exit codes, in words that a job's owner can act on."""

from __future__ import annotations

import signal
from typing import Final

from attrs import frozen

_FIRST_SIGNAL: Final = 128


@frozen
class ExitSpec:
    """Explain an exit code (contract, section 4.4); ``None`` is what cannot be told."""

    code: int
    phrase: str
    issuer: str
    causer: str
    type: str
    stage: str
    behavior: str
    reaction: str
    reason: str
    repro: tuple[str, ...] = ()
    solution: tuple[str, ...] = ()


_AGAIN: Final = "It is retried without being counted."
_ONCE: Final = "It is not retried."
_COUNTED: Final = "It is retried as often as retryCount allows."


def _platform(code: int, phrase: str, reason: str, solution: str = "Nothing: wait.") -> ExitSpec:
    return ExitSpec(
        code, phrase, "LAUNCHER", "PLATFORM", "PLATFORM_FAILURE", "RUNNING", "TRANSIENT", _AGAIN,
        reason, (), (solution,),
    )  # fmt: skip


def _user(
    code: int, phrase: str, reason: str, solution: str, *, stage: str = "RUNNING"
) -> ExitSpec:
    return ExitSpec(
        code, phrase, "LAUNCHER", "USER", "USER_FAILURE", stage, "NON_TRANSIENT", _ONCE,
        reason, (), (solution,),
    )  # fmt: skip


def _stopped(code: int, phrase: str, reason: str) -> ExitSpec:
    return ExitSpec(
        code, phrase, "LAUNCHER", "USER", "USER_STOP", "COMPLETING", "NON_TRANSIENT", _ONCE,
        reason, (), (),
    )  # fmt: skip


def _unknown(code: int, phrase: str, reason: str, solution: str) -> ExitSpec:
    return ExitSpec(
        code, phrase, "LAUNCHER", "UNKNOWN", "UNKNOWN_FAILURE", "RUNNING", "UNKNOWN", _COUNTED,
        reason, (), (solution,),
    )  # fmt: skip


_SPECS: Final = (
    ExitSpec(0, "Succeeded", "USER_CONTAINER", "USER", "SUCCEEDED", "COMPLETED", "SUCCEEDED",
             "Nothing follows.", "Every task that had to succeed did."),
    _unknown(-7100, "ContainerInvalidExitStatus", "The node reported no usable exit status.",
             "Look at the task's log; submit again."),
    _unknown(-7101, "ContainerLost", "The task vanished before its exit code was known.",
             "Submit again; tell the administrator if it happens often."),
    _platform(-7102, "NodeDisksFailed", "The disks of the node failed."),
    _platform(-7103, "PortConflict", "A port that the task was given was taken by another."),
    _platform(-7110, "ContainerAborted", "The cluster gave the task's place away."),
    _platform(-7111, "NodeLost", "The node of the task was lost."),
    _platform(-7112, "ContainerExpired", "The task's place was not used in time."),
    _platform(-7113, "AbortedOnRestart", "The task was given up when its supervisor restarted."),
    _platform(-7120, "Preempted", "The task had to make room for another virtual cluster."),
    _user(-7121, "VirtualMemoryExceeded", "A task used more virtual memory than it asked for.",
          "Ask for more memoryMB."),
    _user(-7122, "MemoryExceeded", "A task used more memory than it asked for.",
          "Ask for more memoryMB, or use less."),
    _user(-7130, "RanTooLong", "The job ran longer than it said it would at most.",
          "Say more in extras.maxRunSeconds, or nothing."),
    _unknown(-7150, "LaunchFailed", "The node could not start the task.",
             "Look at the diagnostics; submit again."),
    _user(-7250, "SupervisorFailed", "The job could not be prepared.",
          "Look at the diagnostics.", stage="LAUNCHING"),
    _user(-7251, "SourceMissing", "Files that the job starts from could not be fetched.",
          "Check that codeDir and authFile exist and that you may read them.", stage="LAUNCHING"),
    _platform(-7252, "GangTimeout", "Not every task found a place at the same time."),
    _user(-7300, "SubmissionFailed", "The cluster refused the job.",
          "Look at the diagnostics.", stage="SUBMITTING"),
    _unknown(-7303, "KilledFromOutside", "Somebody ended the job behind the gateway's back.",
             "Ask the administrator; submit again."),
    _stopped(-7351, "StoppedByRequest", "The job was stopped by its owner or an administrator."),
    _stopped(-7400, "StoppedAtTheEnd", "The job had ended, so its remaining tasks were stopped."),
    _platform(193, "ContainerEngineFailed", "The container engine of the node failed."),
    _user(196, "OutOfMemory", "The task ran out of memory.", "Ask for more memoryMB."),
    _user(198, "OutOfDisk", "The task ran out of disk space.", "Write less, or to the storage."),
    _platform(205, "PeersUnknown", "The addresses of the other tasks could not be learned."),
)  # fmt: skip

EXIT_SPECS: Final = {spec.code: spec for spec in _SPECS}
"""What is known, by code; signals and a program's own codes are explained by :func:`explain`."""


def explain(code: int) -> ExitSpec | None:
    """Explain a code; a negative one that is not in the table has no explanation."""
    if code in EXIT_SPECS:
        return EXIT_SPECS[code]
    if code < 0:
        return None
    return _by_signal(code) or ExitSpec(
        code, "CommandFailed", "USER_CONTAINER", "USER", "USER_FAILURE", "RUNNING", "UNKNOWN",
        _COUNTED, f"The command of a task ended with exit code {code}.", (),
        ("Look at the task's log.",),
    )  # fmt: skip


def _by_signal(code: int) -> ExitSpec | None:
    numbers = {each.value: each.name for each in signal.Signals}
    name = numbers.get(code - _FIRST_SIGNAL)
    if name is None:
        return None
    return ExitSpec(
        code, f"KilledBy{name}", "USER_CONTAINER", "UNKNOWN", "UNKNOWN_FAILURE", "RUNNING",
        "UNKNOWN", _COUNTED, f"A task was ended by the signal {name}.", (),
        ("Look at the task's log, and at who could have sent the signal.",),
    )  # fmt: skip

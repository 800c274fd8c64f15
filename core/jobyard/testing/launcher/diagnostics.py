"""What YARN and the launcher say of ends, in their form; the words of the task are in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Final

from jobyard.testing.launcher.exit_codes import exit_spec
from jobyard.testing.launcher.framework import Exit

_KILLED: Final = (137, 143)


def container_diagnostics(container: str, code: int, stderr: str, at: float) -> str:
    """Give what a NodeManager says of a container that ended; nothing for 0."""
    if code == 0:
        return ""
    stamp = f"[{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}.000]"
    if code in _KILLED:
        return (
            f"{stamp}Container killed on request. Exit code is {code}\n"
            f"{stamp}Container exited with a non-zero exit code {code}. \n"
            f"{stamp}Killed by external signal\n"
        )
    said = f"{stamp}Container exited with a non-zero exit code {code}. Error file: prelaunch.err.\n"
    said += f"Last 4096 bytes of prelaunch.err :\nLast 4096 bytes of stderr :\n{stderr}\n\n"
    return (
        f"{stamp}Exception from container-launch.\nContainer id: {container}\nExit code: {code}\n\n"
        f"{said}{said}"
    )


def application_report(end: Exit) -> str:
    """Give what the launcher's master leaves with YARN, before the launcher has read it."""
    spec = exit_spec(end.code)
    report = {
        "applicationExitCode": end.code,
        "applicationExitDescription": spec.description,
        "applicationExitDiagnostics": end.diagnostics,
        "applicationExitType": spec.type,
        "applicationExitTriggerMessage": end.trigger_message,
        "applicationExitTriggerTaskRoleName": end.trigger_role,
        "applicationExitTriggerTaskIndex": end.trigger_index,
    }
    text = json.dumps(report, indent=2, separators=(",", " : "))
    return f"<LAUNCHER_AM_DIAGNOSTICS_START>{text}<LAUNCHER_AM_DIAGNOSTICS_END>"

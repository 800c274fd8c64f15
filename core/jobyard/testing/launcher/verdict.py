"""When an application is over, and how, by the ends of its tasks."""

from __future__ import annotations

from jobyard.domain.completion import RoleProgress, decide
from jobyard.testing.launcher.framework import Application, Exit, Framework


def verdict(framework: Framework, application: Application) -> Exit | None:
    """Give the end that the tasks' ends make, or ``None`` while it has to go on."""
    ended = application.ended
    if application.requested_at is None or not framework.tasks:
        return None
    found = decide(
        [
            RoleProgress(
                name=role.name,
                task_number=role.task_number,
                min_failed=role.min_failed,
                min_succeeded=role.min_succeeded,
                ended=tuple((index, code) for name, index, code in ended if name == role.name),
            )
            for role in framework.descriptor.roles.values()
        ]
    )
    if found is None:
        return None
    if found.trigger_role is None or found.trigger_index is None:
        failed = sum(code != 0 for _, _, code in ended)
        counts = f"TotalTaskCount: {len(ended)}, FailedTaskCount: {failed}"
        return Exit(
            0,
            trigger_message=(
                "All Tasks completed and no ApplicationCompletionPolicy has ever been triggered: "
                f"{counts}"
            ),
        )
    end = framework.tasks[found.trigger_role][found.trigger_index].exit
    return Exit(
        found.exit_code,
        end.diagnostics if end else None,
        found.trigger_message,
        found.trigger_role,
        found.trigger_index,
    )

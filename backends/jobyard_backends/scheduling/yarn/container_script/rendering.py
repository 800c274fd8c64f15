"""Render the script that starts a task."""

from __future__ import annotations

from jobyard_backends.scheduling.yarn.container_script.values import ContainerScript


def render(script: ContainerScript) -> str:
    """Give the text of the script for all tasks of one role; it is run by bash.

    The text holds secrets (``jobEnvs``, tokens), so that only its job's user may read it.

    Raises:
        ValueError: A value holds a NUL, which no process can be given.
    """
    raise NotImplementedError(script)

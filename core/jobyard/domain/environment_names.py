"""The names of variables that hold a role's or a label's name (contract, section 4.2)."""

from __future__ import annotations

from typing import Final

_TO_SHELL: Final = str.maketrans(".~", "__")


def host_ip(role: str, index: int) -> str:
    """Name the variable with the address of a task."""
    return f"PAI_HOST_IP_{role}_{index}"


def port_list(role: str, index: int, label: str) -> str:
    """Name the variable with a task's ports under a label."""
    return f"PAI_PORT_LIST_{role}_{index}_{label}"


def older_port(role: str, index: int, label: str) -> str:
    """Name the same ports as older programs do (R)."""
    return f"PAI_{role}_{index}_{label}_PORT"


def host_list(role: str) -> str:
    """Name the variable with address and ``http`` port of all tasks of a role (R)."""
    return f"PAI_TASK_ROLE_{role}_HOST_LIST"


def own_port_list(label: str) -> str:
    """Name the variable with the task's own ports under a label (R)."""
    return f"PAI_CONTAINER_HOST_{label}_PORT_LIST"


def shell_name(name: str) -> str:
    """Give a name that a shell can read: ``_`` for ``.`` and ``~`` (N)."""
    return name.translate(_TO_SHELL)

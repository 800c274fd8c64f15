"""The variables of the task, as the gateway's own rules would make them (contract, section 4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .ports import first, joined, ports_text

if TYPE_CHECKING:
    from .places import Places
    from .task import Task


def environment(task: Task, places: Places) -> dict[str, str]:
    """Give all variables of the task (contract, section 4.2)."""
    own_ip, own_ports = places[task.role, task.index]
    http = first(own_ports, "http")
    index = str(task.index)
    found = {
        **task.spec["facts"],
        "PAI_CURRENT_TASK_ROLE_CURRENT_TASK_INDEX": index,
        "PAI_TASK_INDEX": index,
        "PAI_TASK_ROLE_INDEX": index,
        "PAI_CONTAINER_ID": task.container,
        "PAI_CONTAINER_HOST_IP": own_ip,
        "PAI_CURRENT_CONTAINER_IP": own_ip,
        "PAI_CONTAINER_HOST_PORT_LIST": ports_text(own_ports),
        "PAI_CONTAINER_SSH_PORT": first(own_ports, "ssh"),
        "PAI_CONTAINER_HOST_PORT": http,
        "PAI_CURRENT_CONTAINER_PORT": http,
    }
    older = {f"PAI_CONTAINER_HOST_{a}_PORT_LIST": joined(b) for a, b in own_ports.items()}
    for role, number in task.spec["roles"]:
        addresses = []
        for each in range(number):
            ip, ports = places[role, each]
            found[f"PAI_HOST_IP_{role}_{each}"] = ip
            addresses.append(f"{ip}:{first(ports, 'http')}")
            for label, numbers in ports.items():
                found[f"PAI_PORT_LIST_{role}_{each}_{label}"] = joined(numbers)
                older.setdefault(f"PAI_{role}_{each}_{label}_PORT", joined(numbers))
        older.setdefault(f"PAI_TASK_ROLE_{role}_HOST_LIST", ",".join(addresses))
    for name, value in older.items():
        found.setdefault(name, value)
    for name, value in list(found.items()):
        found.setdefault(name.translate(str.maketrans(".~", "__")), value)
    found.update(task.spec["envs"])
    return found

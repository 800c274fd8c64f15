"""What the script has done for it, one deed a call."""

from __future__ import annotations

import errno
import json
import socket
import time
from typing import TYPE_CHECKING

from .failure import (
    DISK_FULL,
    FILE,
    NON_TRANSIENT,
    PEERS_UNKNOWN,
    PORT_CONFLICT,
    TRANSIENT,
    Failure,
)
from .places import await_places
from .ports import first, ports_text
from .variables import environment

if TYPE_CHECKING:
    from .task import Task


def gang(task: Task) -> None:
    """Wait for the others, and write this task's environment down, each ending with a NUL."""
    variables = environment(task, await_places(task))
    if task.spec["token"] is not None:
        variables["PAI_STORAGE_TOKEN"] = task.spec["token"]
    pairs = "".join(f"{name}={value}\0" for name, value in variables.items())
    write("inside/environment", pairs)
    access, port = task.spec["ssh"], variables["PAI_CONTAINER_SSH_PORT"]
    if access is not None and port:
        write("inside/ssh-port", port)
        write("inside/ssh-key", access["key"] + "\n")


def write(path: str, text: str) -> None:
    """Write a file, byte for byte."""
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(text.encode("utf-8", "surrogateescape"))


def check_ports(task: Task) -> None:
    """Fail where a port of the task's is taken."""
    for label, numbers in task.ports.items():
        for number in numbers:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("", number))
                    probe.listen(1)
                except OSError as error:
                    reason = f"port {number} ({label}) is taken: {error.strerror}"
                    raise Failure(TRANSIENT, "PortConflict", reason, PORT_CONFLICT) from error


def started(task: Task) -> None:
    """Tell the others where this task is, where they learn it from the storage."""
    if task.spec["peers"]["kind"] != "storage":
        return
    document = {
        "address": task.ip,
        "ports": ports_text(task.ports),
        "containerId": task.container,
        "time": int(time.time() * 1000),
    }
    name = f"started-{task.role}-{task.index}"
    try:
        task.storage("peers").write(name, json.dumps(document).encode())
    except OSError as error:
        raise Failure(PEERS_UNKNOWN, "PeersUnknown", str(error)) from error


def ended(task: Task, code: str) -> None:
    """Tell the gateway how this task ended, where it learns it from the storage."""
    if task.spec["peers"]["kind"] != "storage":
        return
    try:
        with open(FILE, encoding="utf-8") as file:  # noqa: PTH123
            said: str | None = file.read()
    except FileNotFoundError:
        said = None
    document = {"exitCode": int(code), "diagnostics": said, "time": int(time.time() * 1000)}
    name = f"ended-{task.role}-{task.index}"
    for pause in (1.0, 4.0, 0.0):
        try:
            task.storage("peers").write(name, json.dumps(document).encode())
        except OSError:
            time.sleep(pause)
        else:
            return


def code(task: Task, target: str) -> None:
    """Bring the code folder."""
    try:
        task.storage("code").fetch("", target)
    except FileNotFoundError as error:
        raise Failure(NON_TRANSIENT, "CodeMissing", f"{error} does not exist") from error
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        number, name = (DISK_FULL, "OutOfDisk") if full else (TRANSIENT, "CodeUnreachable")
        raise Failure(number, name, str(error)) from error


def ssh(task: Task) -> None:
    """Say where the task's SSH daemon listens."""
    if task.spec["ssh"]["folder"] is not None:
        name = f"{task.container}-{task.ip}-{first(task.ports, 'ssh')}"
        task.storage("ssh").write(name, b"")

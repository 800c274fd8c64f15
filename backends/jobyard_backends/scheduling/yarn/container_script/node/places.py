"""Where all tasks of the job run, as soon as all do."""

from __future__ import annotations

import json
import os
import random
import time
import urllib.parse
from http import HTTPStatus
from typing import TYPE_CHECKING

from .failure import PEERS_UNKNOWN, Failure
from .ports import read_ports
from .webhdfs import request

if TYPE_CHECKING:
    from .ports import Ports
    from .task import Task

    Place = tuple[str, Ports]
    Places = dict[tuple[str, int], Place]

LONGEST_PAUSE = 5.0


def places_from_launcher(task: Task) -> Places | None:
    """Ask the launcher once; ``None`` while not all tasks have a place."""
    root = os.environ["LAUNCHER_ADDRESS"].rstrip("/")
    root = root if "://" in root else f"http://{root}"
    name = urllib.parse.quote(os.environ["FRAMEWORK_NAME"], safe="~")
    path = f"/v1/Frameworks/{name}/AggregatedFrameworkStatus"
    status, body, _ = request("GET", root + path)
    if status != HTTPStatus.OK:
        return None
    roles = json.loads(body).get("aggregatedTaskRoleStatuses") or {}
    found: Places = {}
    for role, each in roles.items():
        for one in each["taskStatuses"]["taskStatusArray"]:
            index = int(one["taskIndex"])
            if (role, index) == (task.role, task.index) and one["containerId"] != task.container:
                return None  # the launcher still shows the attempt before this one
            if one["containerIp"]:
                ports = read_ports(one["containerPorts"] or "")
                found[role, index] = one["containerIp"], ports
    return found


def places_from_storage(task: Task) -> Places:
    """Read what the tasks have written so far."""
    storage = task.storage("peers")
    present = set(storage.names())
    found: Places = {}
    for role, index in task.gang():
        name = f"started-{role}-{index}"
        document = storage.document(name) if name in present else None
        if document is not None:
            found[role, index] = document["address"], read_ports(document["ports"])
    return found


def await_places(task: Task) -> Places:
    """Wait until all tasks of the job have a place."""
    ask = places_from_launcher if task.spec["peers"]["kind"] == "launcher" else places_from_storage
    end = time.monotonic() + float(task.spec["patience"])
    pause, why = 0.2, "not all tasks have a place"
    while True:
        try:
            places = ask(task)
        except (OSError, ValueError, KeyError, TypeError) as error:
            places, why = None, str(error)
        if places is not None and all(key in places for key in task.gang()):
            return with_leases(task, places)
        if time.monotonic() > end:
            raise Failure(PEERS_UNKNOWN, "PeersUnknown", why)
        time.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
        pause = min(pause * 1.5, LONGEST_PAUSE)


def with_leases(task: Task, places: Places) -> Places:
    """Give places the ports that the gateway leased, where it did."""
    leased = task.spec["leased"]
    if leased is None:
        return places
    return {
        (role, index): (places[role, index][0], dict(leased[role][index]))
        for role, index in task.gang()
    }

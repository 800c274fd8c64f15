"""The task that is started: what the script brought along, and what the launcher set."""

from __future__ import annotations

import json
import os
import socket
import urllib.parse
from typing import TYPE_CHECKING, Any

from .ports import read_ports
from .webhdfs import WebHdfs

if TYPE_CHECKING:
    from .ports import Ports


class Task:
    """Be this task: what the script brought along, and what the launcher set."""

    def __init__(self) -> None:
        with open("spec.json", encoding="utf-8") as file:  # noqa: PTH123
            self.spec: dict[str, Any] = json.load(file)
        self.role = str(self.spec["role"])
        self.index = int(os.environ["TASK_INDEX"])
        self.container = os.environ["CONTAINER_ID"]

    @property
    def ip(self) -> str:
        """Give the node's address: as it was told, or as it is seen from where its peers are."""
        told = os.environ.get("CONTAINER_IP", "")
        if told:
            return told
        peers = self.spec["peers"]
        url = peers.get("folder") or os.environ.get("LAUNCHER_ADDRESS", "")
        host = urllib.parse.urlsplit(url if "://" in url else f"//{url}").hostname or "192.0.2.1"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((host, 9))  # sends nothing
            return str(probe.getsockname()[0])

    @property
    def ports(self) -> Ports:
        """Give the task's own ports."""
        leased = self.spec["leased"]
        if leased is None:
            return read_ports(os.environ.get("CONTAINER_PORTS", ""))
        return dict(leased[self.role][self.index])

    def gang(self) -> list[tuple[str, int]]:
        """Give role and index of all tasks of the job."""
        return [(role, index) for role, number in self.spec["roles"] for index in range(number)]

    def storage(self, name: str) -> WebHdfs:
        """Give the storage that a part of the spec points at."""
        part = self.spec[name]
        return WebHdfs(part.get("folder") or part["url"], part["query"])

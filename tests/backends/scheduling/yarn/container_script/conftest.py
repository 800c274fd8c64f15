"""A launcher that knows where every task is, without any process."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from attrs import define, field


@define
class Places:
    """Be what is answered about every framework: address and ports by role and index."""

    address: str = ""
    tasks: dict[tuple[str, int], tuple[str | None, str]] = field(factory=dict)
    container: str = "container_1"

    def document(self) -> dict[str, Any]:
        roles: dict[str, Any] = {}
        for (role, index), (ip, ports) in self.tasks.items():
            tasks = roles.setdefault(role, {"taskStatuses": {"taskStatusArray": []}})
            tasks["taskStatuses"]["taskStatusArray"].append(
                {
                    "taskIndex": index,
                    "containerId": self.container,
                    "containerIp": ip,
                    "containerPorts": ports,
                }
            )
        return {"aggregatedTaskRoleStatuses": roles}

    def environment(self) -> dict[str, str]:
        """Give what a launcher tells a task."""
        return {
            "CONTAINER_ID": self.container,
            "FRAMEWORK_NAME": "alice~fit",
            "LAUNCHER_ADDRESS": self.address,
        }


@pytest.fixture(scope="session")
def known_places() -> Iterator[Places]:
    places = Places()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(places.document()).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="places")
    thread.start()
    places.address = f"http://127.0.0.1:{server.server_port}"
    yield places
    server.shutdown()
    thread.join()
    server.server_close()

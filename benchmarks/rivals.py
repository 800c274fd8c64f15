"""What Jobyard is held against: bare Starlette, and an ASGI function that has the bytes ready.

Both send the bodies that Jobyard sends, with no layer of their own, on the same event loop and
the same HTTP parser.
"""

from __future__ import annotations

import argparse
import socket
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from benchmarks.cases import CASES, Case


def starlette(folder: Path) -> ASGIApp:
    """Make an application of one route a case, as one writes them."""
    return Starlette(routes=[_route(case, (folder / case.name).read_bytes()) for case in CASES])


def _route(case: Case, body: bytes) -> Route:
    headers = {"content-encoding": "gzip"} if case.compressed else None

    async def answer(request: Request) -> Response:
        del request
        if case.known:
            return Response(status_code=304)
        return Response(body, media_type="application/json", headers=headers)

    return Route(case.pattern, answer)


def ready_bytes(folder: Path) -> ASGIApp:
    """Make an application that does nothing but find bytes in a dictionary and send them."""
    known = {case.rival: _ready(case, (folder / case.name).read_bytes()) for case in CASES}

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        status, headers, body = known[scope["path"]]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer


def _ready(case: Case, body: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    if case.known:
        return 304, [], b""
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    if case.compressed:
        headers.append((b"content-encoding", b"gzip"))
    return 200, headers, body


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rival", choices=("starlette", "bytes"))
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    make = starlette if asked.rival == "starlette" else ready_bytes
    config = uvicorn.Config(
        make(asked.folder), access_log=False, log_level="warning", lifespan="off", ws="none"
    )
    with socket.create_server(("127.0.0.1", 0)) as bound:
        print(f"{asked.rival} listens on http://127.0.0.1:{bound.getsockname()[1]}", flush=True)
        uvicorn.Server(config).run([bound])


if __name__ == "__main__":
    main()

"""Answer every request with the bytes of one file, and do nothing else."""

from __future__ import annotations

import argparse
import socket
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send


def one_body(body: bytes) -> ASGIApp:
    """Make the application."""
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    config = uvicorn.Config(
        one_body(parser.parse_args().file.read_bytes()),
        access_log=False,
        log_level="warning",
        lifespan="off",
        ws="none",
    )
    with socket.create_server(("127.0.0.1", 0)) as bound:
        print(f"it listens on http://127.0.0.1:{bound.getsockname()[1]}", flush=True)
        uvicorn.Server(config).run([bound])


if __name__ == "__main__":
    main()

"""A server that says what a test wants a NameNode or a DataNode to say, and writes all down."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import h11
from attrs import Factory, define, frozen


@frozen
class Heard:
    """Be a request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@frozen
class Said:
    """Be an answer."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


def remote(name: str, message: str = "", status: int = 403) -> Said:
    """Give one of Hadoop's exceptions."""
    error = {"exception": name, "javaClassName": f"java.{name}", "message": message}
    return Said(status, json.dumps({"RemoteException": error}).encode())


def said(**content: object) -> Said:
    """Give a success."""
    return Said(200, json.dumps(content).encode())


@define
class Script:
    """Be the server; ``answer`` says what it says to what it heard."""

    answer: Callable[[Heard], Said]
    heard: list[Heard] = Factory(list)
    address: str = ""


@asynccontextmanager
async def scripted(
    answer: Callable[[Heard], Said], tls: ssl.SSLContext | None = None
) -> AsyncIterator[Script]:
    """Run a server for the block."""
    script = Script(answer)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        http = h11.Connection(h11.SERVER)
        try:
            while (heard := await _read(http, reader)) is not None:
                script.heard.append(heard)
                _write(http, writer, script.answer(heard))
                await writer.drain()
                if http.our_state is not h11.DONE:
                    break
                http.start_next_cycle()
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    script.address = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield script


async def _read(http: h11.Connection, reader: asyncio.StreamReader) -> Heard | None:
    head: h11.Request | None = None
    body = b""
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(await reader.read(65536))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            url = urlsplit(head.target.decode())
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            headers = {name.decode(): value.decode() for name, value in head.headers}
            return Heard(head.method.decode(), url.path, query, headers, body)
        else:
            return None


def _write(http: h11.Connection, writer: asyncio.StreamWriter, answer: Said) -> None:
    length = ("Content-Length", str(len(answer.body)))
    head = h11.Response(status_code=answer.status, headers=[*answer.headers, length])
    for event in (head, h11.Data(data=answer.body), h11.EndOfMessage()):
        writer.write(http.send(event) or b"")

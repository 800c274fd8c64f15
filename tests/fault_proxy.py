"""A TCP proxy of the tests' own, in a process of its own, that does what networks do.

It passes everything on, until it is told otherwise for one of its ports:

    down        connections are refused, and those that are open end
    up          all is well again
    hang        nothing passes any more in either direction, and nothing ends
    lose N      what the next N answers are is lost: the connection ends in their place
    cut N       after N more bytes of answers, the connection that carries them ends, once
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tests.ports import lasting_ports

_LOOPBACK: Final = "127.0.0.1"
_READ: Final = 64 * 1024


class Proxy:
    """Tell the proxy what to do; the ports are in the order of what they lead to."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.ports: list[int] = json.loads(self._line())

    def address(self, number: int = 0) -> str:
        return f"http://{_LOOPBACK}:{self.ports[number]}"

    def tell(self, command: str, number: int = 0, count: int = 0) -> None:
        """Do as a command says from now on."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command} {number} {count}\n")
        self._process.stdin.flush()
        assert self._line() == "done\n"

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Have all that is behind it away."""
        for number in range(len(self.ports)):
            self.tell("down", number)
        try:
            yield
        finally:
            for number in range(len(self.ports)):
                self.tell("up", number)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def running_proxy(targets: Sequence[str]) -> Iterator[Proxy]:
    """Run a proxy in front of ``host:port`` each; it ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fault_proxy", *targets],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    with process:
        try:
            yield Proxy(process)
        finally:
            process.kill()


class _Port:
    """Be one port in front of one target."""

    def __init__(self, target: str) -> None:
        self._host, _, port = target.partition(":")
        self._target_port = int(port)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._passing = asyncio.Event()
        self._passing.set()
        self._lose = 0
        self._cut = 0
        self.port = lasting_ports(1)[0]

    async def up(self, _count: int) -> None:
        self._lose = self._cut = 0
        self._passing.set()
        if self._server is None:
            self._server = await asyncio.start_server(
                self._serve, _LOOPBACK, self.port, reuse_address=True
            )

    async def down(self, _count: int) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self._end_all()

    async def hang(self, _count: int) -> None:
        self._passing.clear()

    async def lose(self, count: int) -> None:
        self._lose = count

    async def cut(self, count: int) -> None:
        self._cut = count

    def _end_all(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, answers = await asyncio.open_connection(self._host, self._target_port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, answers}
        try:
            await asyncio.gather(
                self._pass_on(reader, answers), self._pass_on(there, writer, is_answer=True)
            )
        except OSError:
            pass
        finally:
            self._writers -= {writer, answers}
            writer.transport.abort()
            answers.transport.abort()

    async def _pass_on(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, is_answer: bool = False
    ) -> None:
        while data := await source.read(_READ):
            await self._passing.wait()
            if is_answer and self._lose:
                self._lose -= 1
                raise ConnectionError
            if is_answer and self._cut:
                data, self._cut = data[: self._cut], max(0, self._cut - len(data))
                if not self._cut:
                    sink.write(data)
                    await sink.drain()
                    raise ConnectionError
            sink.write(data)
            await sink.drain()
        if sink.can_write_eof():
            with suppress(OSError):
                sink.write_eof()


async def _main(targets: Sequence[str]) -> None:
    ports = [_Port(target) for target in targets]
    for each in ports:
        await each.up(0)
    print(json.dumps([each.port for each in ports]), flush=True)  # noqa: T201 - it is the answer
    while line := await asyncio.to_thread(sys.stdin.readline):
        command, number, count = line.split()
        await getattr(ports[int(number)], command)(int(count))
        print("done", flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1:]))

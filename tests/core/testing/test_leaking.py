"""The probe for leaks names whatever is left, and lets everything end that is ending."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from jobyard.testing.leaking import Kind, leaks

Left = AsyncExitStack


async def _task(left: Left, _: Path) -> None:
    task = asyncio.create_task(asyncio.sleep(60), name="forgotten")

    async def end() -> None:
        task.cancel()
        await asyncio.wait({task})

    left.push_async_callback(end)


async def _thread(left: Left, _: Path) -> None:
    event = threading.Event()
    thread = threading.Thread(target=event.wait, name="forgotten")
    thread.start()
    left.callback(thread.join)
    left.callback(event.set)


async def _socket(left: Left, _: Path) -> None:
    left.enter_context(socket.socket())


async def _file(left: Left, folder: Path) -> None:
    path = folder / "forgotten"
    left.enter_context(await anyio.to_thread.run_sync(path.open, "w"))


async def _process(left: Left, _: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)  # noqa: ASYNC220

    def end() -> None:
        process.communicate()

    left.callback(end)


CULPRITS = {
    Kind.TASK: _task,
    Kind.THREAD: _thread,
    Kind.SOCKET: _socket,
    Kind.FILE: _file,
    Kind.PROCESS: _process,
}


@pytest.fixture
async def left() -> AsyncIterator[Left]:
    """What is left, closed after the test."""
    async with AsyncExitStack() as stack:
        yield stack


@pytest.mark.parametrize("kind", Kind)
async def test_what_is_left_is_named(kind: Kind, left: Left, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=rf"left open: .*{kind.value} "):
        async with leaks():
            await CULPRITS[kind](left, tmp_path)


@pytest.mark.parametrize("kind", Kind)
async def test_what_may_stay_is_none(kind: Kind, left: Left, tmp_path: Path) -> None:
    # A process comes with the pipe to it.
    async with leaks(outliving={kind, Kind.FILE} if kind is Kind.PROCESS else {kind}):
        await CULPRITS[kind](left, tmp_path)


@pytest.mark.parametrize("kind", Kind)
async def test_what_was_there_before_is_none(kind: Kind, left: Left, tmp_path: Path) -> None:
    await CULPRITS[kind](left, tmp_path)
    async with leaks():
        pass


async def test_all_that_is_left_is_named_at_once(left: Left, tmp_path: Path) -> None:
    async def all_of_them() -> None:
        async with leaks():
            for culprit in CULPRITS.values():
                await culprit(left, tmp_path)

    with pytest.raises(AssertionError) as caught:
        await all_of_them()

    assert all(re.search(rf"\b{kind.value} ", str(caught.value)) for kind in Kind)


async def test_what_is_ending_may_end() -> None:
    @asynccontextmanager
    async def ending() -> AsyncIterator[None]:
        yield
        asyncio.get_running_loop().call_later(0.05, event.set)

    event = asyncio.Event()
    async with leaks(), ending():
        task = asyncio.create_task(event.wait())

    assert task.done()


async def test_the_pools_of_the_loop_are_nobodys() -> None:
    async with leaks():
        await anyio.to_thread.run_sync(int)
        await asyncio.to_thread(int)


async def test_an_error_comes_out_as_it_is(left: Left, tmp_path: Path) -> None:
    async def fails() -> None:
        async with leaks():
            await _socket(left, tmp_path)
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await fails()

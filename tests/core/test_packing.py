from __future__ import annotations

import anyio
import anyio.lowlevel

from jobyard.coding import Coding
from jobyard.packing import Packed


async def test_of_many_who_ask_at_once_one_has_it_compressed() -> None:
    made: list[bytes] = []
    got: list[bytes] = []

    async def compress(coding: Coding, body: bytes) -> bytes:
        await anyio.lowlevel.checkpoint()
        made.append(body)
        return body[::-1]

    packed = Packed(b"abc")

    async def ask() -> None:
        got.append(await packed.coded(Coding.GZIP, compress))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(ask)

    assert (made, got) == ([b"abc"], [b"cba"] * 5)

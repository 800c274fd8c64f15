"""Hadoop's checksum of a file: what its own client asks for, and can compare with one of HDFS.

It is the MD5 of the MD5s of blocks, and a block's that of the CRC-32s of its pieces. HDFS gives the
same for the same content where it is set to `dfs.checksum.type=CRC32` and to these sizes, which
but for the type are its defaults.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from typing import Final

from jobyard.seams.storage import FileChecksum

BLOCK: Final = 128 * 1024 * 1024
_PIECE: Final = 512
_PIECES: Final = BLOCK // _PIECE
_BUFFER: Final = 32


class HadoopChecksum:
    """Take a file's bytes in, in order."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._block = _md5()
        self._in_block = 0
        self._rest = b""

    def update(self, data: bytes) -> None:
        """Take some."""
        data = self._rest + data
        whole = len(data) - len(data) % _PIECE
        for start in range(0, whole, _PIECE):
            self._piece(data[start : start + _PIECE])
        self._rest = data[whole:]

    def result(self) -> FileChecksum:
        """Give the checksum of all that came."""
        if self._rest:
            self._piece(self._rest)
            self._rest = b""
        if self._in_block:
            self._end_block()
        digests = b"".join(self._blocks)
        # Hadoop sums its whole buffer, which doubles as it fills.
        room = _BUFFER
        while room < len(digests):
            room *= 2
        digest = _md5(digests.ljust(room, b"\0")).digest()
        pieces = _PIECES if len(self._blocks) > 1 else 0
        return _checksum(_PIECE if self._blocks else 0, pieces, digest)

    def _piece(self, data: bytes) -> None:
        self._block.update(zlib.crc32(data).to_bytes(4, "big"))
        self._in_block += 1
        if self._in_block == _PIECES:
            self._end_block()

    def _end_block(self) -> None:
        self._blocks.append(self._block.digest())
        self._block = _md5()
        self._in_block = 0


def _md5(data: bytes = b"") -> hashlib._Hash:
    return hashlib.md5(data, usedforsecurity=False)


def _checksum(piece: int, pieces: int, digest: bytes) -> FileChecksum:
    algorithm = f"MD5-of-{pieces}MD5-of-{piece}CRC32"
    return FileChecksum(algorithm, struct.pack(">iq", piece, pieces) + digest)

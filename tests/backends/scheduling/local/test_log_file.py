from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard_backends.scheduling.local.log_file import BLOCK, Extent, extent, read, trim


def content(size: int) -> bytes:
    return bytes(ord("a") + index % 26 for index in range(size))


@given(size=st.integers(0, 20 * BLOCK), most=st.integers(1, 12 * BLOCK))
def test_the_newest_part_is_kept_and_every_byte_keeps_its_place(
    tmp_path_factory: pytest.TempPathFactory, size: int, most: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "stdout"
    path.write_bytes(content(size))

    trim(path, most)

    there = extent(path)
    assert there.end == size
    assert min(size, most) <= there.end - there.start < most + BLOCK
    at, data = read(path, 0, size + 1)
    assert (at, data) == (there.start if size > there.start else 0, content(size)[there.start :])


def test_what_is_trimmed_takes_no_room_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "stdout"
    path.write_bytes(content(1_000_000))
    before = path.stat().st_blocks

    trim(path, 100_000)

    assert path.stat().st_blocks < before / 4


def test_a_writer_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "stdout"
    with path.open("ab", buffering=0) as file:
        file.write(content(10 * BLOCK))
        trim(path, BLOCK)
        file.write(b"more")

    assert extent(path) == Extent(9 * BLOCK, 10 * BLOCK + 4)
    assert read(path, 10 * BLOCK, 100) == (10 * BLOCK, b"more")


def test_a_log_that_is_not_there_is_empty_and_is_trimmed_in_vain(tmp_path: Path) -> None:
    path = tmp_path / "stdout"

    trim(path, 1)

    assert read(path, 7, 10) == (7, b"")
    with pytest.raises(FileNotFoundError):
        extent(path)

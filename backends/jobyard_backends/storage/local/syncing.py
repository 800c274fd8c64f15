"""Waiting for the disk: once for each folder, however many entries it got."""

from __future__ import annotations

import os
from typing import Self

from jobyard_backends.storage.local.tree import Folder


class Syncing:
    """Remember folders that got entries, and wait for all of them at the end of the block."""

    def __init__(self) -> None:
        self._descriptors: dict[tuple[int, int], int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self._descriptors.values():
            os.close(descriptor)

    def add(self, folder: Folder) -> None:
        """Remember a folder, which may be closed meanwhile."""
        status = os.fstat(folder.fd)
        place = status.st_dev, status.st_ino
        if place not in self._descriptors:
            self._descriptors[place] = folder.reader()

    def wait(self) -> None:
        """Wait until the entries of all of them are on the disk."""
        for descriptor in self._descriptors.values():
            os.fsync(descriptor)

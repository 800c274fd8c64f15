"""Where the files lie that containers are started from.

A reader brings a source location (a path, or an address such as ``hdfs://cluster/path``) to a
path that does not exist yet, and tells whether it was there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit
from urllib.request import ProxyHandler, build_opener

from anyio import to_thread

SourceReader = Callable[[str, Path], Awaitable[bool]]

_SECONDS: Final = 10.0


def path_of(location: str) -> str:
    """Give the path of a location, without the address of what it lies in."""
    return urlsplit(location).path if "://" in location else location


def name_of(location: str) -> str:
    """Give the name under which a container finds a location."""
    return path_of(location).rstrip("/").rpartition("/")[2]


def local_sources(root: Path) -> SourceReader:
    """Read from a folder of this machine that stands for the root of HDFS."""

    async def read(location: str, target: Path) -> bool:
        source = root / path_of(location).lstrip("/")
        return await to_thread.run_sync(_copy, source, target)

    return read


def _copy(source: Path, target: Path) -> bool:
    if source.is_dir():
        shutil.copytree(source, target)
    elif source.is_file():
        shutil.copy2(source, target)
    else:
        return False
    return True


def webhdfs_sources(url: str, user: str) -> SourceReader:
    """Read over WebHDFS, below ``url`` (``http://host:port/webhdfs/v1``), as ``user``."""

    async def read(location: str, target: Path) -> bool:
        return await to_thread.run_sync(_WebHdfs(url, user).fetch, path_of(location), target)

    return read


class _WebHdfs:
    def __init__(self, url: str, user: str) -> None:
        self._url = url.rstrip("/")
        self._user = user
        # A proxy of the environment is no business of a test's.
        self._opener = build_opener(ProxyHandler({}))

    def fetch(self, path: str, target: Path) -> bool:
        try:
            status = self._json(path, "GETFILESTATUS")["FileStatus"]
        except FileNotFoundError:
            return False
        self._fetch(path, target, folder=status["type"] == "DIRECTORY")
        return True

    def _fetch(self, path: str, target: Path, *, folder: bool) -> None:
        if not folder:
            target.write_bytes(self._get(path, "OPEN"))
            return
        target.mkdir()
        for entry in self._json(path, "LISTSTATUS")["FileStatuses"]["FileStatus"]:
            name = entry["pathSuffix"]
            self._fetch(f"{path}/{name}", target / name, folder=entry["type"] == "DIRECTORY")

    def _json(self, path: str, operation: str) -> Any:
        return json.loads(self._get(path, operation))

    def _get(self, path: str, operation: str) -> bytes:
        address = f"{self._url}{quote(path)}?op={operation}&user.name={quote(self._user)}"
        try:
            with self._opener.open(address, timeout=_SECONDS) as answer:
                content: bytes = answer.read()
                return content
        except OSError as error:
            if getattr(error, "code", None) == 404:
                raise FileNotFoundError(path) from error
            raise

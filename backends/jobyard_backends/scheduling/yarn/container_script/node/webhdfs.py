"""HTTP, and the part of WebHDFS that a task needs."""

from __future__ import annotations

import json
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request
from http import HTTPStatus
from typing import Any

SECONDS = 20.0
BLOCK = 1024 * 1024


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Leave redirections to the caller: a PUT has to be sent on by hand."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing."""


def request(method: str, url: str, body: bytes | None = None) -> tuple[int, bytes, str]:
    """Send a request; give status, body and Location of its answer."""
    message = urllib.request.Request(url, data=body, method=method)  # noqa: S310 - ours
    message.add_header("Content-Type", "application/octet-stream")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect)
    try:
        with opener.open(message, timeout=SECONDS) as answer:
            return answer.status, answer.read(), ""
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers.get("Location", "")


class WebHdfs:
    """Read and write below an address; ``query`` says who asks."""

    def __init__(self, url: str, query: str) -> None:
        self._url = url.rstrip("/")
        self._query = query

    def _address(self, path: str, operation: str) -> str:
        below = "/" + urllib.parse.quote(path) if path else ""
        return f"{self._url}{below}?op={operation}" + (f"&{self._query}" if self._query else "")

    def _get(self, path: str, operation: str) -> bytes:
        status, body, location = request("GET", self._address(path, operation))
        if location:
            status, body, _ = request("GET", location)
        if status == HTTPStatus.NOT_FOUND:
            raise FileNotFoundError(path or self._url)
        if status != HTTPStatus.OK:
            raise OSError(f"{operation} of {path or self._url}: status {status}")
        return body

    def write(self, path: str, body: bytes) -> None:
        """Write a file, in WebHDFS's two steps."""
        address = self._address(path, "CREATE&overwrite=true")
        status, _, location = request("PUT", address)
        if location:
            status, _, _ = request("PUT", location, body)
        if status != HTTPStatus.CREATED:
            raise OSError(f"CREATE of {path}: status {status}")

    def names(self) -> list[str]:
        """List the folder; one that is not there yet is empty."""
        try:
            found = json.loads(self._get("", "LISTSTATUS"))["FileStatuses"]["FileStatus"]
        except FileNotFoundError:
            return []
        return [str(entry["pathSuffix"]) for entry in found]

    def document(self, path: str) -> Any:
        """Read a small JSON file, or ``None`` while it is not whole."""
        try:
            return json.loads(self._get(path, "OPEN"))
        except ValueError:
            return None

    def fetch(self, path: str, target: str) -> None:
        """Bring a file or a folder to a path that does not exist."""
        status = json.loads(self._get(path, "GETFILESTATUS"))["FileStatus"]
        if status["type"] != "DIRECTORY":
            self._fetch_file(path, target)
            return
        os.mkdir(target)  # noqa: PTH102 - pathlib imports more than a node has time for
        for entry in json.loads(self._get(path, "LISTSTATUS"))["FileStatuses"]["FileStatus"]:
            name = str(entry["pathSuffix"])
            if name in {"", ".", ".."} or "/" in name:
                raise OSError(f"{path}: no name for a file: {name!r}")
            self.fetch(f"{path}/{name}" if path else name, f"{target}/{name}")

    def _fetch_file(self, path: str, target: str) -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        address = self._address(path, "OPEN")
        with opener.open(address, timeout=SECONDS) as answer, open(target, "wb") as file:  # noqa: PTH123
            shutil.copyfileobj(answer, file, BLOCK)

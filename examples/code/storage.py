"""Read and write the gateway's storage over WebHDFS, with nothing but the standard library.

A task finds its folders in ``PAI_DATA_DIR`` and ``PAI_OUTPUT_DIR``, which are URLs below
``PAI_DEFAULT_FS_URI``, and shows the token in ``PAI_STORAGE_TOKEN`` to get in.
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

TIMEOUT: Final = 30.0
"""Seconds that one request may take."""


class _StandStill(urllib.request.HTTPRedirectHandler):
    """Leave redirects to the caller: the second step repeats the method and adds the data."""

    def redirect_request(self, *_: object) -> None:
        return None


_opener: Final = urllib.request.build_opener(_StandStill)


class Storage:
    """Be the storage as one user sees it."""

    def __init__(self, token: str) -> None:
        self._token = token

    @classmethod
    def of_this_task(cls) -> Storage:
        """Use the token that the gateway gave to this task."""
        return cls(os.environ["PAI_STORAGE_TOKEN"])

    def read(self, url: str) -> bytes:
        """Give the bytes of a file."""
        return self._two_steps("GET", url, {"op": "OPEN"}, None)

    def write(self, url: str, content: bytes) -> None:
        """Write a file whole; folders on the way are made."""
        self._two_steps("PUT", url, {"op": "CREATE", "overwrite": "true"}, content)

    def exists(self, url: str) -> bool:
        """Tell whether there is a file or a folder."""
        try:
            self._send("GET", self._with(url, {"op": "GETFILESTATUS"}), None)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:  # noqa: PLR2004 - the status that says "no such file"
                    return False
                raise
        return True

    def _two_steps(
        self, method: str, url: str, query: Mapping[str, str], content: bytes | None
    ) -> bytes:
        try:
            return self._send(method, self._with(url, query), None)
        except urllib.error.HTTPError as answer:
            with answer:
                if answer.code != 307:  # noqa: PLR2004 - the status that says where the data goes
                    raise
                place = answer.headers["Location"]
        return self._send(method, place, content)

    def _send(self, method: str, url: str, content: bytes | None) -> bytes:
        request = urllib.request.Request(url, data=content, method=method)
        request.add_header("Authorization", f"Bearer {self._token}")
        if content is not None:
            request.add_header("Content-Type", "application/octet-stream")
        with _opener.open(request, timeout=TIMEOUT) as response:
            body: bytes = response.read()
        return body

    @staticmethod
    def _with(url: str, query: Mapping[str, str]) -> str:
        parts = urlsplit(url)
        return urlunsplit((parts.scheme, parts.netloc, quote(parts.path), urlencode(query), ""))

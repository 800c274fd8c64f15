"""What a request for files asks: the path, and the parameters of its query."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, urlencode

from attrs import frozen
from starlette.requests import Request

from jobyard.domain.identity import Actor
from jobyard.routes.dispatch import split
from jobyard.seams.storage import InvalidPath, normalise
from jobyard.wire.webhdfs import WebHdfsError

_DIGITS: Final = re.compile(r"[0-9]{1,19}")
_OCTAL: Final = re.compile(r"0?[01]?[0-7]{1,3}")
_LARGEST: Final = 2**63 - 1


class Parameters:
    """Read the parameters of a query; their names are known in any case, as in Hadoop."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._pairs = tuple(pairs)
        self._values: dict[str, str] = {}
        for name, value in self._pairs:
            self._values.setdefault(name.lower(), value)

    def text(self, name: str, default: str = "") -> str:
        """Give a parameter as it is."""
        return self._values.get(name.lower(), default)

    def flag(self, name: str) -> bool:
        """Give a truth value; the default is false.

        Raises:
            WebHdfsError: It is something else.
        """
        text = self.text(name).lower()
        if text not in ("", "true", "false"):
            raise WebHdfsError.argument(name, f'Failed to parse "{text[:80]}" to Boolean.')
        return text == "true"

    def number(self, name: str) -> int | None:
        """Give a number from 0; ``None`` where there is none.

        Raises:
            WebHdfsError: It is something else.
        """
        text = self.text(name)
        if text in ("", "null"):
            return None
        if _DIGITS.fullmatch(text) is None or int(text) > _LARGEST:
            why = f'"{text[:80]}" is not a number from 0 to {_LARGEST}.'
            raise WebHdfsError.argument(name, why)
        return int(text)

    def mode(self) -> int | None:
        """Give the permission bits, 0..0o1777; ``None`` where there are none.

        Raises:
            WebHdfsError: It is something else.
        """
        text = self.text("permission")
        if text in ("", "null"):
            return None
        if _OCTAL.fullmatch(text) is None:
            why = f'Failed to parse "{text[:80]}" as a radix-8 short integer.'
            raise WebHdfsError.argument("permission", why)
        return int(text, 8)

    def path(self, name: str) -> str:
        """Give an absolute path, normalised.

        Raises:
            WebHdfsError: It is none.
        """
        text = self.text(name)
        if not text.startswith("/"):
            why = f'Invalid parameter value: {name} = "{text[:80]}" is not an absolute path.'
            raise WebHdfsError.argument(name, why)
        return normalise(text)

    def but(self, *names: str) -> list[tuple[str, str]]:
        """Give all parameters, as they were sent, but those of these names."""
        return [(name, value) for name, value in self._pairs if name.lower() not in names]


@frozen
class FileRequest:
    """Be a request for a file or folder: who asks, where, and how.

    ``path`` is the storage's own, normalised; ``root`` the address of the storage's root.
    """

    request: Request
    path: str
    root: str
    parameters: Parameters
    user: Actor

    @property
    def address(self) -> str:
        """Give the address of the path itself."""
        return self.root + quote(self.path)

    def second_step(self) -> str:
        """Give the address that the data goes to, or comes from.

        What the caller sent in the query stays, a ``delegation`` too; what was in a header is the
        client's to send again.
        """
        pairs = self.parameters.but("noredirect", "step")
        return f"{self.address}?{urlencode([*pairs, ('step', 'data')])}"


def file_path(raw: str) -> str:
    """Read a path as it was sent: every name is decoded once, and ``%2F`` is no border of names.

    Raises:
        InvalidParameters: A percent sequence is malformed.
        InvalidPath: It can name nothing in a storage.
    """
    names = split(raw)
    if any("/" in name for name in names):
        message = "Invalid path name: a name holds no slash, encoded or not"
        raise InvalidPath(message)
    return normalise("/".join(names))

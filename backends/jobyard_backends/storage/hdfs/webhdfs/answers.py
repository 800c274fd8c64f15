"""The values that answers hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import httpx
from attrs import frozen

from jobyard_backends.storage.hdfs.webhdfs.failures import NoAnswer

T = TypeVar("T", bound="Status | Listing | Summary | Checksum")
Json = Mapping[str, Any]


@frozen
class Status:
    """Be what a NameNode knows of a file or folder; times are milliseconds since the epoch.

    ``name`` is the path below what was asked for: empty for that itself.
    """

    name: str
    is_folder: bool
    length: int
    mode: int
    owner: str
    group: str
    modified_at: int
    accessed_at: int
    file_id: int
    children: int

    @classmethod
    def of(cls, said: Json) -> Status:
        """Read a ``FileStatus``."""
        return cls(
            name=str(said["pathSuffix"]),
            is_folder=said["type"] == "DIRECTORY",
            length=int(said["length"]),
            mode=int(said["permission"], 8),
            owner=str(said["owner"]),
            group=str(said["group"]),
            modified_at=int(said["modificationTime"]),
            accessed_at=int(said["accessTime"]),
            file_id=int(said.get("fileId", 0)),
            children=int(said.get("childrenNum", 0)),
        )


@frozen
class Listing:
    """Be one batch of a folder; ``remaining`` is how many entries follow."""

    entries: tuple[Status, ...]
    remaining: int

    @classmethod
    def of(cls, said: Json) -> Listing:
        """Read a ``DirectoryListing``."""
        entries = said["partialListing"]["FileStatuses"]["FileStatus"]
        return cls(tuple(map(Status.of, entries)), int(said["remainingEntries"]))


@frozen
class Summary:
    """Count what lies below a path; ``length`` and ``space_consumed`` are bytes."""

    files: int
    folders: int
    length: int
    space_consumed: int

    @classmethod
    def of(cls, said: Json) -> Summary:
        """Read a ``ContentSummary``."""
        return cls(
            int(said["fileCount"]),
            int(said["directoryCount"]),
            int(said["length"]),
            int(said["spaceConsumed"]),
        )


@frozen
class Checksum:
    """Be a checksum; ``digest`` is hexadecimal, of ``length`` bytes."""

    algorithm: str
    digest: str
    length: int

    @classmethod
    def of(cls, said: Json) -> Checksum:
        """Read a ``FileChecksum``."""
        return cls(str(said["algorithm"]), str(said["bytes"]), int(said["length"]))


def answered(response: httpx.Response, key: str) -> Any:
    """Give what an answer's JSON holds under a key.

    Raises:
        NoAnswer: It is no such JSON.
    """
    try:
        return response.json()[key]
    except (ValueError, KeyError, TypeError) as error:
        detail = f"{response.url.copy_with(query=None)}: {error!r}"
        raise NoAnswer("What answers is no NameNode.", detail) from error


def read_as(kind: type[T], response: httpx.Response, key: str) -> T:
    """Read a value of an answer.

    Raises:
        NoAnswer: It is no such answer.
    """
    said = answered(response, key)
    try:
        return kind.of(said)  # type: ignore[return-value]
    except (ValueError, KeyError, TypeError) as error:
        detail = f"{response.url.copy_with(query=None)}: {key}: {error!r}"
        raise NoAnswer("What answers is no NameNode.", detail) from error

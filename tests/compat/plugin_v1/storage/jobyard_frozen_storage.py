"""Files in memory, everybody's."""

import hashlib
import posixpath
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from contextlib import asynccontextmanager

from attrs import frozen

import jobyard
from jobyard.domain.identity import Actor
from jobyard.errors import NotFound
from jobyard.schema import option
from jobyard.seams.context import Context
from jobyard.seams.provider import StorageProvider, storage_provider
from jobyard.seams.storage import (
    AlreadyExists,
    ContentSummary,
    FileChecksum,
    FileKind,
    FilePage,
    FileStatus,
    IsAFolder,
    NotAFolder,
    NotEmpty,
    Storage,
    StorageFull,
    StorageSettings,
)


Names = list[str]


@frozen
class Settings(StorageSettings):
    bytes: int = option(default=1_000_000, minimum=1, doc="How much there is room for.")


class Files:
    def __init__(self, settings: Settings, context: Context) -> None:
        self._room = settings.bytes
        self._clock = context.clock
        self._files: dict[str, bytes | None] = {"/": None}
        self._modes: dict[str, int] = {}

    async def stat(self, path: str, *, as_user: Actor) -> FileStatus:
        return self._status(path)

    async def list(self, path: str, after: str | None, limit: int, *, as_user: Actor) -> FilePage:
        if self._content(path) is not None:
            return FilePage((self._status(path),))
        names = [name for name in self._names(path) if after is None or name > after]
        page = names[:limit]
        rest = len(names) - len(page)
        entries = tuple(self._status(posixpath.join(path, name)) for name in page)
        return FilePage(entries, page[-1] if rest else None, rest)

    async def read(
        self, path: str, offset: int = 0, length: int | None = None, *, as_user: Actor
    ) -> AsyncIterator[bytes]:
        content = self._content(path)
        if content is None:
            raise IsAFolder(f"{path} is a folder")
        yield content[offset:] if length is None else content[offset : offset + length]

    async def write(
        self,
        path: str,
        chunks: AsyncIterable[bytes],
        *,
        overwrite: bool,
        mode: int | None = None,
        only_whole: bool = True,
        as_user: Actor,
    ) -> None:
        self._check_file(path)
        if path in self._files and not overwrite:
            raise AlreadyExists(f"{path} exists")
        content = b"".join([chunk async for chunk in chunks])
        await self.mkdirs(posixpath.dirname(path), as_user=as_user)
        self._put(path, content)
        self._modes[path] = 0o644 if mode is None else mode

    async def append(self, path: str, chunks: AsyncIterable[bytes], *, as_user: Actor) -> None:
        content = self._content(path)
        if content is None:
            raise IsAFolder(f"{path} is a folder")
        self._put(path, content + b"".join([chunk async for chunk in chunks]))

    async def mkdirs(self, path: str, *, mode: int | None = None, as_user: Actor) -> None:
        parts = [path]
        while parts[-1] != "/":
            parts.append(posixpath.dirname(parts[-1]))
        if any(self._files.get(part) is not None for part in parts):
            raise NotAFolder(f"a part of {path} is a file")
        for part in parts:
            if part not in self._files:
                self._files[part] = None
                self._modes[part] = 0o755 if mode is None else mode

    async def rename(self, source: str, target: str, *, as_user: Actor) -> bool:
        if source not in self._files or source == "/":
            return False
        if target in self._files:
            if self._files[target] is not None:
                return False
            target = posixpath.join(target, posixpath.basename(source))
        if target in self._files or f"{target}/".startswith(f"{source}/"):
            return False
        if self._files.get(posixpath.dirname(target), b"") is not None:
            return False
        for path in self._below(source):
            moved = target + path[len(source) :]
            self._files[moved] = self._files.pop(path)
            self._modes[moved] = self._modes.pop(path)
        return True

    async def remove(self, path: str, *, recursive: bool, as_user: Actor) -> bool:
        below = [each for each in self._below(path) if each != "/"]
        if not below:
            return False
        if len(below) > 1 and not recursive:
            raise NotEmpty(f"{path} is not empty")
        for each in below:
            del self._files[each]
        return True

    async def chmod(self, path: str, mode: int, *, as_user: Actor) -> None:
        self._content(path)
        self._modes[path] = mode

    async def summary(self, path: str, *, as_user: Actor) -> ContentSummary:
        self._content(path)
        contents = [self._files[each] for each in self._below(path)]
        length = sum(len(content) for content in contents if content is not None)
        folders = sum(content is None for content in contents)
        return ContentSummary(len(contents) - folders, folders, length, length)

    async def checksum(self, path: str, *, as_user: Actor) -> FileChecksum:
        content = self._content(path)
        if content is None:
            raise IsAFolder(f"{path} is a folder")
        return FileChecksum("SHA-256", hashlib.sha256(content).digest())

    async def ping(self) -> None:
        return None

    def _content(self, path: str) -> bytes | None:
        if path not in self._files:
            raise NotFound(f"there is no {path}")
        return self._files[path]

    def _check_file(self, path: str) -> None:
        if path in self._files and self._files[path] is None:
            raise IsAFolder(f"{path} is a folder")

    def _put(self, path: str, content: bytes) -> None:
        others = sum(len(each or b"") for name, each in self._files.items() if name != path)
        if others + len(content) > self._room:
            raise StorageFull("there is no room")
        self._files[path] = content

    def _names(self, path: str) -> Names:
        return sorted(
            posixpath.basename(each)
            for each in self._files
            if each != "/" and posixpath.dirname(each) == path
        )

    def _below(self, path: str) -> Names:
        prefix = path if path == "/" else f"{path}/"
        return [each for each in list(self._files) if each == path or each.startswith(prefix)]

    def _status(self, path: str) -> FileStatus:
        content = self._content(path)
        now = self._clock.now()
        return FileStatus(
            name=posixpath.basename(path),
            kind=FileKind.FOLDER if content is None else FileKind.FILE,
            size=len(content or b""),
            mode=self._modes.get(path, 0o755),
            owner="frozen",
            group="frozen",
            modified_at=now,
            accessed_at=now,
            children=len(self._names(path)),
        )


@asynccontextmanager
async def _open(settings: Settings, context: Context) -> AsyncIterator[Storage]:
    yield Files(settings, context)


@jobyard.hookimpl
def jobyard_storage_providers() -> Iterable[StorageProvider]:
    return [
        storage_provider(
            name="frozen",
            api=1,
            summary="Files in memory.",
            config=Settings,
            open=_open,
        )
    ]

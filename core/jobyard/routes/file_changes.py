"""Changes of files and folders that need no data (contract, section 8)."""

from __future__ import annotations

from typing import Final

from jobyard.errors import NotFound
from jobyard.routes.endpoint import BYTES, Answer, json_answer
from jobyard.routes.file_parameters import FileRequest
from jobyard.seams.storage import FileStatus, Storage
from jobyard.wire.webhdfs import EXISTS, FILE_NOT_FOUND, WebHdfsError

_DEFAULT_MODE: Final = 0o755
_EMPTY: Final = Answer(200, headers=(BYTES,))
_OPTIONS: Final = ("NONE", "OVERWRITE")


class FileChanges:
    """Make, move, remove, and set permissions."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def make_folders(self, asked: FileRequest) -> Answer:
        """Answer MKDIRS; the folder being there is good."""
        mode = asked.parameters.mode()
        await self._storage.mkdirs(asked.path, mode=mode, as_user=asked.user)
        return json_answer({"boolean": True})

    async def remove(self, asked: FileRequest) -> Answer:
        """Answer DELETE."""
        recursive = asked.parameters.flag("recursive")
        was_there = await self._storage.remove(asked.path, recursive=recursive, as_user=asked.user)
        return json_answer({"boolean": was_there})

    async def set_permission(self, asked: FileRequest) -> Answer:
        """Answer SETPERMISSION."""
        mode = asked.parameters.mode()
        wanted = _DEFAULT_MODE if mode is None else mode
        await self._storage.chmod(asked.path, wanted, as_user=asked.user)
        return _EMPTY

    async def rename(self, asked: FileRequest) -> Answer:
        """Answer RENAME: whether it was done, or with ``renameoptions`` why not.

        OVERWRITE takes the target away first; it is a file or an empty folder.
        """
        target = asked.parameters.path("destination")
        options = asked.parameters.text("renameoptions").upper()
        if not options:
            return json_answer(
                {"boolean": await self._storage.rename(asked.path, target, as_user=asked.user)}
            )
        if options not in _OPTIONS:
            why = f"{options[:80]} is not one of {', '.join(_OPTIONS)}."
            raise WebHdfsError.argument("renameoptions", why)
        await self._clear(asked, target, overwrite=options == "OVERWRITE")
        if not await self._storage.rename(asked.path, target, as_user=asked.user):
            message = f"rename from {asked.path} to {target} failed."
            raise WebHdfsError(FILE_NOT_FOUND, message)
        return _EMPTY

    async def _clear(self, asked: FileRequest, target: str, *, overwrite: bool) -> None:
        """See to it that the source is there and the target is not."""
        source = await self._find(asked, asked.path)
        if source is None:
            raise WebHdfsError(FILE_NOT_FOUND, f"rename source {asked.path} is not found.")
        found = await self._find(asked, target)
        if found is None:
            return
        if not overwrite:
            raise WebHdfsError(EXISTS, f"rename destination {target} already exists")
        if source.kind is not found.kind or f"{asked.path}/".startswith(f"{target}/"):
            message = f"rename source {asked.path} and destination {target} do not go together"
            raise WebHdfsError(EXISTS, message)
        await self._storage.remove(target, recursive=False, as_user=asked.user)

    async def _find(self, asked: FileRequest, path: str) -> FileStatus | None:
        try:
            return await self._storage.stat(path, as_user=asked.user)
        except NotFound:
            return None

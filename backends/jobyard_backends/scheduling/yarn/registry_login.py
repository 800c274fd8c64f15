"""The login for a registry of images, from a job's ``authFile``."""

from __future__ import annotations

import base64
from typing import Final

import orjson

from jobyard.domain.identity import Actor
from jobyard.domain.job import JobSubmission
from jobyard.domain.paths import storage_path
from jobyard.errors import NotFound
from jobyard.seams.scheduling import Refused
from jobyard.seams.storage import IsAFolder, NotAFolder, NotPermitted, Storage
from jobyard.secret import Secret

_BAD_REQUEST: Final = 400
_LARGEST: Final = 16 * 1024
_LINES: Final = 3


async def registry_config(storage: Storage, job: JobSubmission) -> Secret | None:
    """Give the ``config.json`` that a container engine logs in with; ``None`` without a file.

    The file has three lines: the registry, the user, the password.

    Raises:
        Refused: The file is not there, not the submitter's to read, or something else.
        Unavailable: The storage does not answer.
    """
    shown = job.config.auth_file
    if not shown:
        return None
    path = storage_path(shown, job.fs_uri)
    if path is None:
        message = f"authFile: {shown} does not lie in this gateway's storage, {job.fs_uri}"
        raise Refused(message, status=_BAD_REQUEST)
    try:
        content = b""
        async for chunk in storage.read(path, 0, _LARGEST, as_user=Actor(job.submitter)):
            content += chunk
    except (NotFound, NotPermitted, NotAFolder, IsAFolder) as error:
        raise Refused(f"authFile: {error.message}", status=_BAD_REQUEST) from error
    return _config_of(content, shown)


def _config_of(content: bytes, shown: str) -> Secret:
    try:
        lines = content.decode().split()
    except UnicodeDecodeError:
        lines = []
    if len(lines) != _LINES:
        message = (
            f"authFile: {shown} has to be three lines, the registry, the user name and the "
            "password, of at most 16 KiB in all"
        )
        raise Refused(message, status=_BAD_REQUEST)
    registry, user, password = lines
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Secret(orjson.dumps({"auths": {registry: {"auth": login}}}).decode())

"""Read what a job's ``authFile`` says: how to log in to the registry that has its image."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

from attrs import frozen

from jobyard.domain.identity import Actor
from jobyard.domain.job import JobSubmission
from jobyard.domain.paths import storage_path
from jobyard.errors import NotFound, Rejected
from jobyard.seams.storage import InvalidPath, Storage
from jobyard.secret import Secret

LARGEST_AUTH_FILE: Final = 4096
"""Bytes of a file that holds a login."""

_LINES: Final = 3


class AuthFileUnusable(Exception):
    """Say why a job's ``authFile`` is of no use; the same tomorrow, and without its content."""


@frozen
class RegistryLogin:
    """Be who pulls the image: the registry's host, with its port where it has one, and a user."""

    server: str
    username: str
    password: Secret


async def registry_login(storage: Storage, job: JobSubmission) -> RegistryLogin | None:
    """Read the login as the job's submitter; ``None`` where the job names no file.

    The file has three lines: the registry, the user, the password (OpenPAI's ``authFile``).

    Raises:
        AuthFileUnusable: It is not there, not readable for the submitter, or no such file.
        BackendError: The storage failed.
    """
    shown = job.config.auth_file
    if not shown:
        return None
    path = storage_path(shown, job.fs_uri)
    if path is None:
        raise AuthFileUnusable(f"authFile {shown} does not lie in this gateway's storage")
    try:
        content = await _content(storage, path, Actor(account=job.submitter))
    except NotFound as error:
        raise AuthFileUnusable(f"authFile {shown} does not exist") from error
    except (Rejected, InvalidPath) as error:
        raise AuthFileUnusable(f"authFile {shown} cannot be read: {error.message}") from error
    login = _login(content)
    if login is None:
        raise AuthFileUnusable(
            f"authFile {shown} has to have three lines, the registry, the user and the password, "
            f"in at most {LARGEST_AUTH_FILE} bytes of UTF-8"
        )
    return login


async def _content(storage: Storage, path: str, actor: Actor) -> bytes:
    """Read no more than tells that a file is too large."""
    content = bytearray()
    chunks = storage.read(path, 0, LARGEST_AUTH_FILE + 1, as_user=actor)
    try:
        async for chunk in chunks:
            content += chunk
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()
    return bytes(content)


def _login(content: bytes) -> RegistryLogin | None:
    if len(content) > LARGEST_AUTH_FILE:
        return None
    try:
        lines = [line.removesuffix("\r") for line in content.decode().rstrip("\r\n").split("\n")]
    except UnicodeDecodeError:
        return None
    if len(lines) != _LINES or not all(lines):
        return None
    server, username, password = lines
    return RegistryLogin(server.strip(), username.strip(), Secret(password))

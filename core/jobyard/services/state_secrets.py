"""Secrets that are made at the first start, and lie in the state directory with mode 600."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import anyio.to_thread

from jobyard.errors import JobyardError
from jobyard.secret import Secret

LOG: Final = logging.getLogger("jobyard.secrets")

JWT_SECRET_FILE: Final = "jwt-secret"  # noqa: S105 - the name of a file
ADMIN_PASSWORD_FILE: Final = "admin-password"  # noqa: S105 - the name of a file

_ENTROPY: Final = 48
_PASSWORD_ENTROPY: Final = 18
_OTHERS: Final = 0o077


class UnusableSecret(JobyardError):
    """Report a file that should hold a secret and does not."""


async def jwt_secrets(configured: Sequence[Secret], state_dir: Path) -> tuple[Secret, ...]:
    """Give the secrets for tokens: the configured ones, else the state directory's own.

    Raises:
        UnusableSecret: The file is empty, or cannot be read or written.
    """
    if configured:
        return tuple(configured)
    path = state_dir / JWT_SECRET_FILE
    return (await anyio.to_thread.run_sync(_kept, path),)


async def keep_password(state_dir: Path, password: Secret) -> Path:
    """Write the first administrator's password down, in place of an older one.

    Raises:
        UnusableSecret: The file cannot be written.
    """
    path = state_dir / ADMIN_PASSWORD_FILE
    await anyio.to_thread.run_sync(_replace, path, password)
    return path


async def forget_password(state_dir: Path) -> None:
    """Remove the written password; none is good."""
    path = state_dir / ADMIN_PASSWORD_FILE
    await anyio.to_thread.run_sync(lambda: path.unlink(missing_ok=True))


def new_password() -> Secret:
    """Make a password of 144 bits."""
    return Secret(secrets.token_urlsafe(_PASSWORD_ENTROPY))


def _kept(path: Path) -> Secret:
    try:
        if not path.exists():
            _create(path, Secret(secrets.token_urlsafe(_ENTROPY)))
        if path.stat().st_mode & _OTHERS:
            LOG.warning("%s could be read by others; its mode is set to 600", path)
            path.chmod(0o600)
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(path, error) from error
    if not text:
        message = f"{path} is empty; remove it, and a new secret is made."
        raise UnusableSecret(message)
    return Secret(text)


def _create(path: Path, secret: Secret) -> None:
    """Write a new file whole; of two who do so at once, the first wins."""
    written = _write_beside(path, secret)
    try:
        os.link(written, path)
    except FileExistsError:
        LOG.debug("%s was made by another meanwhile", path)
    finally:
        written.unlink()
    _sync_folder(path.parent)


def _replace(path: Path, secret: Secret) -> None:
    try:
        _write_beside(path, secret).replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _unusable(path, error) from error


def _write_beside(path: Path, secret: Secret) -> Path:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with open(os.open(beside, flags, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
        file.write(f"{secret.reveal()}\n")
        file.flush()
        os.fsync(file.fileno())
    return beside


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(path: Path, error: Exception) -> UnusableSecret:
    reason = getattr(error, "strerror", None) or "not a text"
    return UnusableSecret(f"{path} cannot be used: {reason}.", detail=repr(error))

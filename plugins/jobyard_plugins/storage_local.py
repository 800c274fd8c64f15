"""The storage that comes with Jobyard: a folder of this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from attrs import frozen

from jobyard.hookspecs import hookimpl
from jobyard.schema import option
from jobyard.seams.context import Context
from jobyard.seams.diagnosis import Check
from jobyard.seams.provider import StorageProvider, storage_provider
from jobyard.seams.storage import Storage, StorageSettings

_UNITS: Final = {"KB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}


@frozen
class LocalStorageConfig(StorageSettings):
    """Be what a deployer can set of the storage in a folder."""

    root: Path | None = option(
        default=None,
        example="/srv/jobyard/files",
        doc="The folder that holds the files; made where it is missing. Default: `storage` in "
        "the state directory. Below `/user`, `/Output` and `/Container` in it each user has a "
        "folder; whatever else is to be shared, give it the permission bits for that.",
    )
    quota_per_user: str | None = option(
        default=None,
        pattern=r"[1-9][0-9]{0,11} ?[KMGT]B",
        example="200 GB",
        doc="How much the files in a user's folders may have together, those below `/user`, "
        "`/Output` and `/Container`; 1 KB is 1024 bytes. What would be more is refused, whoever "
        "writes it. Without it: what the disk holds.",
    )


@asynccontextmanager
async def _open(config: LocalStorageConfig, context: Context) -> AsyncIterator[Storage]:
    from jobyard_backends.storage.local import open_backend  # noqa: PLC0415 - not before chosen

    async with open_backend(_root(config, context), context.tasks, _quota(config)) as storage:
        yield storage


@asynccontextmanager
async def _diagnose(config: LocalStorageConfig, context: Context) -> AsyncIterator[Sequence[Check]]:
    from jobyard_backends.storage.local.diagnosis import diagnosis  # noqa: PLC0415 - as above

    async with diagnosis(_root(config, context), context.tasks) as checks:
        yield checks


def _root(config: LocalStorageConfig, context: Context) -> Path:
    return context.state_dir / "storage" if config.root is None else config.root


def _quota(config: LocalStorageConfig) -> int | None:
    """Give the bytes that the setting says."""
    text = config.quota_per_user
    if text is None:
        return None
    return int(text[:-2]) * _UNITS[text[-2:]]


@hookimpl
def jobyard_storage_providers() -> tuple[StorageProvider, ...]:
    """Announce the storage."""
    return (
        storage_provider(
            name="local",
            api=1,
            summary="Files in a folder of the gateway's machine.",
            config=LocalStorageConfig,
            open=_open,
            diagnose=_diagnose,
        ),
    )

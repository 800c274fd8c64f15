"""The files of a job: what the launcher fetches for its tasks, and what OpenPAI left behind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Final

import anyio
import orjson
from anyio import to_thread

from jobyard.domain.identity import SYSTEM, Actor
from jobyard.domain.job import FrameworkName, JobSubmission, SubmissionId
from jobyard.domain.status import SshContainer
from jobyard.errors import NotFound
from jobyard.seams.storage import NotAFolder, Storage
from jobyard_backends.scheduling.yarn.descriptor import SCRIPTS, folder_of, submission_in

DESCRIPTION: Final = "FrameworkDescription.json"
DAEMONS: Final = "ssh/daemons"
"""Where containers of ours note down their SSH daemons; OpenPAI has a folder for each attempt."""

_CONFIG: Final = "JobConfig.json"
_OLD_CONFIGS: Final = ("JobConfig.yaml", "JobConfig.json")
_SECRET: Final = 0o600
_LARGEST: Final = 1024 * 1024
_PAGE: Final = 1000


class Files:
    """Keep the folders of jobs, ``/Container/$user/$framework``, in the chosen storage."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def write(
        self, job: JobSubmission, descriptor: Mapping[str, object], scripts: Mapping[str, bytes]
    ) -> None:
        """Write all files of a job; those of before are replaced.

        The description comes first: it says whose folder it is. ``scripts`` are the start scripts
        by their path below the folder.

        Raises:
            BackendError: What the storage raised.
        """
        folder = folder_of(job.submitter, str(job.name))
        actor = Actor(job.submitter)
        await self._put(folder, actor, DESCRIPTION, orjson.dumps(descriptor))
        contents: dict[str, bytes] = {_CONFIG: job.document}
        secrets: dict[str, bytes] = dict(scripts)
        if job.keys is not None:
            key = f"ssh/keyFiles/{job.name}"
            contents[f"{key}.pub"] = job.keys.public.encode()
            secrets[key] = job.keys.private
        try:
            async with anyio.create_task_group() as group:
                for name in ("log", "tmp", DAEMONS):
                    group.start_soon(self._make, f"{folder}/{name}", actor)
                for name, content in contents.items():
                    group.start_soon(self._put, folder, actor, name, content)
                for name, content in secrets.items():
                    group.start_soon(self._put, folder, actor, name, content, _SECRET)
        except ExceptionGroup as errors:
            raise _first(errors) from errors

    async def remove(self, username: str, framework: str, submission: SubmissionId | None) -> None:
        """Remove the folder of a job, unless it is another's by now.

        Raises:
            BackendError: What the storage raised.
        """
        folder = folder_of(username, framework)
        if submission is not None and await self._owner(folder) not in {None, submission}:
            return
        try:
            await self._storage.remove(folder, recursive=True, as_user=SYSTEM)
        except NotFound:
            return

    async def config(self, username: str, framework: str) -> bytes | None:
        """Give, as JSON, what a job was made from, or ``None`` where that is not kept.

        Raises:
            BackendError: What the storage raised.
        """
        for name in _OLD_CONFIGS:
            content = await self._read(f"{folder_of(username, framework)}/{name}")
            if content is not None:
                return await to_thread.run_sync(_json_of, content)
        return None

    async def private_key(self, username: str, framework: str) -> bytes | None:
        """Give the private SSH key of a job, or ``None`` where there is none."""
        path = f"{folder_of(username, framework)}/ssh/keyFiles/{framework}"
        return await self._read(path)

    async def daemons(self, username: str, framework: str, app_id: str) -> list[SshContainer]:
        """Give the SSH daemons that the containers of a job have noted down.

        Those of ours are in one folder, those of OpenPAI's in one that is called as the attempt.
        """
        folder = folder_of(username, framework)
        found: list[SshContainer] = []
        for name in (DAEMONS, f"ssh/{app_id}"):
            async for entry in self._entries(f"{folder}/{name}"):
                noted = _daemon(entry)
                found += [] if noted is None else [noted]
        return found

    async def _entries(self, folder: str) -> AsyncIterator[str]:
        after: str | None = None
        while True:
            try:
                page = await self._storage.list(folder, after, _PAGE, as_user=SYSTEM)
            except (NotFound, NotAFolder):
                return
            for entry in page.entries:
                yield entry.name
            if page.next_after is None:
                return
            after = page.next_after

    async def _owner(self, folder: str) -> SubmissionId | None:
        content = await self._read(f"{folder}/{DESCRIPTION}")
        try:
            said = orjson.loads(content or b"{}")
        except orjson.JSONDecodeError:
            return None
        description = said.get("description") if isinstance(said, dict) else None
        return submission_in(description if isinstance(description, str) else None)

    async def _make(self, path: str, actor: Actor) -> None:
        await self._storage.mkdirs(path, as_user=actor)

    async def _put(
        self, folder: str, actor: Actor, name: str, content: bytes, mode: int | None = None
    ) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield content

        await self._storage.write(
            f"{folder}/{name}", chunks(), overwrite=True, mode=mode, as_user=actor
        )

    async def _read(self, path: str) -> bytes | None:
        content = b""
        try:
            async for chunk in self._storage.read(path, 0, _LARGEST, as_user=SYSTEM):
                content += chunk
        except (NotFound, NotAFolder):
            return None
        return content


def script_path(number: int) -> str:
    """Give the path of a role's start script below the folder of its job."""
    return f"{SCRIPTS}/{number}.sh"


def _first(errors: ExceptionGroup[Exception]) -> Exception:
    """Give one of several that failed at once."""
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error


def owner_of(username: str | None, name: FrameworkName) -> str:
    """Give the user below whose name a job's folder lies."""
    return username or name.namespace or ""


def _daemon(name: str) -> SshContainer | None:
    """Read ``$containerId-$ip-$port``."""
    container, _, rest = name.partition("-")
    ip, _, port = rest.rpartition("-")
    if not (container and ip and port.isascii() and port.isdigit()):
        return None
    return SshContainer(container, ip, int(port))


def _json_of(content: bytes) -> bytes | None:
    try:
        document: object = orjson.loads(content)
    except orjson.JSONDecodeError:
        document = _yaml(content)
    if not isinstance(document, dict):
        return None
    try:
        return orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return None


def _yaml(content: bytes) -> object:
    """Read YAML; one with aliases is not read, since these could grow without bound."""
    import yaml  # noqa: PLC0415 - for jobs of before alone

    try:
        events = yaml.parse(content, Loader=yaml.CSafeLoader)
        if any(isinstance(event, yaml.AliasEvent) for event in events):
            return None
        document: object = yaml.load(content, yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return document

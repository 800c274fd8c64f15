"""The login for a registry of images, as container engines read it."""

from __future__ import annotations

import base64
from typing import Final

import orjson

from jobyard.domain.job import JobSubmission
from jobyard.seams.scheduling import Refused
from jobyard.seams.storage import Storage
from jobyard.secret import Secret
from jobyard_backends.scheduling.auth_file import AuthFileUnusable, registry_login

_BAD_REQUEST: Final = 400


async def registry_config(storage: Storage, job: JobSubmission) -> Secret | None:
    """Give the ``config.json`` of a job's ``authFile``; ``None`` where it names none.

    Raises:
        Refused: The file is of no use.
        Unavailable: The storage does not answer.
    """
    try:
        login = await registry_login(storage, job)
    except AuthFileUnusable as error:
        raise Refused(str(error), status=_BAD_REQUEST) from error
    if login is None:
        return None
    pair = f"{login.username}:{login.password.reveal()}".encode()
    auth = {"auth": base64.b64encode(pair).decode()}
    return Secret(orjson.dumps({"auths": {login.server: auth}}).decode())

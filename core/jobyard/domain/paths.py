"""The paths of a job: what their variables stand for, and where in the storage they lie."""

from __future__ import annotations

import posixpath
import re
from typing import Final

from attrs import evolve

from jobyard.domain.job import JobConfig

DEFAULT_OUTPUT: Final = "$PAI_DEFAULT_FS_URI/Output/$PAI_USER_NAME/$PAI_JOB_NAME"
"""The ``outputDir`` of a job that names none (contract, section 4.1)."""

_VARIABLE: Final = re.compile(r"\$(PAI_DEFAULT_FS_URI|PAI_USER_NAME|PAI_JOB_NAME|PAI_USERNAME)")


def expand(text: str, *, fs_uri: str, job: str, user: str) -> str:
    """Replace the variables that a job's paths may hold (contract, section 4.1).

    One pass: what a variable stands for is never looked through for another.
    """
    values = {
        "PAI_DEFAULT_FS_URI": fs_uri,
        "PAI_JOB_NAME": job,
        "PAI_USER_NAME": user,
        "PAI_USERNAME": user,
    }
    return _VARIABLE.sub(lambda found: values[found[1]], text)


def final_paths(config: JobConfig, *, fs_uri: str, username: str) -> JobConfig:
    """Give a configuration without variables in its paths, and with an ``output_dir``."""

    def final(text: str) -> str:
        return expand(text, fs_uri=fs_uri, job=config.name, user=username)

    return evolve(
        config,
        auth_file=final(config.auth_file),
        data_dir=final(config.data_dir),
        output_dir=final(config.output_dir or DEFAULT_OUTPUT),
        code_dir=final(config.code_dir),
    )


def storage_path(uri: str, fs_uri: str) -> str | None:
    """Give the storage's own path of an absolute path or of an address below ``fs_uri``.

    The path is normalised, and ``..`` never leads above the root. ``None`` is what does not lie
    in this storage: an address elsewhere, a relative path, nothing at all.
    """
    if "\0" in uri:
        return None
    root = fs_uri.rstrip("/")
    if root and (uri == root or uri.startswith(f"{root}/")):
        path = uri.removeprefix(root)
    elif uri.startswith("/"):
        path = uri
    else:
        return None
    return "/" + posixpath.normpath(f"/{path}").lstrip("/")

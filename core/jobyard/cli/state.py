"""The state directory: where it is, and that nobody else looks into it."""

from __future__ import annotations

import os
from pathlib import Path

from jobyard.errors import JobyardError


def state_directory(given: Path | None) -> Path:
    """Give the state directory as an absolute path; where it is missing it is made, mode 700.

    Raises:
        JobyardError: It cannot be made, or written to.
    """
    path = (given or default_state_directory()).absolute()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(path, error.strerror or "it cannot be made") from error
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise _unusable(path, "it cannot be written to")
    return path


def existing_state_directory(given: Path | None) -> Path:
    """Give the state directory of a gateway that has run.

    Raises:
        JobyardError: There is none.
    """
    path = (given or default_state_directory()).absolute()
    if not path.is_dir():
        raise _unusable(path, "it does not exist")
    return path


def default_state_directory() -> Path:
    """Give the place for state: what the environment says, or the system's for root.

    Raises:
        JobyardError: The user has no home directory.
    """
    configured = os.environ.get("XDG_STATE_HOME", "")
    # The specification of these directories has relative ones ignored.
    if configured.startswith("/"):
        return Path(configured) / "jobyard"
    if os.geteuid() == 0:
        return Path("/var/lib/jobyard")
    try:
        return Path.home() / ".local" / "state" / "jobyard"
    except RuntimeError:
        message = "There is no home directory to keep state in; name one with --state-dir."
        raise JobyardError(message) from None


def _unusable(path: Path, why: str) -> JobyardError:
    message = f"The state directory {path} cannot be used: {why}. Name another with --state-dir."
    return JobyardError(message)

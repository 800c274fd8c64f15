"""The errors that Jobyard raises, from the wire down to a backend.

    JobyardError
    ├── ConfigError                 the configuration file is wrong; all problems at once
    ├── PluginError                 a plugin that was chosen cannot be used
    │   ├── LoadError                   it cannot be imported, opened, or found
    │   ├── Incompatible                it was written for another version of its seam
    │   └── ContractViolation           it did what its seam forbids
    ├── ApiError                    a request is answered with an error of the contract
    │   ├── InvalidParameters … one class a row of the contract's tables
    │   └── UnknownError                whatever is not the caller's fault
    └── BackendError                a backend could not do what it was asked
        ├── Unavailable                 nobody answers; trying later may help
        ├── DeadlineExceeded            no answer in time; what happened is unknown
        ├── Rejected                    it understood and refused
        ├── NotFound                    it does not have what was asked for
        ├── Conflict                    something else was there first
        └── NotSupported                it lacks the capability

An error carries a ``code`` and a ``status`` for the wire, a public ``message``, and a private
``detail`` that goes to the log alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from attrs import frozen


class JobyardError(Exception):
    """Be the root of everything that Jobyard raises on purpose."""

    def __init__(self, message: str, *, detail: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail


@frozen
class Problem:
    """Say what is wrong at one place of an input, and what was expected.

    ``path`` is the place as its author wrote it, such as ``taskRoles[1].portList[0].label`` or
    ``auth[1].ldap.url``; ``line`` and ``column`` count from 1 where the input is a file.
    """

    path: str
    message: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ConfigError(JobyardError):
    """Report every problem of a configuration file at once, with its line and column."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        super().__init__("\n".join(self._line(problem) for problem in self.problems))

    def _line(self, problem: Problem) -> str:
        place = (
            "" if problem.line is None else f"{self.source}:{problem.line}:{problem.column or 1}: "
        )
        # One line each, whatever the file's own words hold.
        return _one_line(f"{place}{problem}")


def _one_line(text: str) -> str:
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


class PluginError(JobyardError):
    """Name a plugin that cannot be used, why, and how to mend it."""

    def __init__(self, plugin: str, message: str, *, detail: str | None = None) -> None:
        super().__init__(message, detail=detail)
        self.plugin = plugin


class LoadError(PluginError):
    """Report a plugin that could not be found, imported or opened."""


class Incompatible(PluginError):
    """Report a plugin that was written for another version of its seam."""


class ContractViolation(PluginError):
    """Report a plugin that raised or returned what its seam forbids."""


# ---------------------------------------------------------------------------------- the wire


class ApiError(JobyardError):
    """Answer a request with an error of the contract."""

    code: ClassVar[str] = "UnknownError"
    status: ClassVar[int] = 500

    def __init__(
        self,
        message: str,
        *,
        detail: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, detail=detail)
        self.headers: Mapping[str, str] = headers or {}

    @property
    def answer_status(self) -> int:
        """Give the status on the wire; a few errors pass an upstream's own through."""
        return self.status


class UnknownError(ApiError):
    """Answer 500: something behind the gateway failed (contract, section 1, S)."""

    def __init__(
        self,
        message: str,
        *,
        detail: str | None = None,
        retry_after: float | None = None,
        status: int = 500,
    ) -> None:
        headers = {} if retry_after is None else {"Retry-After": str(max(1, round(retry_after)))}
        super().__init__(message, detail=detail, headers=headers)
        self._status = status

    @property
    def answer_status(self) -> int:
        """Give 500, or the 429 or 503 of an upstream that passes through."""
        return self._status


class BadConfiguration(ApiError):
    """Answer 500 where a backend is set up so that the request can never work (R)."""

    code = "BadConfigurationError"
    status = 500


class NoApi(ApiError):
    """Answer 404 for an unknown route or method (R)."""

    code = "NoApiError"
    status = 404

    def __init__(self, path: str) -> None:
        super().__init__(f"API {path} is not found.")


class InvalidParameters(ApiError):
    """Answer 400 naming every failing field with its full path (N)."""

    code = "InvalidParametersError"
    status = 400

    def __init__(self, problems: Sequence[Problem] | str) -> None:
        self.problems = (Problem("", problems),) if isinstance(problems, str) else tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class PayloadTooLarge(ApiError):
    """Answer 413: the body is over the limit, counted after decompression (N)."""

    code = "PayloadTooLargeError"
    status = 413

    def __init__(self, limit: int) -> None:
        super().__init__(f"The request body is larger than {limit} bytes.")


class UnsupportedMediaType(ApiError):
    """Answer 415: a charset or an encoding that is not read here (N)."""

    code = "UnsupportedMediaTypeError"
    status = 415


class UnauthorizedUser(ApiError):
    """Answer 401: no valid token (S)."""

    code = "UnauthorizedUserError"
    status = 401

    def __init__(self, *, detail: str | None = None) -> None:
        super().__init__(
            "Guest is not allowed to do this operation.",
            detail=detail,
            headers={"WWW-Authenticate": "Bearer"},
        )


class NoUser(ApiError):
    """Answer that a user is not known: 400 at log-in, 404 elsewhere (S)."""

    code = "NoUserError"
    status = 404

    def __init__(self, username: str, *, status: int = 404) -> None:
        super().__init__(f"User {username} is not found.")
        self._status = status

    @property
    def answer_status(self) -> int:
        """Give 400 at log-in, 404 elsewhere."""
        return self._status


class IncorrectPassword(ApiError):
    """Answer 400: wrong password; the code's spelling is the contract's (S)."""

    code = "IncorrectPassworkError"
    status = 400

    def __init__(self, *, detail: str | None = None) -> None:
        super().__init__("Password is incorrect.", detail=detail)


class TooManyRequests(ApiError):
    """Answer 429 with ``Retry-After`` in seconds (N)."""

    code = "TooManyRequestsError"
    status = 429

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message, headers={"Retry-After": str(max(1, round(retry_after)))})


class ForbiddenUser(ApiError):
    """Answer 403: a known user may not do this (S)."""

    code = "ForbiddenUserError"
    status = 403

    @classmethod
    def not_admin(cls) -> ForbiddenUser:
        """Refuse what administrators alone may do; the grammar is the contract's (S)."""
        return cls("Non-admin is not allow to do this operation.")


class ConflictUser(ApiError):
    """Answer 409: a user of that name exists (S)."""

    code = "ConflictUserError"
    status = 409

    def __init__(self, username: str) -> None:
        super().__init__(f"User name {username} already exists.")


class RemoveAdmin(ApiError):
    """Answer 403: administrators cannot be removed (S)."""

    code = "RemoveAdminError"
    status = 403

    def __init__(self, username: str) -> None:
        super().__init__(f"Admin {username} is not allowed to remove.")


class NoVirtualCluster(ApiError):
    """Answer that a virtual cluster is not known: 400 in a body, 404 in a path (S)."""

    code = "NoVirtualClusterError"
    status = 404

    def __init__(self, name: str, *, status: int = 404) -> None:
        super().__init__(f"Virtual cluster {name} is not found.")
        self._status = status

    @property
    def answer_status(self) -> int:
        """Give 400 where a body names it, 404 where the path does."""
        return self._status


class NoDefaultVirtualCluster(ApiError):
    """Answer 404: there is no ``default`` to take capacity from (S)."""

    code = "NoVirtualClusterError"
    status = 404

    def __init__(self) -> None:
        super().__init__(
            "Default virtual cluster is not found, can't allocate or free resource.",
        )


class NoEnoughQuota(ApiError):
    """Answer 403: ``default`` has less than what was asked for (S)."""

    code = "NoEnoughQuotaError"
    status = 403

    def __init__(self) -> None:
        super().__init__("No enough quota in default vc.")


class RemoveRunningVirtualCluster(ApiError):
    """Answer 403: unfinished jobs block the removal of their virtual cluster (R)."""

    code = "RemoveRunningVcError"
    status = 403

    def __init__(self, name: str, jobs: int) -> None:
        super().__init__(
            f"Virtual cluster {name} has {jobs} unfinished job{'' if jobs == 1 else 's'}; "
            "stop or delete them first.",
        )


class NoJob(ApiError):
    """Answer 404: no such job (S)."""

    code = "NoJobError"
    status = 404

    def __init__(self, name: str) -> None:
        super().__init__(f"Job {name} is not found.")


class NoJobConfig(ApiError):
    """Answer 404: the job has no configuration that can be shown (S)."""

    code = "NoJobConfigError"
    status = 404

    def __init__(self, name: str) -> None:
        super().__init__(f"Config of job {name} is not found.")


class NoJobSshInfo(ApiError):
    """Answer 404: no task of the job can be reached by SSH (S)."""

    code = "NoJobSshInfoError"
    status = 404

    def __init__(self, name: str) -> None:
        super().__init__(f"SSH info of job {name} is not found.")


class NoTaskLog(ApiError):
    """Answer 404: the task or the attempt has no log (N)."""

    code = "NoTaskLogError"
    status = 404


class ConflictJob(ApiError):
    """Answer 409: the user has a job of that name (S)."""

    code = "ConflictJobError"
    status = 409

    def __init__(self, name: str) -> None:
        super().__init__(f"Job name {name} already exists.")


class IdempotencyKeyReused(ApiError):
    """Answer 422: the key was used for another request (contract, section 7, N)."""

    code = "IdempotencyKeyError"
    status = 422


# ------------------------------------------------------------------------------ the backends


class BackendError(JobyardError):
    """Report that a backend could not do what it was asked.

    ``message`` may be read by a caller, so it names no address and holds no secret; ``detail``
    is for the log. ``retry_after`` is in seconds.
    """

    def __init__(
        self,
        message: str,
        *,
        detail: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, detail=detail)
        self.retry_after = retry_after


class Unavailable(BackendError):
    """Report that nobody answers, or that what answers is not the backend.

    ``elsewhere`` says that it was another backend which this one needed: it says nothing of this
    one, whose breaker it does not open.
    """

    def __init__(
        self,
        message: str,
        *,
        detail: str | None = None,
        retry_after: float | None = None,
        elsewhere: bool = False,
    ) -> None:
        super().__init__(message, detail=detail, retry_after=retry_after)
        self.elsewhere = elsewhere


class DeadlineExceeded(Unavailable):
    """Report that no answer came in time; whether it was done is unknown."""


class Rejected(BackendError):
    """Report a refusal by a backend that understood.

    ``status`` is an HTTP status where the refusal has one: 400..499 is the caller's fault, and
    429 and 503 pass through to the caller (R).
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        detail: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, detail=detail, retry_after=retry_after)
        self.status = status


class NotFound(BackendError):
    """Report that the backend does not have what was asked for."""


class Conflict(BackendError):
    """Report that something else was there first, or changed meanwhile."""


class NotSupported(BackendError):
    """Report that the backend lacks the capability that was asked for."""

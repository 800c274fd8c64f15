"""What the launcher's failures are in the seam's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from jobyard.domain.job import FrameworkName
from jobyard.errors import BackendError, DeadlineExceeded, NotFound, Rejected, Unavailable
from jobyard.seams.scheduling import NotSent, OutcomeUnknown, Refused
from jobyard_backends.scheduling.yarn.launcher import LauncherFailure, NoAnswer, Refusal

_PASSING: Final = frozenset({429, 503})
_BAD_REQUEST: Final = 400
_NOT_FOUND: Final = 404
_SERVER_ERROR: Final = 500
_FORBIDDEN: Final = frozenset({401, 403})
_WITHOUT_GPUS: Final = "GpuNumber is large than zero, but local hadoop"
_WITHOUT_PORTS: Final = "PortDefinitions is not empty, but local hadoop"

NO_GPUS: Final = (
    "This cluster gives no GPUs: its Hadoop lacks the patch that they need. Set gpuNumber to 0."
)
NO_PORTS: Final = (
    "The launcher gives no ports, since its Hadoop lacks the patch that they need: "
    "'ports: gateway' has to be set in the gateway's configuration."
)


@contextmanager
def translated(name: FrameworkName | None = None) -> Iterator[None]:
    """Turn the launcher's failures inside of the block into the seam's.

    Raises:
        BackendError: What fits; no message holds an address or a stack.
    """
    try:
        yield
    except LauncherFailure as error:
        raise _failure(error, name) from error


@contextmanager
def looking() -> Iterator[None]:
    """Turn the failures of a look before a submission into the seam's: nothing was handed over.

    Raises:
        Refused: The launcher is there, and does not work.
        NotSent: Nobody answers.
    """
    try:
        yield
    except Unavailable as error:
        raise NotSent(error.message, detail=error.detail) from error
    except Rejected as error:
        raise Refused(
            error.message, status=error.status, detail=error.detail, retry_after=error.retry_after
        ) from error


@contextmanager
def handing_over() -> Iterator[None]:
    """Turn the failures of a submission into the seam's.

    Raises:
        Refused: The launcher will not have it.
        NotSent: Nobody could be reached.
        OutcomeUnknown: It may have arrived.
    """
    try:
        yield
    except Refusal as error:
        raise _refused(error) from error
    except NoAnswer as error:
        if error.maybe_done:
            raise OutcomeUnknown(error.message, detail=error.detail) from error
        raise NotSent(error.message, detail=error.detail) from error


def is_without_ports(message: str) -> bool:
    """Tell whether the launcher says that its Hadoop gives no ports."""
    return _WITHOUT_PORTS in message


def is_without_gpus(message: str) -> bool:
    """Tell whether the launcher says that its Hadoop gives no GPUs."""
    return _WITHOUT_GPUS in message


def _failure(error: LauncherFailure, name: FrameworkName | None) -> BackendError:
    if isinstance(error, NoAnswer):
        kind = DeadlineExceeded if error.timed_out else Unavailable
        return kind(error.message, detail=error.detail)
    if not isinstance(error, Refusal):
        return Unavailable("The launcher failed.", detail=repr(error))
    if error.status == _NOT_FOUND:
        shown = "the framework" if name is None else f"job {name}"
        return NotFound(f"{shown} is not found", detail=error.message)
    if name is not None and name.legacy and error.status == _BAD_REQUEST:
        return Rejected(
            f"The launcher does not let jobs without a namespace be changed: {error.message} "
            "(see webServerAclEnable and webServerAclIgnoreWithoutNamespace)",
            status=403,
        )
    return _refusal(error)


def _refusal(error: Refusal) -> BackendError:
    if error.status in _PASSING:
        return Rejected(error.message, status=error.status, retry_after=error.retry_after)
    if error.status >= _SERVER_ERROR:
        return Unavailable(error.message, detail=str(error))
    return Rejected(error.message, detail=str(error))


def _refused(error: Refusal) -> BackendError:
    if error.status in _PASSING:
        return Refused(error.message, status=error.status, retry_after=error.retry_after)
    if is_without_gpus(error.message):
        return Refused(NO_GPUS, status=_BAD_REQUEST, detail=error.message)
    if is_without_ports(error.message):
        return Refused(NO_PORTS, detail=error.message)
    if error.status == _BAD_REQUEST:
        return Refused(error.message, status=_BAD_REQUEST)
    if error.status >= _SERVER_ERROR:
        return OutcomeUnknown(error.message, detail=str(error))
    # Who the gateway is, or whom it may act for: the deployer's business, not the caller's.
    return Refused(error.message, detail=str(error))

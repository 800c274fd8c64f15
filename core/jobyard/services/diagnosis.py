"""Try what the chosen backends can be asked to try, and say what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import anyio
from attrs import frozen

from jobyard.clock import Clock
from jobyard.errors import JobyardError
from jobyard.seams.diagnosis import Check

PATIENCE: Final = 20.0
"""Seconds that one step may take."""


@frozen
class Finding:
    """Be what came of one step: ``found``, or for a failure the cause and what to look at."""

    subject: str
    step: str
    good: bool
    seconds: float
    found: str
    remedy: str = ""


Tell = Callable[[Finding], None]
"""Take a finding as soon as it is there."""


async def examine(
    subject: str,
    checks: Sequence[Check],
    clock: Clock,
    tell: Tell,
    *,
    patience: float = PATIENCE,
) -> bool:
    """Try the steps in their order, up to the first that fails; tell whether none did."""
    for check in checks:
        begun = clock.monotonic()
        good, found = await _tried(check, patience)
        seconds = clock.monotonic() - begun
        tell(Finding(subject, check.name, good, seconds, found, "" if good else check.remedy))
        if not good:
            return False
    return True


async def _tried(check: Check, patience: float) -> tuple[bool, str]:
    try:
        with anyio.fail_after(patience):
            return True, await check.run()
    except TimeoutError:
        return False, f"it did not end within {patience:g} seconds"
    except JobyardError as error:
        detail = "" if error.detail is None else f" ({error.detail})"
        return False, f"{error.message}{detail}"
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is what is looked for
        return False, f"{type(error).__name__}: {error}"

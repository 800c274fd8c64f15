"""What an exit code means: its class, its explanation, and what was said with it."""

from __future__ import annotations

import re
from typing import Final

import yaml
from attrs import frozen

from jobyard.domain.exit_table import ExitSpec, explain
from jobyard.domain.status import ExitType

__all__ = ["ExitMessages", "ExitSpec", "classify", "exit_messages", "exit_spec"]

_CONFLICTS: Final = frozenset({-7103, -7252})
_TRANSIENT: Final = frozenset({-7102, -7110, -7111, -7112, -7113, -7120, 137, 143, 193})
_NON_TRANSIENT: Final = frozenset({-7121, -7122, -7130, 194})
_LONGEST_RUNTIME_ERROR: Final = 16 * 1024
"""Characters of YAML that are read at most: what a task wrote must not hold up the gateway."""
_DEEPEST: Final = 32
"""Levels of lists and mappings in a runtime error; JSON encoders bear few more than 200."""

_CONTAINER: Final = re.compile(
    r"ExitCodeException exitCode=-?\d+:(.*?)at org\.apache\.hadoop\.util\.Shell\.runCommand",
    re.DOTALL,
)
_RUNTIME: Final = re.compile(
    r"\[PAI_RUNTIME_ERROR_START\](.*?)\[PAI_RUNTIME_ERROR_END\]", re.DOTALL
)


@frozen
class ExitMessages:
    """Be what the three layers said of an end (contract, section 4.4); ``None`` is nothing."""

    container: str | None = None
    runtime: object = None
    launcher: str | None = None


def classify(code: int, *, by_platform: bool = True) -> ExitType:
    """Give the class of an exit code (``launcher.md``).

    Without ``by_platform`` every positive code is the user's own. So it is off YARN, whose
    container scripts give some of them a meaning; and 137 and 143 count as transient there only
    when the platform is known to have done it (contract, section 4.2, N).
    """
    if code == 0:
        return ExitType.SUCCEEDED
    if code > 0 and not by_platform:
        return ExitType.UNKNOWN
    if code in _CONFLICTS:
        return ExitType.TRANSIENT_CONFLICT
    if code in _TRANSIENT:
        return ExitType.TRANSIENT_NORMAL
    return ExitType.NON_TRANSIENT if code in _NON_TRANSIENT else ExitType.UNKNOWN


def exit_spec(code: int | None) -> ExitSpec | None:
    """Explain an exit code, or give ``None`` where nothing is known of it."""
    return None if code is None else explain(code)


def exit_messages(diagnostics: str | None, code: int | None) -> ExitMessages:
    """Read the messages out of diagnostics; broken ones never raise (N)."""
    if not diagnostics:
        return ExitMessages()
    container = _CONTAINER.search(diagnostics)
    first_line = diagnostics.strip().partition("\n")[0].strip()
    return ExitMessages(
        container=(container.group(1).strip() or None) if container else None,
        runtime=_runtime(diagnostics),
        launcher=first_line or None if code is not None and code < 0 else None,
    )


def _runtime(diagnostics: str) -> object:
    found = _RUNTIME.search(diagnostics)
    if found is None:
        return None
    text = found.group(1).strip()
    if len(text) > _LONGEST_RUNTIME_ERROR or "&" in text:
        return text  # aliases could grow without bound
    try:
        document: object = yaml.safe_load(text)
    except Exception:  # noqa: BLE001 - a wrong tag raises whatever its reader trips over
        return text
    return document if isinstance(document, dict | list) and _plain(document) else text


def _plain(document: object, depth: int = _DEEPEST) -> bool:
    """Tell whether JSON can hold a document: text keys, no dates, and so many levels at most."""
    if isinstance(document, dict):
        keys = all(isinstance(key, str) for key in document)
        return keys and depth > 0 and all(_plain(each, depth - 1) for each in document.values())
    if isinstance(document, list):
        return depth > 0 and all(_plain(each, depth - 1) for each in document)
    if isinstance(document, float):
        return document - document == 0
    if isinstance(document, int):
        return abs(document) < 2**63
    return document is None or isinstance(document, str)

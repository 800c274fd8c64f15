"""Accounts that may not log in, as directories mark them, and what a refused bind says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from jobyard_backends.auth.ldap.entries import Entry
from jobyard_backends.auth.ldap.link import Outcome

ATTRIBUTES: Final = (
    "userAccountControl",
    "accountExpires",
    "pwdLastSet",
    "nsAccountLock",
    "pwdAccountLockedTime",
    "pwdReset",
    "pwdChangedTime",
    "krbLastPwdChange",
    "krbPrincipalExpiration",
)
"""What is read of every user; a directory leaves out what it does not know."""

_DISABLED: Final = 0x2
_PASSWORD_NEVER_EXPIRES: Final = 0x10000
_NEVER: Final = frozenset({0, 2**63 - 1})
_LOCKED_FOR_EVER: Final = "000001010000Z"
_SUB_CODE: Final = re.compile(r"\bdata ([0-9a-f]{3,8})\b", re.IGNORECASE)
# 100 ns ticks since 1601, as Active Directory counts time.
_TICKS_A_MILLISECOND: Final = 10_000
_EPOCH_1601: Final = 11_644_473_600_000
_UNWILLING: Final = 53
_WRONG: Final = 49

SUB_CODES: Final[Mapping[str, str]] = {
    "525": "there is no such user",
    "52e": "the password is another",
    "530": "the user may not log in at this time of day",
    "531": "the user may not log in from this machine",
    "532": "the password has expired",
    "533": "the account is disabled",
    "701": "the account has expired",
    "773": "the password has to be changed first",
    "775": "the account is locked after too many wrong passwords",
}
"""What Active Directory says in a refused bind, behind ``data``."""


def closed(entry: Entry, now: int) -> str | None:
    """Say why an account is closed; ``None`` where it is not. ``now`` is in milliseconds.

    A lock that ends by itself is not told here: it keeps log-ins out, which the directory does,
    and not those who are there already, whom anybody could have locked.
    """
    for look in _LOOKS:
        reason = look(entry, now)
        if reason is not None:
            return reason
    return None


def refusal(outcome: Outcome, entry: Entry) -> str:
    """Say why a directory refused a bind."""
    sub_code = _SUB_CODE.search(outcome.words)
    if sub_code is not None:
        code = sub_code[1].lower()
        return f"{SUB_CODES.get(code, 'the directory refuses')} (sub-code {code})"
    if entry.text("pwdAccountLockedTime") is not None:
        return f"the account is locked, or the password is another: {outcome}"
    if outcome.code == _WRONG:
        return f"the password is another, or has expired: {outcome}"
    return f"the directory refuses: {outcome}"


def is_refusal(outcome: Outcome) -> bool:
    """Tell whether a directory decided against a user, and did not fail itself."""
    return outcome.code in _REFUSALS


# RFC 4511, 4.1.9: strongerAuthRequired and confidentialityRequired are about all users at once,
# and so are failures; the rest of a bind's results is about this one.
_REFUSALS: Final = frozenset({_WRONG, _UNWILLING, 19, 32, 34, 48, 50})


def changed_at(entry: Entry) -> int | None:
    """Give when the password was changed last, in milliseconds since the epoch."""
    times = [_ticks(entry.number("pwdLastSet"))]
    times += [_generalized(entry.text(name)) for name in ("pwdChangedTime", "krbLastPwdChange")]
    return max((time for time in times if time is not None), default=None)


def _disabled(entry: Entry, _: int) -> str | None:
    flags = entry.number("userAccountControl")
    if flags is not None and flags & _DISABLED:
        return "the account is disabled (userAccountControl)"
    if (entry.text("nsAccountLock") or "").lower() == "true":
        return "the account is disabled (nsAccountLock)"
    return None


def _locked(entry: Entry, _: int) -> str | None:
    locked = entry.text("pwdAccountLockedTime") == _LOCKED_FOR_EVER
    return "the account is locked (pwdAccountLockedTime)" if locked else None


def _expired(entry: Entry, now: int) -> str | None:
    ticks = entry.number("accountExpires")
    ends = _ticks(ticks) if ticks not in _NEVER else None
    if ends is not None and ends <= now:
        return "the account has expired (accountExpires)"
    ends = _generalized(entry.text("krbPrincipalExpiration"))
    if ends is not None and ends <= now:
        return "the account has expired (krbPrincipalExpiration)"
    return None


def _must_change(entry: Entry, _: int) -> str | None:
    flags = entry.number("userAccountControl") or 0
    unset = entry.number("pwdLastSet") == 0 and not flags & _PASSWORD_NEVER_EXPIRES
    if unset:
        return "the password has to be changed first (pwdLastSet)"
    if (entry.text("pwdReset") or "").lower() == "true":
        return "the password has to be changed first (pwdReset)"
    return None


_LOOKS: Final[tuple[Callable[[Entry, int], str | None], ...]] = (
    _disabled,
    _locked,
    _expired,
    _must_change,
)


def _ticks(ticks: int | None) -> int | None:
    if not ticks or ticks < 0:
        return None
    return max(0, ticks // _TICKS_A_MILLISECOND - _EPOCH_1601)


def _generalized(text: str | None) -> int | None:
    """Read a generalized time in UTC (RFC 4517, 3.3.13), the form that directories write."""
    for form in ("%Y%m%d%H%M%SZ", "%Y%m%d%H%M%S.%fZ", "%Y%m%d%H%MZ"):
        try:
            moment = datetime.strptime(text or "", form).replace(tzinfo=UTC)
        except ValueError:
            continue
        return int(moment.timestamp() * 1000)
    return None

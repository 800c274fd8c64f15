from __future__ import annotations

import anyio

from jobyard.clock import SystemClock
from jobyard.errors import Unavailable
from jobyard.seams.diagnosis import Check
from jobyard.services.diagnosis import Finding, examine


async def found(*checks: Check, patience: float = 5) -> tuple[bool, list[Finding]]:
    findings: list[Finding] = []
    good = await examine("auth.ldap", checks, SystemClock(), findings.append, patience=patience)
    return good, findings


async def good() -> str:
    return "two addresses"


async def silent() -> str:
    await anyio.sleep_forever()
    return "never"


async def refused() -> str:
    raise Unavailable("nobody answers", detail="connection refused")


async def broken() -> str:
    raise KeyError("dn")


async def test_steps_are_tried_in_their_order_and_timed() -> None:
    all_good, findings = await found(Check("resolve", good, "DNS"), Check("connect", good))

    assert all_good
    assert [(each.step, each.good, each.found) for each in findings] == [
        ("resolve", True, "two addresses"),
        ("connect", True, "two addresses"),
    ]
    assert all(each.seconds >= 0 and not each.remedy for each in findings)


async def test_after_a_failure_nothing_more_is_tried() -> None:
    all_good, findings = await found(Check("connect", refused, "the firewall"), Check("bind", good))

    assert not all_good
    assert [(each.step, each.good) for each in findings] == [("connect", False)]
    assert findings[0].found == "nobody answers (connection refused)"
    assert findings[0].remedy == "the firewall"


async def test_whatever_a_step_raises_is_a_finding() -> None:
    _, findings = await found(Check("search", broken))

    assert (findings[0].good, findings[0].found) == (False, "KeyError: 'dn'")


async def test_a_step_that_does_not_end_is_given_up() -> None:
    _, findings = await found(Check("wait", silent), patience=0.02)

    assert (findings[0].good, findings[0].found) == (False, "it did not end within 0.02 seconds")

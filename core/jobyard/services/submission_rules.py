"""What decides, beside the cluster, which submissions are taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from attrs import frozen

from jobyard.domain.identity import Actor
from jobyard.domain.virtual_cluster import QuotaState
from jobyard.services import journal


class Grants(Protocol):
    """Tell which virtual clusters there are and which a user may use."""

    async def recent(self) -> QuotaState:
        """Give all virtual clusters as they were a moment ago."""
        ...

    async def granted(self, actor: Actor, existing: Sequence[str]) -> Sequence[str]:
        """Give those that a user may submit to."""
        ...


@frozen
class SubmissionRules:
    """Be what the configuration decides of submissions; ``backend`` names the scheduler.

    ``check_timeout`` is how many seconds a check may take that lets through what it cannot check.
    ``lease``: how many seconds a reservation is its request's, and not recovery's.
    """

    backend: str
    fs_uri: str
    accept_unsatisfiable: bool = False
    check_timeout: float = 2.5
    lease: float = journal.LEASE

"""The conformance suite of the scheduling seam.

    class TestMine(SchedulingConformance):
        provider = provider_named(Seam.SCHEDULING, "mine")

        @pytest.fixture
        def settings(self) -> Mapping[str, object]:
            return {"server": "127.0.0.1:8080"}

What may be overridden besides is in :class:`~jobyard.testing.scheduling_suite.SchedulingSuite`:
``commands``, where tasks are run by no shell; ``patience``, where a job takes long to start; and
``outage``, which switches on the rules of a cluster that cannot be reached.
"""

from __future__ import annotations

from jobyard.testing.jobs import Commands, another, operation, role, submission
from jobyard.testing.scheduling_clusters import CapacityRules, ClusterRules
from jobyard.testing.scheduling_completion import CompletionRules, RetryRules
from jobyard.testing.scheduling_feed import FeedRules
from jobyard.testing.scheduling_life import DeletionRules, LifeRules
from jobyard.testing.scheduling_listing import ListingRules
from jobyard.testing.scheduling_logs import LogRules
from jobyard.testing.scheduling_manners import CancellationRules, LoopRules, OutageRules
from jobyard.testing.scheduling_model import ModelRules
from jobyard.testing.scheduling_reopening import ReopeningRules
from jobyard.testing.scheduling_ssh import SshRules
from jobyard.testing.scheduling_submission import SubmissionRules
from jobyard.testing.scheduling_suite import SchedulingSubject, Trial

__all__ = [
    "Commands",
    "SchedulingConformance",
    "SchedulingSubject",
    "Trial",
    "another",
    "operation",
    "role",
    "submission",
]


class SchedulingConformance(
    SubmissionRules,
    LifeRules,
    DeletionRules,
    CompletionRules,
    RetryRules,
    ClusterRules,
    CapacityRules,
    ListingRules,
    LogRules,
    FeedRules,
    SshRules,
    CancellationRules,
    LoopRules,
    OutageRules,
    ReopeningRules,
    ModelRules,
):
    """Hold a scheduling backend against every promise of its seam."""

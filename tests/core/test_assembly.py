"""What several gateways on one database may share, and what the start does with dead backends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

from jobyard.database.instance import DatabaseBusy
from jobyard.domain.job import DEFAULT_VIRTUAL_CLUSTER
from jobyard.domain.status import JobSummary
from jobyard.domain.virtual_cluster import QuotaState, VirtualCluster, VirtualClusterShare
from jobyard.errors import Unavailable
from jobyard.seams.provider import Capability
from jobyard.seams.scheduling import Snapshot, Term
from jobyard.testing.unsupported import UnsupportedScheduler
from tests.databases import Database
from tests.gateways import running, scheduling_double


class Cluster(UnsupportedScheduler):
    """A cluster without jobs."""

    async def jobs(self) -> Snapshot[JobSummary]:
        return Snapshot("1", 0, ())

    async def quotas(self) -> QuotaState:
        share = VirtualClusterShare(DEFAULT_VIRTUAL_CLUSTER, 100.0)
        return QuotaState("1", (VirtualCluster(share),))

    async def ping(self) -> None:
        return


class Reconciled(Cluster):
    """A cluster with a loop of the leader's own, which breaks at first."""

    def __init__(self, failures: Sequence[Exception] = ()) -> None:
        self.terms: list[int] = []
        self.failures = list(failures)
        self.again = anyio.Event()

    async def reconcile(self, term: Term) -> None:
        self.terms.append(term.number)
        if self.failures:
            raise self.failures.pop(0)
        self.again.set()
        await anyio.sleep_forever()


def configuration(database: Database) -> str:
    assert database.url is not None
    return f"""
rest-server: {{default-pai-admin-password: secret of the admin}}
scheduling: double
database: "{database.url.reveal()}"
"""


def folders(tmp_path: Path) -> tuple[Path, Path]:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    return first, second


async def test_a_scheduler_that_cannot_be_shared_has_one_gateway_on_a_database(
    postgresql_database: Database, tmp_path: Path
) -> None:
    first, second = folders(tmp_path)
    text = configuration(postgresql_database)
    async with running(first, text, scheduling_double(Cluster())) as gateway:
        with pytest.raises(DatabaseBusy, match=r"'scheduling\.double', which only one may"):
            async with running(second, text, scheduling_double(Cluster())):
                pytest.fail("it runs beside the first")
        assert (await gateway.guest.get("/jobs")).status_code == 200

    async with running(second, text, scheduling_double(Cluster())) as gateway:
        assert (await gateway.guest.get("/jobs")).status_code == 200


async def test_a_scheduler_with_replicas_has_several_gateways_on_a_database(
    postgresql_database: Database, tmp_path: Path
) -> None:
    first, second = folders(tmp_path)
    text = configuration(postgresql_database)
    shared = [Capability.REPLICAS]
    async with (
        running(first, text, scheduling_double(Cluster(), capabilities=shared)) as one,
        running(second, text, scheduling_double(Cluster(), capabilities=shared)) as other,
    ):
        await one.user("alice")
        assert (await other.log_in("alice")).token is not None


async def test_the_loop_of_a_scheduler_is_run_and_entered_again_when_it_breaks(
    tmp_path: Path,
) -> None:
    cluster = Reconciled([Unavailable("the cluster is away"), ValueError("broken")])
    text = "rest-server: {default-pai-admin-password: secret of the admin}\nscheduling: double\n"
    async with running(tmp_path, text, scheduling_double(cluster)):
        with anyio.fail_after(20):
            await cluster.again.wait()

    assert cluster.terms == [1, 1, 1]

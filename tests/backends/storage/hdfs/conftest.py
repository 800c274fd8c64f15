"""A cluster, a network in front of it that can fail, and the storage over both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest

from jobyard.seams.provider import Provider, Seam
from jobyard.seams.storage import Storage
from jobyard.testing.subject import opened, provider_named
from jobyard_backends.storage.hdfs.webhdfs import Identity, Timeouts, WebHdfs
from tests.fault_proxy import Proxy, running_proxy
from tests.hadoop import SUPERUSER, Hdfs

PROVIDER: Provider[Storage] = provider_named(Seam.STORAGE, "hdfs")  # type: ignore[assignment]


@pytest.fixture(scope="session")
def hdfs_proxy(hdfs_cluster: Hdfs) -> Iterator[Proxy]:
    """A network between the gateway and the cluster: port 0 is the NameNode, 1 the DataNode."""
    name_node = hdfs_cluster.addresses[0].removeprefix("http://")
    with running_proxy([name_node, *hdfs_cluster.data_addresses]) as proxy:
        yield proxy


@pytest.fixture
def network(hdfs_proxy: Proxy) -> Iterator[Proxy]:
    """The network, whole again after the test."""
    yield hdfs_proxy
    for number in range(len(hdfs_proxy.ports)):
        hdfs_proxy.tell("up", number)


@pytest.fixture
def hdfs_settings(hdfs_cluster: Hdfs, hdfs_proxy: Proxy) -> Mapping[str, object]:
    return {
        "name-nodes": [hdfs_proxy.address()],
        "data-node-addresses": {
            hdfs_cluster.data_addresses[0]: f"127.0.0.1:{hdfs_proxy.ports[1]}",
        },
        "user": SUPERUSER,
        "timeouts": {"failover": 0.5},
    }


@pytest.fixture
async def storage(hdfs_settings: Mapping[str, object], tmp_path: Path) -> AsyncIterator[Storage]:
    """The storage, opened."""
    async with opened(PROVIDER, hdfs_settings, tmp_path) as subject:
        yield subject.backend


@pytest.fixture
async def client(hdfs_cluster: Hdfs, hdfs_proxy: Proxy) -> AsyncIterator[WebHdfs]:
    """The client alone."""
    client = WebHdfs(
        [hdfs_proxy.address()],
        identity=Identity(SUPERUSER),
        timeouts=Timeouts(answer=3.0, failover=3.0),
        data_nodes={hdfs_cluster.data_addresses[0]: f"127.0.0.1:{hdfs_proxy.ports[1]}"},
    )
    yield client
    await client.aclose()

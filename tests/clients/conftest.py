"""Gateways as processes, over each storage, for clients that nobody here wrote."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
import yaml
from attrs import frozen

from tests.core.cli.process import fetch, running, serve_arguments
from tests.hadoop import SUPERUSER, Hdfs

ROOT: Final = "root"
PASSWORD: Final = "secret of the admin"


@frozen
class FrontDoor:
    """Be a gateway that believes `user.name`; ``token`` is an administrator's."""

    address: str
    token: str

    @property
    def host(self) -> str:
        return urlsplit(self.address).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.address).port or 0


@contextmanager
def front_door(folder: Path, storage: object) -> Iterator[FrontDoor]:
    """Run a gateway over a storage, until the end of the block."""
    configuration = folder / "services-configuration.yaml"
    document = {
        "rest-server": {
            "default-pai-admin-username": ROOT,
            "default-pai-admin-password": PASSWORD,
            "upstream-timeout": 60,
        },
        "storage": storage,
        "webhdfs": {"trust-user-name": True},
    }
    configuration.write_text(yaml.safe_dump(document))
    state = folder / "state"
    arguments = (*serve_arguments(state), "--config", str(configuration))
    with running(folder / "process", *arguments) as process:
        address = process.address()
        body = {"username": ROOT, "password": PASSWORD}
        status, answer = fetch(f"{address}/api/v1/token", body)
        assert status == 200, answer
        yield FrontDoor(address, str(answer["token"]))
        assert process.end() == 0


@pytest.fixture(scope="package")
def over_local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontDoor]:
    with front_door(tmp_path_factory.mktemp("local"), "local") as door:
        yield door


@pytest.fixture(scope="package")
def over_hdfs(tmp_path_factory: pytest.TempPathFactory, hdfs_cluster: Hdfs) -> Iterator[FrontDoor]:
    settings = {"name-nodes": hdfs_cluster.addresses, "user": SUPERUSER}
    with front_door(tmp_path_factory.mktemp("hdfs"), {"hdfs": settings}) as door:
        yield door


@pytest.fixture(params=["local", "hdfs"])
def door(request: pytest.FixtureRequest) -> FrontDoor:
    """A gateway over the storage in a folder, then one over HDFS."""
    found: FrontDoor = request.getfixturevalue(f"over_{request.param}")
    return found


@pytest.fixture
def user() -> str:
    """A user whom nobody has seen."""
    return f"user_{secrets.token_hex(4)}"

"""Directories for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.samba import SERVICE_PASSWORD, SambaDc, running_samba
from tests.slapd import Slapd, running_slapd


@pytest.fixture(scope="session")
def slapd_server() -> Iterator[Slapd]:
    """A real OpenLDAP server, which tests share: each adds entries of its own."""
    with running_slapd() as server:
        yield server


@pytest.fixture
def slapd(slapd_server: Slapd) -> Iterator[Slapd]:
    """The server, running, whatever the test before did to it."""
    slapd_server.start()
    yield slapd_server
    slapd_server.start()


@pytest.fixture(scope="session")
def samba() -> Iterator[SambaDc]:
    """A real domain controller, with the gateway's account."""
    with running_samba() as server:
        server.add_user("jobyard", password=SERVICE_PASSWORD)
        yield server

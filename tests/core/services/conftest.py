"""What the tests of services share: a world in which gateways come and go."""

from __future__ import annotations

import pytest

from jobyard.database.store import SqlStore
from tests.core.services.doubles import World


@pytest.fixture
def world(store: SqlStore) -> World:
    return World(store)

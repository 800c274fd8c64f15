from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, settings

from tests.hostile.target import Target, attacked

LONG: Final = bool(os.environ.get("JOBYARD_LONG"))

settings.register_profile(
    "hostile",
    max_examples=200 if LONG else 12,
    derandomize=not LONG,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A whole gateway, with a user, a virtual cluster and a job that has ended.

    It runs in a thread: Hypothesis ends a draw by an exception that no event loop may see.
    """
    folder = tmp_path_factory.mktemp("gateway")
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(attacked(folder, portal)) as opened,
    ):
        yield opened

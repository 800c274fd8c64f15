from __future__ import annotations

import subprocess
import sys

from jobyard.database.store import SqlStore
from jobyard.registry import Registry
from jobyard.seams.auth import UserAdmin, UserListing
from jobyard.seams.provider import Capability, Seam
from tests.accounts import context
from tests.databases import Database, HandClock


def test_the_provider_is_announced_under_its_name() -> None:
    provider = Registry().provider(Seam.AUTH, "local")

    assert provider.capabilities == {Capability.USERS, Capability.MANAGE_USERS}
    assert provider.api == 1


async def test_what_it_opens_has_the_announced_capabilities(
    store: SqlStore, database: Database
) -> None:
    provider = Registry().provider(Seam.AUTH, "local")

    async with provider.open(
        provider.config(), context(store, HandClock(), database.state_dir)
    ) as backend:
        assert isinstance(backend, UserListing)
        assert isinstance(backend, UserAdmin)


def test_announcing_it_loads_no_backend() -> None:
    code = (
        "import sys, jobyard_plugins.auth_local as each; each.jobyard_auth_providers();"
        "sys.exit(any(name.startswith(('jobyard_backends', 'argon2')) for name in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

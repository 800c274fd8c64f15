# ruff: noqa: ASYNC110 - a job's end is polled for, as every caller of the seam does
"""The embedded scheduler as a deployer chooses and configures it."""

from __future__ import annotations

from typing import get_type_hints

import anyio
import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.config.shapes import section_of
from jobyard.database.ports import SqlPortLedger
from jobyard.domain.states import JobState
from jobyard.errors import LoadError
from jobyard.registry import Registry
from jobyard.schema import constraint_of
from jobyard.seams.provider import Capability, Seam
from jobyard.seams.scheduling import LogSource
from jobyard.services.background import background
from jobyard_backends.scheduling.local.settings import (
    LocalSchedulingConfig,
    LocalSchedulingSettings,
)
from jobyard_plugins.scheduling_local import LocalScheduling, jobyard_scheduling_providers
from tests.backends.scheduling.local.world import World, role
from tests.databases import Database


def paths(settings: LocalScheduling) -> list[str]:
    return [problem.path for problem in settings.problems()]


def test_it_is_found_by_its_name_with_what_it_can_do() -> None:
    provider = Registry().provider(Seam.SCHEDULING, "local")

    assert provider.config is LocalScheduling
    assert provider.capabilities == {Capability.LOGS, Capability.SSH, Capability.CAPACITY}
    assert provider.api == 1
    with pytest.raises(LoadError):
        Registry().provider(Seam.SCHEDULING, "no-such")


def test_every_option_is_documented_and_every_number_bounded() -> None:
    types = get_type_hints(LocalScheduling)
    for field in attrs.fields(LocalScheduling):
        constraint = constraint_of(field)
        assert constraint.doc.endswith(".")
        if types[field.name] in (int, float, int | None):
            assert constraint.minimum is not None
            assert constraint.maximum is not None


def test_names_in_the_file_are_spelt_with_dashes() -> None:
    assert [key.name for key in section_of(LocalScheduling).keys] == [
        "cpus",
        "cpu-overcommit",
        "memory-mb",
        "gpus",
        "gpu-type",
        "preempt",
        "address",
        "ports",
        "grace-seconds",
        "retry-backoff",
        "runtime",
        "engine-options",
        "container-options",
        "mounts",
        "hidden",
        "enforce-limits",
        "log-size-mb",
        "ssh",
        "ssh-address",
        "keep-logs",
        "run-as",
    ]


def test_the_defaults_are_good_and_the_backends_own() -> None:
    chosen: LocalSchedulingConfig = LocalScheduling()
    defaults: LocalSchedulingConfig = LocalSchedulingSettings()

    assert paths(LocalScheduling()) == []
    for name in (field.name for field in attrs.fields(LocalSchedulingSettings)):
        assert getattr(chosen, name) == getattr(defaults, name)


@given(first=st.integers(0, 99_999), last=st.integers(0, 99_999))
def test_a_range_of_ports_is_good_when_all_its_ports_exist(first: int, last: int) -> None:
    settings = LocalScheduling(ports=f"{first}-{last}")

    good = 1 <= first <= last <= 65_535
    assert (paths(settings) == []) is good
    assert good or paths(settings) == ["ports"]
    if good:
        assert (settings.port_numbers[0], settings.port_numbers[-1]) == (first, last)


@pytest.mark.parametrize(("address", "wrong"), [("10.0.0.7", 0), ("fd00::7", 0), ("a host", 1)])
def test_an_address_is_an_ip_address(address: str, wrong: int) -> None:
    assert paths(LocalScheduling(address=address)) == ["address"] * wrong


def test_it_announces_itself_once() -> None:
    (provider,) = jobyard_scheduling_providers()

    assert (provider.seam, provider.name) == (Seam.SCHEDULING, "local")


async def test_what_it_opens_runs_jobs_and_gives_their_logs(sqlite_database: Database) -> None:
    (provider,) = jobyard_scheduling_providers()
    async with sqlite_database.open() as store, background() as tasks:
        world = World(sqlite_database.state_dir, store, SqlPortLedger(store))
        job = world.job(role("echo done"))
        async with provider.open(LocalScheduling(), world.context(tasks)) as scheduler:
            await scheduler.submit(job)
            with anyio.fail_after(30):
                while (await scheduler.job(job.name)).summary.state is not JobState.SUCCEEDED:
                    await anyio.sleep(0.01)

    assert isinstance(scheduler, LogSource)
    assert world.output(job) == "done\n"

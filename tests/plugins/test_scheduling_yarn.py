"""YARN as a deployer chooses and configures it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobyard.registry import Registry
from jobyard.seams.provider import Capability, Seam, narrowed
from jobyard_backends.scheduling.yarn.launcher import Timeouts
from jobyard_plugins.scheduling_yarn import jobyard_scheduling_providers
from jobyard_plugins.scheduling_yarn_config import (
    DockerSettings,
    LauncherTimeouts,
    LauncherTls,
    YarnScheduling,
)


def settings(**more: Any) -> YarnScheduling:
    given = {"launcher": "http://launcher:9086", "resource_manager": ("http://rm:8088",)}
    return YarnScheduling(**{**given, **more})


def paths(config: YarnScheduling) -> list[str]:
    return [problem.path for problem in config.problems()]


def test_it_is_found_by_its_name_with_what_it_can_do() -> None:
    provider = Registry().provider(Seam.SCHEDULING, "yarn")

    assert provider.config is YarnScheduling
    assert provider.capabilities == {
        Capability.LEGACY,
        Capability.SSH,
        Capability.CAPACITY,
        Capability.REPLICAS,
    }


def test_without_containers_there_is_no_ssh() -> None:
    [provider] = jobyard_scheduling_providers()

    assert Capability.SSH in narrowed(provider, settings()).capabilities
    assert Capability.SSH not in narrowed(provider, settings(runtime="none")).capabilities


def test_the_defaults_are_a_patched_hadoop_with_docker() -> None:
    site = settings().site()

    assert list(settings().problems()) == []
    assert site.ports is None
    assert site.docker is not None
    assert (site.docker.program, site.docker.pull) == ("docker", True)
    assert site == type(site)(launcher="http://launcher:9086")


def test_everything_reaches_the_backend() -> None:
    config = settings(
        launcher="https://launcher:9086",
        launcher_tls=LauncherTls(ca_file=Path("/ca.pem")),
        launcher_timeouts=LauncherTimeouts(connect=1.0, answer=3.0),
        ports="gateway",
        port_range="30000-30009",
        docker=DockerSettings(program="podman", pull=False, extra_volumes=("/a:/b:ro",)),
    )
    site = config.site()

    assert list(config.problems()) == []
    assert (site.launcher, site.ca_file) == ("https://launcher:9086", Path("/ca.pem"))
    assert (site.ports, site.timeouts) == (range(30000, 30010), Timeouts(1.0, 3.0))
    assert site.docker is not None
    assert (site.docker.program, site.docker.pull) == ("podman", False)
    assert site.docker.extra_volumes == ("/a:/b:ro",)
    assert settings(runtime="none").site().docker is None


@pytest.mark.parametrize("given", ["9-3", "0-9", "1-65536"])
def test_a_range_that_holds_no_ports_is_refused(given: str) -> None:
    assert paths(settings(port_range=given)) == ["port-range"]


def test_certificates_are_for_https() -> None:
    assert paths(settings(launcher_tls=LauncherTls(ca_file=Path("/ca.pem")))) == ["launcher-tls"]


def test_the_settings_of_the_resource_managers_are_checked_too() -> None:
    twice = ("http://rm:8088", "http://rm:8088/")
    assert paths(settings(resource_manager=twice)) == ["resource-manager[1]"]


def test_without_a_launcher_jobs_are_services_of_yarns() -> None:
    [provider] = jobyard_scheduling_providers()
    config = settings(launcher="yarn-services", port_range="30000-30009")

    assert list(config.problems()) == []
    assert narrowed(provider, config).capabilities == {Capability.CAPACITY, Capability.REPLICAS}
    assert config.services().ports == range(30000, 30010)

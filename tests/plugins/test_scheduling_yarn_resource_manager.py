"""What a deployer says of the ResourceManagers is checked, and reaches the backend."""

from __future__ import annotations

from pathlib import Path

from jobyard_plugins.scheduling_yarn_resource_manager import (
    ResourceManagerConfig,
    ResourceManagerTimeouts,
    ResourceManagerTls,
)


def _paths(config: ResourceManagerConfig) -> list[str]:
    return [problem.path for problem in config.problems()]


def test_everything_reaches_the_backend() -> None:
    config = ResourceManagerConfig(
        resource_manager=("https://rm1:8090", "https://rm2:8090"),
        resource_manager_user="operator",
        resource_manager_tls=ResourceManagerTls(ca_file=Path("/ca.pem")),
        resource_manager_timeouts=ResourceManagerTimeouts(connect=1.0, answer=2.0, failover=3.0),
    )
    settings = config.resource_managers()

    assert list(config.problems()) == []
    assert settings.addresses == ("https://rm1:8090", "https://rm2:8090")
    assert (settings.user, settings.ca_file) == ("operator", Path("/ca.pem"))
    assert (settings.connect, settings.answer, settings.failover) == (1.0, 2.0, 3.0)


def test_the_defaults_are_the_backends_own() -> None:
    settings = ResourceManagerConfig(resource_manager=("http://rm:8088",)).resource_managers()
    assert settings == type(settings)(addresses=("http://rm:8088",))


def test_one_is_named_once() -> None:
    config = ResourceManagerConfig(resource_manager=("http://rm:8088", "http://rm:8088/"))
    assert _paths(config) == ["resource-manager[1]"]


def test_certificates_are_for_https() -> None:
    tls = ResourceManagerTls(ca_file=Path("/ca.pem"))
    config = ResourceManagerConfig(resource_manager=("http://rm:8088",), resource_manager_tls=tls)
    assert _paths(config) == ["resource-manager-tls"]

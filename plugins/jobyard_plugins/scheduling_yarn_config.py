"""The settings of the provider ``yarn``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import frozen

from jobyard.errors import Problem
from jobyard.schema import option
from jobyard.seams.provider import Capability
from jobyard_plugins.scheduling_yarn_resource_manager import ResourceManagerConfig

if TYPE_CHECKING:
    from jobyard_backends.scheduling.yarn.services import ServiceSettings
    from jobyard_backends.scheduling.yarn.settings import Site

_SERVICES: Final = "yarn-services"
_LAUNCHER: Final = rf"{_SERVICES}|https?://[^\s/?#@]+/?"
_BY_LAUNCHER: Final = "launcher"
_BY_GATEWAY: Final = "gateway"
_DOCKER: Final = "docker"
_NONE: Final = "none"
_LAST_PORT: Final = 65_535


@frozen
class LauncherTls:
    """Say whose certificates the gateway believes."""

    ca_file: Path = option(
        example="/etc/jobyard/hadoop-ca.pem",
        doc="The authorities that signed the launcher's certificate, in PEM. Without it: those "
        "that the machine trusts.",
    )


@frozen
class LauncherTimeouts:
    """Say for how long the gateway waits."""

    connect: float = option(
        default=2.0, minimum=0.05, maximum=600, doc="For a connection, in seconds."
    )
    answer: float = option(
        default=8.0,
        minimum=0.05,
        maximum=600,
        doc="For the launcher's answer, in seconds; a list of many jobs takes longer than the "
        "rest. `rest-server.upstream-timeout` ends it earlier.",
    )


@frozen
class DockerSettings:
    """Say how containers are run."""

    program: str = option(
        default="docker",
        pattern=r"[^\s]+",
        max_length=256,
        doc="The container engine's client on the nodes, which understands Docker's arguments.",
    )
    pull: bool = option(
        default=True, doc="Whether the image is asked for anew whenever a task starts."
    )
    extra_volumes: tuple[str, ...] = option(
        default=(),
        pattern=r"/[^:\s]*:/[^:\s]*(:r[ow])?",
        example=["/mnt/data:/data:ro"],
        doc="What every task sees of its node's files, as `node:container` or `node:container:ro`.",
    )


@frozen
class YarnScheduling(ResourceManagerConfig):
    """Be what a deployer can set of jobs on YARN."""

    launcher: str = option(
        pattern=_LAUNCHER,
        example="http://launcher.example.org:9086",
        doc="The address of the FrameworkLauncher's web service; or `yarn-services`, where there is "
        "none and jobs run as YARN Services of a Hadoop from 3.1 on.",
    )
    launcher_tls: LauncherTls | None = option(default=None, doc="For a launcher with HTTPS.")
    launcher_timeouts: LauncherTimeouts = option(
        factory=LauncherTimeouts, doc="How long to wait for the launcher."
    )
    ports: str = option(
        default=_BY_LAUNCHER,
        choices=(_BY_LAUNCHER, _BY_GATEWAY),
        doc="Who gives tasks their ports: the launcher, for which Hadoop needs OpenPAI's patch, or "
        "the gateway, out of `port-range`. Without a launcher it is always the gateway.",
    )
    port_range: str = option(
        default="20000-29999",
        pattern=r"[0-9]{1,5}-[0-9]{1,5}",
        doc="The ports that the gateway gives, both ends included; on every node they have to be "
        "free for tasks. Each is one task's of the whole cluster.",
    )
    runtime: str = option(
        default=_DOCKER,
        choices=(_DOCKER, _NONE),
        doc="What tasks run in: a container of the job's image, or nothing, as processes of the "
        "node, where images are recorded and not used.",
    )
    docker: DockerSettings = option(factory=DockerSettings, doc="For `runtime: docker`.")

    @property
    def port_numbers(self) -> range:
        """Give the ports that the gateway may give."""
        first, _, last = self.port_range.partition("-")
        return range(int(first), int(last) + 1)

    @property
    def as_services(self) -> bool:
        """Tell whether jobs run without a launcher."""
        return self.launcher == _SERVICES

    def switched_off(self) -> Iterable[Capability]:
        """Have no SSH where tasks run in no container, and what a launcher has where there is none."""
        if self.as_services or self.runtime == _NONE:
            yield Capability.SSH
        if self.as_services:
            yield Capability.LEGACY

    def problems(self) -> Iterable[Problem]:
        """Refuse a range that holds no ports, and certificates that nobody shows."""
        yield from super().problems()
        numbers = self.port_numbers
        if not numbers or numbers[0] < 1 or numbers[-1] > _LAST_PORT:
            message = f"expected an ascending range within 1-{_LAST_PORT}, such as 20000-29999"
            yield Problem("port-range", message)
        if self.launcher_tls is not None and not self.launcher.startswith("https:"):
            yield Problem("launcher-tls", "is for an https: address in 'launcher'")

    def services(self) -> ServiceSettings:
        """Give what jobs as YARN Services need to the backend."""
        from jobyard_backends.scheduling.yarn.services import (  # noqa: PLC0415 - when chosen
            ServiceSettings,
        )

        return ServiceSettings(ports=self.port_numbers)

    def site(self) -> Site:
        """Give the rest to the backend."""
        from jobyard_backends.scheduling.yarn.container_script import (  # noqa: PLC0415 - when chosen
            DockerOptions,
        )
        from jobyard_backends.scheduling.yarn.launcher import Timeouts  # noqa: PLC0415 - as above
        from jobyard_backends.scheduling.yarn.settings import Site  # noqa: PLC0415 - as above

        engine = DockerOptions(
            program=self.docker.program,
            pull=self.docker.pull,
            extra_volumes=self.docker.extra_volumes,
        )
        return Site(
            launcher=self.launcher,
            docker=engine if self.runtime == _DOCKER else None,
            ports=self.port_numbers if self.ports == _BY_GATEWAY else None,
            ca_file=None if self.launcher_tls is None else self.launcher_tls.ca_file,
            timeouts=Timeouts(self.launcher_timeouts.connect, self.launcher_timeouts.answer),
        )

"""What ``jobyard doctor`` tries of YARN."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import orjson

from jobyard.errors import JobyardError
from jobyard.seams.diagnosis import Check
from jobyard_backends.scheduling.yarn.clusters import Clusters
from jobyard_backends.scheduling.yarn.failures import NO_PORTS, translated
from jobyard_backends.scheduling.yarn.launcher import Fields, Launcher
from jobyard_backends.scheduling.yarn.opening import connected
from jobyard_backends.scheduling.yarn.resource_manager import (
    ResourceManagerSettings,
    VirtualClusters,
)
from jobyard_backends.scheduling.yarn.resource_manager import opened as managers_opened
from jobyard_backends.scheduling.yarn.settings import Site


class _Trial:
    """Ask the launcher; nothing is changed."""

    def __init__(self, site: Site, launcher: Launcher) -> None:
        self._site = site
        self._launcher = launcher
        self._said = Fields()

    async def launcher(self) -> str:
        with translated():
            self._said = await self._launcher.status()
        host = self._said.text("serviceHost") or "a host that it does not name"
        gpus = self._said.flag("hadoopLibrarySupportsGpu")
        return f"it runs on {host}; {_GPUS[gpus]}"

    async def frameworks(self) -> str:
        with translated():
            content = await self._launcher.frameworks()
        listed = list(Fields.of(orjson.loads(content)).listed("summarizedFrameworkInfos"))
        bare = [each for each in listed if "~" not in (each.text("frameworkName") or "~")]
        return f"{len(listed)}, of which {len(bare)} have no namespace"

    async def ports(self) -> str:
        if self._site.ports is not None:
            numbers = self._site.ports
            return f"the gateway gives {numbers[0]} to {numbers[-1]}"
        if self._said.flag("hadoopLibrarySupportsPort") is False:
            raise JobyardError(NO_PORTS)
        return "the launcher gives them"

    async def access(self) -> str:
        configuration = self._said.inner("launcherConfiguration")
        if configuration.flag("webServerAclEnable") is False:
            return "everybody who reaches the launcher may change every job: keep its port away"
        if configuration.flag("webServerAclIgnoreWithoutNamespace") is False:
            return "by namespace; jobs without one can only be read"
        return "by namespace; jobs without one can be changed by everybody who reaches the launcher"


_GPUS = {
    None: "it does not say whether its Hadoop gives GPUs",
    True: "its Hadoop gives GPUs",
    False: "its Hadoop gives no GPUs, so jobs that ask for one are refused",
}


@asynccontextmanager
async def diagnosis(
    site: Site | None, managers: ResourceManagerSettings
) -> AsyncIterator[Sequence[Check]]:
    """Give the steps; ``site`` is ``None`` where there is no launcher."""
    async with AsyncExitStack() as stack:
        found = await stack.enter_async_context(managers_opened(managers))
        checks = _of_managers(VirtualClusters(found))
        if site is not None:
            launcher = await stack.enter_async_context(connected(site))
            checks = (*_of_launcher(_Trial(site, launcher)), *checks)
        yield checks


def _of_launcher(trial: _Trial) -> tuple[Check, ...]:
    return (
        Check(
            "ask the launcher",
            trial.launcher,
            "Check 'launcher' (the address of its web service, with the port), and that it runs.",
        ),
        Check("list its frameworks", trial.frameworks, "Look at the launcher's own log."),
        Check("look who gives ports", trial.ports, "Set 'ports: gateway', and 'port-range'."),
        Check("look who may change jobs", trial.access),
    )


def _of_managers(clusters: Clusters) -> tuple[Check, ...]:
    async def ask() -> str:
        await clusters.ping()
        return "one is active"

    async def read() -> str:
        state = await clusters.quotas()
        return ", ".join(sorted(each.share.name for each in state.clusters))

    return (
        Check(
            "ask a ResourceManager",
            ask,
            "Check 'resource-manager' (the addresses of their web pages, with the port), and "
            "that one of them is active.",
        ),
        Check(
            "read the virtual clusters",
            read,
            "The ResourceManager has to have a CapacityScheduler with a queue 'default'.",
        ),
    )

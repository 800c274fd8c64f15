"""Speak with YARN's ResourceManagers: their queues are virtual clusters.

    async with opened(ResourceManagerSettings(addresses=("http://rm1:8088",))) as managers:
        clusters = VirtualClusters(managers)
        state = await clusters.quotas()

The active ResourceManager is found and remembered. What goes wrong is raised in the words of
:mod:`jobyard.errors`.
"""

from jobyard_backends.scheduling.yarn.resource_manager.client import ResourceManagers, opened
from jobyard_backends.scheduling.yarn.resource_manager.settings import ResourceManagerSettings
from jobyard_backends.scheduling.yarn.resource_manager.virtual_clusters import VirtualClusters

__all__ = ["ResourceManagerSettings", "ResourceManagers", "VirtualClusters", "opened"]

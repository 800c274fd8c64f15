"""Jobs as YARN Services, on a Hadoop 3 that has no launcher.

A service is one attempt of a job, a component one task role, a container one task. YARN tells
neither exit codes nor ports, and forgets how a service ended; so each container has a start script
of ours that notes ``started`` and ``ended`` in the storage, and completion and retry are ours.
"""

from jobyard_backends.scheduling.yarn.services.opening import opened
from jobyard_backends.scheduling.yarn.services.settings import ServiceSettings

__all__ = ["ServiceSettings", "opened"]

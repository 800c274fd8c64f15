"""What a deployer can set of jobs as YARN Services."""

from __future__ import annotations

from attrs import frozen


@frozen
class ServiceSettings:
    """Say how jobs run.

    ``ports`` are those that tasks may be given, on every node. Times are in seconds: ``look`` lies
    between two looks at a job, ``gang`` is how long the first task of a job waits for the others,
    ``lost`` how long a container that has ended may take to say how, and ``retry_backoff`` is the
    unit of the back-off.
    """

    ports: range = range(20_000, 30_000)
    look: float = 1.0
    gang: float = 600.0
    lost: float = 20.0
    retry_backoff: float = 1.0

"""Traces of jobs for any machine, and how they run in virtual time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from benchmarks.simulation import Job, Outcome, simulate
from jobyard.domain.virtual_cluster import VirtualClusterShare
from jobyard_backends.scheduling.local.decisions import Need, Resources
from jobyard_backends.scheduling.local.turns import starts

MACHINE = Resources(cpus=16, memory_mb=1600, gpus=4)
ALONE = {"default": VirtualClusterShare("default", 100, 100)}
BOUNDED = {
    "default": VirtualClusterShare("default", 40, 100),
    "vc1": VirtualClusterShare("vc1", 60, 75),
}
SHARES = {
    "default": VirtualClusterShare("default", 50, 100),
    "vc1": VirtualClusterShare("vc1", 30, 50),
    "vc2": VirtualClusterShare("vc2", 20, 20),
}

amounts = st.builds(
    Resources,
    cpus=st.integers(1, 18),
    memory_mb=st.integers(1, 17).map(lambda hundreds: 100 * hundreds),
    gpus=st.integers(0, 5),
)


@st.composite
def traces(
    draw: st.DrawFn, clusters: Sequence[str] = ("default",), longest: int = 9
) -> tuple[Job, ...]:
    """Draw jobs that run as long as they promise, or promise nothing."""
    parts = st.tuples(
        st.sampled_from(clusters), amounts, st.integers(0, 6), st.integers(1, 8), st.booleans()
    )
    return tuple(
        Job(Need(f"job{n:02}", cluster, asked, since, runs if promised else None), runs)
        for n, (cluster, asked, since, runs, promised) in enumerate(
            draw(st.lists(parts, max_size=longest))
        )
    )


def run(
    trace: Sequence[Job],
    shares: Mapping[str, VirtualClusterShare] = SHARES,
    machine: Resources = MACHINE,
) -> Outcome:
    return simulate(machine, shares, trace, starts)

"""What a cluster can never run is refused, and nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobyard.domain.job import JobConfig, TaskRole
from jobyard.domain.node import NodeShape
from jobyard.domain.status import WaitingCode
from jobyard_backends.scheduling.yarn.fitness import refusal
from tests.backends.scheduling.yarn.jobs.world import World, job

SMALL = NodeShape(count=3, cpus=8, memory_mb=4096)
LARGE = NodeShape(count=1, cpus=32, memory_mb=65_536, gpus=4, gpu_type="K80")


def config(role: TaskRole, gpu_type: str = "") -> JobConfig:
    return JobConfig(name="job", image="i", task_roles=(role,), gpu_type=gpu_type)


def test_a_task_that_one_node_can_hold_is_let_through() -> None:
    role = TaskRole(name="a", command="c", cpu_number=32, memory_mb=65_536, gpu_number=4)
    assert refusal(config(role, "K80"), [SMALL, LARGE], gpus=True) is None


def test_what_no_node_has_is_named_with_what_there_is() -> None:
    role = TaskRole(name="big", command="c", cpu_number=33)
    reason = refusal(config(role), [SMALL, LARGE], gpus=None)

    assert reason is not None
    assert reason.code is WaitingCode.LARGER_THAN_ANY_NODE
    assert "big asks for 33 CPUs" in reason.message
    assert "32 CPUs, 65536 MB and 4 GPUs" in reason.message


def test_no_node_has_the_type() -> None:
    role = TaskRole(name="a", command="c", gpu_number=1)
    reason = refusal(config(role, "V100"), [LARGE], gpus=True)

    assert reason is not None
    assert "of type V100" in reason.message


def test_a_hadoop_without_gpus_refuses_who_asks_for_one() -> None:
    role = TaskRole(name="a", command="c", gpu_number=1)
    reason = refusal(config(role), [], gpus=False)

    assert reason is not None
    assert "set gpuNumber to 0" in reason.message
    assert refusal(config(TaskRole(name="a", command="c")), [], gpus=False) is None


@given(st.integers(1, 2**31), st.integers(100, 2**31))
def test_where_the_nodes_are_not_known_nothing_is_refused(cpus: int, memory: int) -> None:
    role = TaskRole(name="a", command="c", cpu_number=cpus, memory_mb=memory)
    gone = NodeShape(count=0, cpus=1, memory_mb=1)
    assert refusal(config(role), [gone], gpus=None) is None


async def test_the_launcher_is_asked_once_whether_it_gives_gpus(world: World) -> None:
    world.shelf.status = {"hadoopLibrarySupportsGpu": False}
    made = job(TaskRole(name="a", command="c", gpu_number=1))
    for _ in range(2):
        assert await world.scheduler.refusal(made) is not None
    assert await world.scheduler.refusal(job()) is None

    asked = [each for each in world.shelf.heard("GET") if each.path.endswith("LauncherStatus")]
    assert len(asked) == 1

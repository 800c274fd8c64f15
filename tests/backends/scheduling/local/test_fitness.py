"""Which jobs can run here, and why others wait."""

from __future__ import annotations

import socket

from jobyard.domain.job import PortRequest
from jobyard.domain.states import JobState
from jobyard.domain.status import ExitType, RetryCounts, WaitingCode
from jobyard.domain.virtual_cluster import CapacityPlan, ResourcesUsed, VirtualClusterShare

from .world import (
    OWNER,
    SLEEP,
    World,
    ended,
    in_state,
    operation,
    reaching,
    role,
)


async def test_what_this_machine_can_never_run_is_refused_with_a_reason(world: World) -> None:
    fixed = (PortRequest("x", 21000, 1),)
    jobs = {
        "GPUs of type A100": world.job(role(gpu_number=1), gpu_type="A100"),
        "largest node has 64 CPUs": world.job(role(cpu_number=65)),
        "may hold": world.job(role(cpu_number=40, task_number=2)),
        "codeDir s3://else/where does not lie": world.job(code_dir="s3://else/where"),
        "authFile s3://else/login does not lie": world.job(auth_file="s3://else/login"),
        "more than one task": world.job(role(task_number=2, ports=fixed)),
    }
    async with world.open() as scheduler:
        reasons = {words: await scheduler.refusal(job) for words, job in jobs.items()}
        good = await scheduler.refusal(world.job())
        nodes = await scheduler.nodes()
        await scheduler.ping()

    for words, reason in reasons.items():
        assert reason is not None
        assert words in reason.message
    assert good is None
    assert (nodes[0].cpus, nodes[0].gpus) == (64, 4)


async def test_waiting_jobs_are_told_their_positions_which_move_up(world: World) -> None:
    running, first, second = (world.job(role(SLEEP), name=name) for name in "abc")
    async with world.open(cpus=1) as scheduler:
        for job in (running, first, second):
            await scheduler.submit(job)
        await in_state(scheduler, running, JobState.RUNNING)
        before = [(await scheduler.job(job.name)).waiting for job in (first, second)]
        await scheduler.stop(first.ref, OWNER, operation())
        after = (await scheduler.job(second.name)).waiting
        for job in (second, running):
            await scheduler.stop(job.ref, OWNER, operation())
            await ended(scheduler, job)

    assert [why and (why.code, why.queue_position) for why in (*before, after)] == [
        (WaitingCode.NO_CAPACITY, 1),
        (WaitingCode.NO_CAPACITY, 2),
        (WaitingCode.NO_CAPACITY, 1),
    ]


async def test_a_full_virtual_cluster_is_told_from_a_full_machine(world: World) -> None:
    jobs = [world.job(role(SLEEP, cpu_number=6), name=n, virtual_cluster="vc1") for n in "ab"]
    async with world.open(cpus=20) as scheduler:
        version = (await scheduler.quotas()).version
        shares = (VirtualClusterShare("default", 70), VirtualClusterShare("vc1", 30, 50))
        await scheduler.apply(CapacityPlan(version, shares))
        for job in jobs:
            await scheduler.submit(job)
        await in_state(scheduler, jobs[0], JobState.RUNNING)
        why = (await scheduler.job(jobs[1].name)).waiting
        quotas = await scheduler.quotas()
        for job in jobs:
            await scheduler.stop(job.ref, OWNER, operation())
            await ended(scheduler, job)

    assert why is not None
    assert why.code is WaitingCode.QUOTA_EXCEEDED
    cluster = quotas.get("vc1")
    assert cluster is not None
    usage = cluster.usage
    assert (usage.active_jobs, usage.pending_jobs, usage.used_capacity) == (1, 1, 30.0)
    assert usage.resources == ResourcesUsed(memory=100, vcores=6)


async def test_a_job_whose_port_another_program_has_backs_off_and_says_so(world: World) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        job = world.job(role(ports=(PortRequest("x", other.getsockname()[1], 1),)))
        async with world.open(retry_backoff=60.0) as scheduler:
            await scheduler.submit(job)
            status = await reaching(scheduler, job, lambda each: each.summary.retries.total > 0)
            await scheduler.stop(job.ref, OWNER, operation())

    assert status.summary.state is JobState.WAITING
    assert status.summary.retries == RetryCounts(resource=1)
    assert status.exit.exit_type is ExitType.TRANSIENT_CONFLICT
    assert "is in use by a program outside" in (status.exit.diagnostics or "")
    assert status.waiting is not None
    assert status.waiting.code is WaitingCode.BACK_OFF
    seconds = int(status.waiting.message.split()[-2])
    assert 0.8 * 60 - 10 < seconds <= 1.2 * 60

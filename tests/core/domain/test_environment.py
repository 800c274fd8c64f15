"""Every variable of the contract's section 4.2, and how large they are together."""

from __future__ import annotations

import os
import subprocess
from itertools import count
from typing import Any

import pytest
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st

from jobyard.domain.environment import (
    LARGEST_ENVIRONMENT,
    LONGEST_VARIABLE,
    GangPlacement,
    TaskPlace,
    environment_bounds,
    environment_problems,
    environment_size,
    task_environment,
)
from jobyard.domain.job import (
    FrameworkName,
    JobConfig,
    JobRef,
    JobSubmission,
    PortRequest,
    Scalar,
    SubmissionId,
    TaskRole,
)
from jobyard.domain.status import TaskPorts

WORKER = TaskRole(
    name="worker",
    command="true",
    task_number=2,
    cpu_number=4,
    memory_mb=2048,
    shm_mb=128,
    gpu_number=1,
    ports=(PortRequest("data", 0, 2),),
    min_failed_task_count=None,
    min_succeeded_task_count=2,
)
SERVER = TaskRole(name="ps", command="true", min_failed_task_count=1)
ID = SubmissionId("0190f1a2-0000-7000-8000-000000000000")


def submission(*roles: TaskRole, **changes: Any) -> JobSubmission:
    config = JobConfig(
        name="fit",
        image="python",
        task_roles=roles or (SERVER, WORKER),
        data_dir="hdfs://c/data",
        output_dir="hdfs://c/Output/alice/fit",
        code_dir="hdfs://c/code/fit",
        virtual_cluster="vc1",
    )
    return JobSubmission(
        ref=JobRef(FrameworkName("alice", "fit"), ID),
        submitter="alice",
        config=evolve(config, **changes),
        document=b"{}",
        fs_uri="hdfs://c",
        created_at=0,
    )


def placed(job: JobSubmission) -> GangPlacement:
    """Give every task an address of the longest kind, and ports of its own."""
    free = count(10_000)
    tasks = {
        (role.name, index): TaskPlace(
            "192.168.100.200",
            tuple(
                TaskPorts(port.label, tuple(next(free) for _ in range(port.count)))
                for port in role.all_ports()
            ),
        )
        for role in job.config.task_roles
        for index in range(role.task_number)
    }
    return GangPlacement(tasks, f"local_{ID}_0")


def environment(job: JobSubmission, role: str = "worker", index: int = 1) -> dict[str, str]:
    container = f"local_{ID}_0_{role}_{index}"
    return task_environment(job, placed(job), role, index, container)


IP = "192.168.100.200"

# ps-0 has http 10000 and ssh 10001; worker-0 data 10002,10003, http 10004, ssh 10005;
# worker-1 data 10006,10007, http 10008, ssh 10009.
TABLE = {
    "PAI_JOB_NAME": "fit",
    "PAI_USER_NAME": "alice",
    "PAI_USERNAME": "alice",
    "PAI_DEFAULT_FS_URI": "hdfs://c",
    "PAI_DATA_DIR": "hdfs://c/data",
    "PAI_OUTPUT_DIR": "hdfs://c/Output/alice/fit",
    "PAI_CODE_DIR": "hdfs://c/code/fit",
    "PAI_JOB_VC_NAME": "vc1",
    "PAI_TASK_ROLE_COUNT": "2",
    "PAI_TASK_ROLE_LIST": "ps,worker",
    "PAI_TASK_ROLE_TASK_COUNT_ps": "1",
    "PAI_TASK_ROLE_TASK_COUNT_worker": "2",
    "PAI_HOST_IP_ps_0": IP,
    "PAI_HOST_IP_worker_0": IP,
    "PAI_HOST_IP_worker_1": IP,
    "PAI_PORT_LIST_ps_0_http": "10000",
    "PAI_PORT_LIST_ps_0_ssh": "10001",
    "PAI_PORT_LIST_worker_0_data": "10002,10003",
    "PAI_PORT_LIST_worker_0_http": "10004",
    "PAI_PORT_LIST_worker_0_ssh": "10005",
    "PAI_PORT_LIST_worker_1_data": "10006,10007",
    "PAI_PORT_LIST_worker_1_http": "10008",
    "PAI_PORT_LIST_worker_1_ssh": "10009",
    "PAI_RESOURCE_ps": "0,1,100,64",
    "PAI_RESOURCE_worker": "1,4,2048,128",
    "PAI_MIN_FAILED_TASK_COUNT_ps": "1",
    "PAI_MIN_FAILED_TASK_COUNT_worker": "",
    "PAI_MIN_SUCCEEDED_TASK_COUNT_ps": "",
    "PAI_MIN_SUCCEEDED_TASK_COUNT_worker": "2",
    "PAI_CURRENT_TASK_ROLE_NAME": "worker",
    "PAI_CURRENT_TASK_ROLE_CURRENT_TASK_INDEX": "1",
    "PAI_CONTAINER_HOST_IP": IP,
    "PAI_CONTAINER_HOST_PORT_LIST": "data:10006,10007;http:10008;ssh:10009",
    "PAI_CONTAINER_SSH_PORT": "10009",
    "PAI_CONTAINER_ID": f"local_{ID}_0_worker_1",
    "PAI_CURRENT_CONTAINER_IP": IP,
    "PAI_CURRENT_CONTAINER_PORT": "10008",
    "PAI_CONTAINER_HOST_PORT": "10008",
    "PAI_CONTAINER_HOST_data_PORT_LIST": "10006,10007",
    "PAI_CONTAINER_HOST_http_PORT_LIST": "10008",
    "PAI_CONTAINER_HOST_ssh_PORT_LIST": "10009",
    "PAI_CURRENT_TASK_ROLE_TASK_COUNT": "2",
    "PAI_CURRENT_TASK_ROLE_CPU_COUNT": "4",
    "PAI_CURRENT_TASK_ROLE_MEM_MB": "2048",
    "PAI_CURRENT_TASK_ROLE_GPU_COUNT": "1",
    "PAI_CURRENT_TASK_ROLE_SHM_MB": "128",
    "PAI_CURRENT_TASK_ROLE_MIN_FAILED_TASK_COUNT": "",
    "PAI_CURRENT_TASK_ROLE_MIN_SUCCEEDED_TASK_COUNT": "2",
    "PAI_TASK_INDEX": "1",
    "PAI_TASK_ROLE_NAME": "worker",
    "PAI_TASK_ROLE_NUM": "2",
    "PAI_TASK_ROLE_INDEX": "1",
    "PAI_TASK_CPU_NUM": "4",
    "PAI_TASK_MEM_MB": "2048",
    "PAI_TASK_GPU_NUM": "1",
    "PAI_TASKS_NUM": "3",
    "PAI_JOB_TASK_COUNT": "3",
    "PAI_TASK_ROLES_NUM": "2",
    "PAI_JOB_TASK_ROLE_COUNT": "2",
    "PAI_JOB_TASK_ROLE_LIST": "ps,worker",
    "PAI_TASK_ROLE_ps_HOST_LIST": f"{IP}:10000",
    "PAI_TASK_ROLE_worker_HOST_LIST": f"{IP}:10004,{IP}:10008",
    "PAI_ps_0_http_PORT": "10000",
    "PAI_ps_0_ssh_PORT": "10001",
    "PAI_worker_0_data_PORT": "10002,10003",
    "PAI_worker_0_http_PORT": "10004",
    "PAI_worker_0_ssh_PORT": "10005",
    "PAI_worker_1_data_PORT": "10006,10007",
    "PAI_worker_1_http_PORT": "10008",
    "PAI_worker_1_ssh_PORT": "10009",
}


def test_a_task_has_every_variable_of_the_contract_and_no_other() -> None:
    assert environment(submission()) == TABLE


def test_a_task_is_told_the_thresholds_of_its_own_role() -> None:
    seen = environment(submission(), "ps", 0)

    assert seen["PAI_CURRENT_TASK_ROLE_MIN_FAILED_TASK_COUNT"] == "1"
    assert seen["PAI_CURRENT_TASK_ROLE_MIN_SUCCEEDED_TASK_COUNT"] == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [("a b$c\n", "a b$c\n"), ("", ""), (True, "true"), (False, "false"), (3, "3"), (0.5, "0.5")],
)
def test_job_envs_are_there_word_for_word(value: Scalar, text: str) -> None:
    assert environment(submission(job_envs={"MINE": value}))["MINE"] == text


def test_names_that_no_shell_can_read_have_a_copy_that_one_can() -> None:
    odd = evolve(SERVER, name="p.s~1", ports=(PortRequest("a.b", 0, 1),))

    seen = environment(submission(odd), "p.s~1", 0)

    assert seen["PAI_HOST_IP_p.s~1_0"] == seen["PAI_HOST_IP_p_s_1_0"] == IP
    assert seen["PAI_PORT_LIST_p.s~1_0_a.b"] == seen["PAI_PORT_LIST_p_s_1_0_a_b"] == "10000"
    assert seen["PAI_CONTAINER_HOST_a_b_PORT_LIST"] == "10000"
    assert seen["PAI_TASK_ROLE_p_s_1_HOST_LIST"] == f"{IP}:10001"


def test_a_copy_takes_no_name_that_another_role_has() -> None:
    odd, plain = evolve(SERVER, name="a.b"), evolve(SERVER, name="a_b", cpu_number=7)

    seen = environment(submission(odd, plain), "a.b", 0)

    assert seen["PAI_RESOURCE_a.b"] == "0,1,100,64"
    assert seen["PAI_RESOURCE_a_b"] == "0,7,100,64"


def test_an_older_name_takes_none_of_the_contracts_own() -> None:
    # The older PAI_PORT_LIST_a_0_x_PORT of the second is the first one's label "x_PORT".
    first = evolve(SERVER, name="a", ports=(PortRequest("x_PORT", 0, 1),))
    second = evolve(SERVER, name="PORT_LIST_a", ports=(PortRequest("x", 0, 1),))

    seen = environment(submission(second, first), "a", 0)

    assert seen["PAI_PORT_LIST_a_0_x_PORT"] == seen["PAI_CONTAINER_HOST_x_PORT_PORT_LIST"]


def test_the_port_variables_name_one_port_where_a_label_has_many() -> None:
    many = evolve(SERVER, ports=(PortRequest("http", 0, 3),))

    seen = environment(submission(many), "ps", 0)

    assert seen["PAI_CONTAINER_HOST_http_PORT_LIST"] == "10000,10001,10002"
    assert seen["PAI_CONTAINER_HOST_PORT"] == "10000"
    assert seen["PAI_TASK_ROLE_ps_HOST_LIST"] == f"{IP}:10000"


def test_a_role_or_a_task_that_is_not_there_has_no_environment() -> None:
    for role, index in (("nobody", 0), ("worker", 2)):
        with pytest.raises(KeyError):
            environment(submission(), role, index)


def test_a_role_that_the_job_lacks_has_no_environment_though_it_is_placed() -> None:
    with pytest.raises(KeyError, match="worker"):
        task_environment(submission(SERVER), placed(submission()), "worker", 0, "container")


def test_a_label_without_a_port_is_an_empty_variable() -> None:
    assert TaskPlace(IP, ()).first("http") == ""


names = st.text("ab_.~1", min_size=1, max_size=6)


@st.composite
def submissions(draw: st.DrawFn) -> JobSubmission:
    labels = st.lists(st.one_of(names, st.just("http")), max_size=3, unique=True)
    roles = [
        TaskRole(
            name=name,
            command="true",
            task_number=draw(st.integers(1, 24)),
            cpu_number=draw(st.integers(1, 10**6)),
            memory_mb=draw(st.integers(100, 10**7)),
            gpu_number=draw(st.integers(0, 12)),
            ports=tuple(PortRequest(label, 0, draw(st.integers(1, 4))) for label in draw(labels)),
            min_failed_task_count=draw(st.one_of(st.none(), st.integers(1, 30))),
        )
        for name in draw(st.lists(names, min_size=1, max_size=4, unique=True))
    ]
    texts = st.text(st.characters(exclude_characters="\0", codec="utf-8"))
    envs = st.dictionaries(st.text("ABC", min_size=1), st.one_of(st.booleans(), texts), max_size=3)
    return submission(*roles, job_envs=draw(envs), data_dir=draw(texts))


def real_size(job: JobSubmission, role: str, index: int) -> int:
    """Count as the kernel does: both texts, two bytes between and behind, and a pointer."""
    pairs = environment(job, role, index).items()
    return sum(len(name.encode()) + len(value.encode()) + 2 + 8 for name, value in pairs)


@given(job=submissions())
def test_no_environment_is_larger_than_was_told(job: JobSubmission) -> None:
    real = [
        real_size(job, role.name, index)
        for role in job.config.task_roles
        for index in (0, role.task_number - 1)
    ]

    assert max(real) <= environment_size(job)


@given(job=submissions())
def test_bounds_are_never_below_what_is_measured(job: JobSubmission) -> None:
    largest, whole = environment_bounds(job)
    real = [
        len(name.encode()) + len(value.encode()) + len("=\0")
        for role in job.config.task_roles
        for index in (0, role.task_number - 1)
        for name, value in environment(job, role.name, index).items()
    ]

    assert max(real) <= largest
    assert environment_size(job) <= whole


@example(tasks=9)
@example(tasks=11)
@example(tasks=110)
@given(tasks=st.integers(1, 120))
def test_the_told_size_is_the_real_one_but_for_what_is_not_known_before(tasks: int) -> None:
    job = submission(evolve(WORKER, task_number=tasks))

    spare = environment_size(job) - real_size(job, "worker", tasks - 1)

    # The name of the backend may have 64 characters, an attempt ten digits, a list ends with ";".
    assert spare == (64 - len("local")) + (10 - len("0")) + len(";")


def test_a_size_is_told_without_building_anything() -> None:
    ports = tuple(PortRequest(f"label{number}", 0, 60_000) for number in range(200))

    size = environment_size(submission(evolve(WORKER, task_number=100_000, ports=ports)))

    assert size > 100_000 * 200 * 60_000 * 6 * 2


def test_a_job_of_a_thousand_tasks_is_good_and_one_of_ten_thousand_is_not() -> None:
    good = submission(evolve(SERVER, task_number=1000))
    large = submission(*(evolve(SERVER, name=f"r{n}", task_number=500) for n in range(20)))

    assert environment_problems(good) == ()
    (problem,) = environment_problems(large)
    assert problem.path == "taskRoles"
    assert f"would have {environment_size(large)} bytes" in problem.message
    assert str(LARGEST_ENVIRONMENT) in problem.message


def test_a_variable_that_the_kernel_does_not_take_is_named_with_its_field() -> None:
    many_tasks = submission(evolve(SERVER, task_number=5990))
    long_env = submission(job_envs={"MINE": "x" * LONGEST_VARIABLE})
    long_path = submission(data_dir="x" * LONGEST_VARIABLE)
    many_ports = submission(evolve(SERVER, ports=(PortRequest("x", 0, 21_840),)))

    (of_tasks,) = environment_problems(many_tasks)
    (of_env,) = environment_problems(long_env)
    (of_path,) = environment_problems(long_path)
    (of_ports,) = environment_problems(many_ports)

    assert environment_size(many_tasks) < LARGEST_ENVIRONMENT
    assert of_tasks.path == "taskRoles"
    assert "PAI_TASK_ROLE_ps_HOST_LIST" in of_tasks.message
    assert of_env.path == "jobEnvs.MINE"
    assert of_path.path == "dataDir"
    assert of_ports.path == "taskRoles"
    assert "PAI_CONTAINER_HOST_PORT_LIST" in of_ports.message


def test_what_is_exactly_as_large_as_the_kernel_takes_is_good() -> None:
    longest = "x" * (LONGEST_VARIABLE - len("MINE=") - 1)
    room = LARGEST_ENVIRONMENT - environment_size(submission(job_envs={"MINE": ""}))
    hundred_thousand = "x" * (100_000 - len("X10=") - 1 - 8)
    many = {f"X{n}": hundred_thousand for n in range(10, 10 + room // 100_000)}
    rest = "x" * (room % 100_000)

    assert environment_problems(submission(job_envs={"MINE": longest})) == ()
    assert len(environment_problems(submission(job_envs={"MINE": longest + "x"}))) == 1
    assert environment_size(submission(job_envs=many | {"MINE": rest})) == LARGEST_ENVIRONMENT
    assert environment_problems(submission(job_envs=many | {"MINE": rest})) == ()
    assert len(environment_problems(submission(job_envs=many | {"MINE": rest + "x"}))) == 1


def test_of_the_variables_of_one_field_the_longest_is_named() -> None:
    roles = [evolve(SERVER, name=f"r{n}", task_number=n) for n in (6000, 6200, 6100)]

    problem = environment_problems(submission(*roles))[0]

    assert "PAI_TASK_ROLE_r6200_HOST_LIST" in problem.message


def test_the_kernel_takes_the_largest_that_is_let_through() -> None:
    """Fill an environment to the limits with the shortest names, and start a program with it."""
    roles = [evolve(SERVER, name=f"{n:x}", task_number=440) for n in range(8)]
    short = tuple(PortRequest(label, 0, 1) for label in "abc")
    job = submission(*(evolve(role, ports=short) for role in roles))
    room = LARGEST_ENVIRONMENT - environment_size(job)
    assert room > 0
    line = LONGEST_VARIABLE - 100
    filling = {f"X{n}": "x" * line for n in range(room // (line + 20))}
    job = submission(*job.config.task_roles, job_envs=filling)
    assert environment_problems(job) == ()
    longest_command = "true " + "x" * 119_000

    environ = environment(job, "0", 0) | {"PATH": os.defpath}
    result = subprocess.run(["/bin/sh", "-c", longest_command], env=environ, check=False)

    assert result.returncode == 0

"""Every row of the contract's table of the job configuration (section 4.1)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.domain.job import JobConfig, PortRequest, TaskRole
from jobyard.errors import InvalidParameters
from jobyard.wire.form import read_form
from jobyard.wire.job_request import job_document
from jobyard.wire.requests import JOB_REQUEST, JobRequest

ROLE: dict[str, Any] = {"name": "worker", "command": "true"}
PORT: dict[str, Any] = {"label": "web", "beginAt": 0, "portNumber": 1}
JOB: dict[str, Any] = {"jobName": "fit", "image": "python", "taskRoles": [ROLE]}


def decode(document: object, *, coerce: bool = False) -> JobRequest:
    return JOB_REQUEST.decode(document, coerce=coerce)


def problems(document: object) -> dict[str, str]:
    with pytest.raises(InvalidParameters) as refusal:
        decode(document)
    return {problem.path: problem.message for problem in refusal.value.problems}


def with_role(**fields: object) -> dict[str, Any]:
    return JOB | {"taskRoles": [ROLE | fields]}


def with_port(**fields: object) -> dict[str, Any]:
    return with_role(portList=[PORT | fields])


def test_the_smallest_job_has_the_contracts_defaults() -> None:
    assert decode(JOB).to_config() == JobConfig(
        name="fit",
        image="python",
        task_roles=(
            TaskRole(
                name="worker",
                command="true",
                task_number=1,
                cpu_number=1,
                memory_mb=100,
                shm_mb=64,
                gpu_number=0,
                ports=(),
                min_failed_task_count=1,
                min_succeeded_task_count=None,
            ),
        ),
        virtual_cluster="default",
        retry_count=0,
    )


GOOD: list[dict[str, Any]] = [
    JOB | {"jobName": "A.b-c_9"},
    *(JOB | {name: ""} for name in ("authFile", "dataDir", "outputDir", "codeDir", "gpuType")),
    JOB | {"dataDir": "$PAI_DEFAULT_FS_URI/data"},
    JOB | {"retryCount": -2},
    JOB | {"jobEnvs": {"A_1": "x", "B": 1, "C": 1.5, "D": True, "9": ""}},
    JOB | {"extras": {"a.b": {"deep": [1, None]}}},
    JOB | {"killAllOnCompletedTaskNumber": 1},
    JOB | {"taskRoles": [ROLE, ROLE | {"name": "a~b.c"}]},
    with_role(taskNumber="3", minFailedTaskCount=3, minSucceededTaskCount=3),
    with_role(minFailedTaskCount=None, minSucceededTaskCount=None),
    with_role(memoryMB=100, shmMB=100),
    with_role(shmMB=0, gpuNumber=0, cpuNumber=1),
    with_port(beginAt=65_535),
    with_port(label="ssh"),
]


@pytest.mark.parametrize("document", GOOD)
def test_what_the_table_allows_is_accepted(document: dict[str, Any]) -> None:
    decode(document).to_config()


WITHOUT = [
    ("jobName", "a text that matches"),
    ("image", "a text that is not empty"),
    ("taskRoles", "a list"),
]
EMPTY: list[object] = []
NULL_LIST_TEXT: tuple[object, ...] = (None, EMPTY, "x")
BAD: list[tuple[dict[str, Any], str]] = [
    *((JOB | {"jobName": name}, "jobName") for name in ("", "a b", "a/b", "a~b", "é", "a\n", 5, None)),
    *((JOB | {"image": image}, "image") for image in ("", None, 1)),
    *((JOB | {"taskRoles": roles}, "taskRoles") for roles in (*NULL_LIST_TEXT, {})),
    *((JOB | {name: None}, name) for name in ("authFile", "dataDir", "outputDir", "codeDir")),
    *((JOB | {"virtualCluster": vc}, "virtualCluster") for vc in (None, 1)),
    *((JOB | {"gpuType": value}, "gpuType") for value in (None, 1)),
    *((JOB | {"retryCount": value}, "retryCount") for value in (-3, 0.5, None, "x", 2**31)),
    *((JOB | {"jobEnvs": {key: "x"}}, f"jobEnvs.{key}") for key in ("PAI_X", "a-b")),
    *((JOB | {"jobEnvs": {"A": value}}, "jobEnvs.A") for value in (*NULL_LIST_TEXT[:2], {}, 2**64)),
    *((JOB | {"jobEnvs": value}, "jobEnvs") for value in NULL_LIST_TEXT),
    *((JOB | {"extras": {key: 1}}, path) for key, path in (("a-b", "extras.a-b"), ("", 'extras[""]'))),
    *((JOB | {"extras": value}, "extras") for value in NULL_LIST_TEXT),
    (JOB | {"jobname": "x"}, "jobname"),
    *((with_role(name=name), "taskRoles[0].name") for name in ("", "a b", "a-b", None)),
    *((with_role(command=command), "taskRoles[0].command") for command in ("", None, 1)),
    *((with_role(taskNumber=value), "taskRoles[0].taskNumber") for value in (0, -1, 1.5, None, True)),
    *((with_role(cpuNumber=value), "taskRoles[0].cpuNumber") for value in (0, -1, 1.5)),
    *((with_role(memoryMB=value), "taskRoles[0].memoryMB") for value in (99, 100.5)),
    *((with_role(shmMB=value), "taskRoles[0].shmMB") for value in (-1, 101, 1.5)),
    *((with_role(gpuNumber=value), "taskRoles[0].gpuNumber") for value in (-1, 0.5)),
    *((with_role(minFailedTaskCount=value), "taskRoles[0].minFailedTaskCount") for value in (0, 2)),
    *((with_role(minSucceededTaskCount=value), "taskRoles[0].minSucceededTaskCount") for value in (0, 2)),
    *((with_port(label=value), "taskRoles[0].portList[0].label") for value in ("", "a-b", None)),
    *((with_port(beginAt=value), "taskRoles[0].portList[0].beginAt") for value in (-1, 65_536, None)),
    *((with_port(portNumber=value), "taskRoles[0].portList[0].portNumber") for value in (0, 65_536)),
    (with_port(beginAt=65_535, portNumber=2), "taskRoles[0].portList[0].portNumber"),
    (with_port(size=1), "taskRoles[0].portList[0].size"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "path"), BAD)
def test_what_the_table_forbids_is_refused_by_its_path(document: dict[str, Any], path: str) -> None:
    assert list(problems(document)) == [path]


@pytest.mark.parametrize(("field", "wanted"), WITHOUT)
def test_what_is_required_is_missed(field: str, wanted: str) -> None:
    found = problems({name: value for name, value in JOB.items() if name != field})

    assert list(found) == [field]
    assert found[field].startswith(f"missing, expected {wanted}")


def test_an_empty_body_misses_every_required_field() -> None:
    assert set(problems({})) == {"jobName", "image", "taskRoles"}


def test_roles_differ_in_name() -> None:
    assert problems(JOB | {"taskRoles": [ROLE, ROLE | {"name": "b"}, ROLE]}) == {
        "taskRoles[2].name": '"worker" is the name of taskRoles[0] already'
    }


def test_labels_of_a_role_differ() -> None:
    assert problems(with_role(portList=[PORT, PORT])) == {
        "taskRoles[0].portList[1].label": '"web" is the label of portList[0] already'
    }


def test_more_tasks_than_any_environment_could_name_are_refused() -> None:
    decode(with_role(taskNumber=100_000))

    assert problems(with_role(taskNumber=100_001)) == {
        "taskRoles": "expected at most 100000 tasks in all roles together, got 100001"
    }


def test_a_bound_that_is_another_field_is_told_with_its_value() -> None:
    role = {"taskNumber": 2, "memoryMB": 200, "shmMB": 201}
    counts = {"minFailedTaskCount": 3, "minSucceededTaskCount": 4}

    assert problems(with_role(**role, **counts)) == {
        "taskRoles[0].shmMB": "expected at most memoryMB, which is 200, got 201",
        "taskRoles[0].minFailedTaskCount": "expected at most taskNumber, which is 2, got 3",
        "taskRoles[0].minSucceededTaskCount": "expected at most taskNumber, which is 2, got 4",
    }
    assert problems(with_port(beginAt=65_535, portNumber=2)) == {
        "taskRoles[0].portList[0].portNumber": "the ports from 65535 on end at 65535"
    }


def test_absent_and_null_are_not_the_same_for_the_failed_count() -> None:
    assert decode(JOB).task_roles[0].min_failed_task_count == 1
    assert decode(with_role(minFailedTaskCount=None)).task_roles[0].min_failed_task_count is None


def test_an_empty_virtual_cluster_is_the_default_one() -> None:
    assert decode(JOB | {"virtualCluster": ""}).to_config().virtual_cluster == "default"


def test_an_obsolete_field_is_seen_by_the_route() -> None:
    assert decode(JOB).kill_all_on_completed_task_number is None
    asked = decode(JOB | {"killAllOnCompletedTaskNumber": 2})
    assert asked.kill_all_on_completed_task_number == 2


def test_a_published_client_submits_a_bracketed_form() -> None:
    form = (
        "jobName=fit&image=python&virtualCluster=default&retryCount=-1"
        "&taskRoles%5B0%5D%5Bname%5D=worker&taskRoles%5B0%5D%5BtaskNumber%5D=2"
        "&taskRoles[0][memoryMB]=2048&taskRoles[0][command]=python+a.py+%26%26+true"
        "&taskRoles[0][portList][0][label]=web&taskRoles[0][portList][0][beginAt]=0"
        "&taskRoles[0][portList][0][portNumber]=2&taskRoles[0][minFailedTaskCount]="
        "&taskRoles[1][name]=ps&taskRoles[1][command]=true&jobEnvs[A]=1"
    )

    config = decode(read_form(form), coerce=True).to_config()

    worker, server = config.task_roles
    assert config.retry_count == -1
    assert config.job_envs == {"A": "1"}
    assert worker == TaskRole(
        name="worker",
        command="python a.py && true",
        task_number=2,
        memory_mb=2048,
        ports=(PortRequest("web", 0, 2),),
        min_failed_task_count=None,
    )
    assert server.name == "ps"


names = st.from_regex(r"[A-Za-z0-9._~]{1,9}", fullmatch=True)
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
ports = st.builds(PortRequest, label=names, begin_at=st.integers(0, 60_000), count=st.integers(1, 9))  # fmt: skip
roles = st.builds(
    TaskRole,
    name=names,
    command=texts.filter(bool),
    task_number=st.integers(1, 50),
    cpu_number=st.integers(1, 2**31 - 1),
    memory_mb=st.integers(100, 2**31 - 1),
    shm_mb=st.integers(0, 100),
    gpu_number=st.integers(0, 8),
    ports=st.lists(ports, max_size=3, unique_by=lambda port: port.label).map(tuple),
    min_failed_task_count=st.none() | st.just(1),
    min_succeeded_task_count=st.none() | st.just(1),
)
configs = st.builds(
    JobConfig,
    name=st.from_regex(r"[A-Za-z0-9\-._]{1,20}", fullmatch=True),
    image=texts.filter(bool),
    task_roles=st.lists(roles, min_size=1, max_size=3, unique_by=lambda role: role.name).map(tuple),
    auth_file=texts,
    data_dir=texts,
    output_dir=texts,
    code_dir=texts,
    virtual_cluster=texts.filter(bool),
    gpu_type=texts,
    retry_count=st.integers(-2, 9),
    job_envs=st.dictionaries(st.from_regex("[A-OQ-Z0-9_]{1,9}", fullmatch=True), texts | st.booleans() | st.integers(-9, 9)),
    extras=st.dictionaries(st.from_regex("[A-Za-z0-9._]{1,9}", fullmatch=True), st.none() | st.lists(texts)),
)  # fmt: skip


@given(configs)
def test_a_configuration_survives_the_wire(config: JobConfig) -> None:
    document = orjson.loads(orjson.dumps(job_document(config)))

    assert decode(document).to_config() == config

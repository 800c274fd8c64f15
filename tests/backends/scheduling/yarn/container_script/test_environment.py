"""What a task finds in its environment is what the gateway's own rules say, byte for byte."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from jobyard.domain.environment import GangPlacement, TaskPlace, task_environment
from jobyard.domain.job import PortRequest, TaskRole
from jobyard.domain.status import TaskPorts
from jobyard.secret import Secret
from jobyard_backends.scheduling.yarn.container_script import ContainerScript, Runtime
from jobyard_backends.scheduling.yarn.container_script.node.variables import environment
from jobyard_backends.scheduling.yarn.container_script.specification import specification
from tests.backends.scheduling.yarn.container_script.conftest import Places
from tests.backends.scheduling.yarn.container_script.scripts import (
    PRINT_ENVIRONMENT,
    SET_BY_BASH,
    job,
    printed_environment,
    run,
    script,
)

RUNS: Final = 200 if os.environ.get("JOBYARD_LONG") else 15
NAMES = st.from_regex(r"\A[A-Za-z0-9._~]{1,8}\Z").map(str)
TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=12)
HOSTILE = st.one_of(
    TEXT,
    st.sampled_from(
        (
            "$(touch pwned)",
            "`touch pwned`",
            "';touch pwned;'",
            '";touch pwned;"',
            "\ntouch pwned\n",
            "${IFS}",
            "{{ spec }}",
            "{% raw %}",
            "\\",
            "-rf",
            "\r\n",
            "&&touch pwned",
            "é\x7f\x01 ",
        )
    ),
)
ENVS = st.dictionaries(
    st.from_regex(r"\A[A-Z][A-Z0-9_]{3,10}\Z").filter(lambda name: not name.startswith("PAI_")),
    HOSTILE | st.integers() | st.booleans(),
    max_size=3,
)
# Nobody listens there: the kernel gives out higher ones.
PORTS = st.lists(st.integers(20000, 29999), min_size=1, max_size=3, unique=True).map(tuple)


@st.composite
def jobs(draw: st.DrawFn) -> tuple[Any, GangPlacement]:
    """Make a job and where its tasks are; the first role's command prints its environment."""
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    labels = draw(st.lists(NAMES, max_size=2, unique=True))
    roles = tuple(
        TaskRole(
            name,
            PRINT_ENVIRONMENT,
            task_number=draw(st.integers(1, 3)),
            ports=tuple(PortRequest(label, 0, 1) for label in labels),
        )
        for name in names
    )
    submission = job(
        *roles,
        name=draw(HOSTILE),
        image=draw(HOSTILE),
        data_dir=draw(HOSTILE),
        code_dir=draw(HOSTILE),
        virtual_cluster=draw(HOSTILE),
        job_envs=draw(ENVS),
    )
    tasks = {
        (role.name, index): TaskPlace(
            draw(st.ip_addresses(v=4).map(str)),
            tuple(TaskPorts(port.label, draw(PORTS)) for port in role.all_ports()),
        )
        for role in roles
        for index in range(role.task_number)
    }
    return submission, GangPlacement(tasks, "application_1")


class OfThisTask:
    """Be the first task of the first role, without a node."""

    def __init__(self, submission: Any, spec: dict[str, Any]) -> None:
        self.role, self.index = submission.config.task_roles[0].name, 0
        self.container = "container_1"
        self.spec = spec


@given(jobs())
def test_the_variables_are_those_of_the_gateways_rules(made: tuple[Any, GangPlacement]) -> None:
    submission, placement = made
    role = submission.config.task_roles[0]
    spec = specification(ContainerScript(submission, role, Runtime.NONE))
    places = {
        key: (place.ip, {port.label: list(port.numbers) for port in place.ports})
        for key, place in placement.tasks.items()
    }

    found = environment(OfThisTask(submission, spec), places)  # type: ignore[arg-type]

    assert found == task_environment(submission, placement, role.name, 0, "container_1")


@given(jobs())
@settings(max_examples=RUNS, deadline=None)
def test_no_value_is_ever_code(known_places: Places, made: tuple[Any, GangPlacement]) -> None:
    submission, placement = made
    role = submission.config.task_roles[0].name
    known_places.tasks = {
        (name, index): (
            place.ip,
            "".join(f"{port.label}:{','.join(map(str, port.numbers))};" for port in place.ports),
        )
        for (name, index), place in placement.tasks.items()
    }
    expected = task_environment(submission, placement, role, 0, "container_1")
    expected["PAI_STORAGE_TOKEN"] = "it's $secret"
    text = script(submission, storage_token=Secret("it's $secret"))
    with tempfile.TemporaryDirectory() as folder:
        done = run(text, Path(folder), known_places.environment())

        assert (done.returncode, done.stderr) == (0, b"")
        found = printed_environment(Path(folder) / "environment")
        assert list(Path(folder).rglob("pwned")) == []
    names = expected.keys() - SET_BY_BASH
    assert {name: found.get(name) for name in names} == {name: expected[name] for name in names}

"""The names of jobs, and what a configuration adds up to."""

from __future__ import annotations

import re

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from jobyard.domain.job import (
    JOB_NAME_PATTERN,
    FrameworkName,
    JobConfig,
    JobRef,
    JobSubmission,
    KeyPair,
    PortRequest,
    SubmissionId,
    TaskRole,
    is_job_name,
)

users = st.from_regex(r"[_A-Za-z0-9]{1,8}", fullmatch=True)
names = st.from_regex(r"[A-Za-z0-9\-._]{1,8}", fullmatch=True)
CONFIG = JobConfig(name="fit", image="none", task_roles=(TaskRole("main", "true"),))


@given(user=users, job=names)
def test_a_full_name_is_read_as_it_is_written(user: str, job: str) -> None:
    name = FrameworkName(user, job)

    assert FrameworkName.parse(str(name)) == name
    assert not name.legacy


@given(job=names)
def test_a_name_without_a_namespace_is_a_legacy_jobs(job: str) -> None:
    name = FrameworkName.parse(job)

    assert name == FrameworkName(None, job)
    assert name.legacy
    assert str(name) == job


def test_the_namespace_is_before_the_first_tilde() -> None:
    assert FrameworkName.parse("alice~a~b") == FrameworkName("alice", "a~b")


@given(text=st.text())
def test_any_text_is_read_and_written_back(text: str) -> None:
    assert str(FrameworkName.parse(text)) == text


@given(text=st.one_of(st.text("aZ9-._~/ \n", max_size=5), names))
def test_a_jobs_name_is_the_patterns_and_ends_with_no_line(text: str) -> None:
    matches = re.search(JOB_NAME_PATTERN, text) is not None and not text.endswith("\n")

    assert is_job_name(text) is matches


def test_http_and_ssh_are_among_the_ports_of_every_task() -> None:
    plain = TaskRole("main", "true")
    own = evolve(plain, ports=(PortRequest("ssh", 22000, 2), PortRequest("x", 0, 1)))

    assert plain.all_ports() == (PortRequest("http", 0, 1), PortRequest("ssh", 0, 1))
    assert own.all_ports() == (*own.ports, PortRequest("http", 0, 1))


@given(parts=st.lists(st.tuples(st.integers(1, 99), st.integers(0, 8)), min_size=1, max_size=5))
def test_a_job_counts_the_tasks_and_gpus_of_all_roles(parts: list[tuple[int, int]]) -> None:
    roles = tuple(
        TaskRole(f"r{n}", "true", task_number=tasks, gpu_number=gpus)
        for n, (tasks, gpus) in enumerate(parts)
    )
    config = evolve(CONFIG, task_roles=roles)

    assert config.total_tasks == sum(tasks for tasks, _ in parts)
    assert config.total_gpus == sum(tasks * gpus for tasks, gpus in parts)


def test_a_private_key_is_not_shown() -> None:
    assert "hidden" not in repr(KeyPair("ssh-ed25519 AAAA", b"hidden"))
    assert "AAAA" in repr(KeyPair("ssh-ed25519 AAAA", b"hidden"))


def test_a_submission_has_an_id() -> None:
    name = FrameworkName("alice", "fit")
    ref = JobRef(name, SubmissionId("one"))
    job = JobSubmission(ref, "alice", CONFIG, b"{}", "hdfs://c", 0)

    assert (job.name, job.submission) == (name, "one")
    with pytest.raises(ValueError, match="without an id"):
        _ = evolve(job, ref=JobRef(name, None)).submission

"""Control groups: version 1 on the kernel of this machine, version 2 on a folder that stands for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobyard_backends.scheduling.local import cgroups
from jobyard_backends.scheduling.local.cgroups import find_cgroups

FILES = ("memory.max", "memory.oom.group", "memory.swap.max", "cpu.weight")


def test_a_tasks_limits_are_the_kernels(tmp_path: Path) -> None:
    found = find_cgroups(tmp_path)
    groups = found.make("a task", memory_mb=123, cpus=3)
    try:
        limits = {
            path.name: path.read_text().strip()
            for group in groups
            for path in group.iterdir()
            if path.name in {"memory.limit_in_bytes", "cpu.shares", "memory.max", "cpu.weight"}
        }
    finally:
        for group in groups:
            group.rmdir()

    memory = limits.get("memory.limit_in_bytes") or limits["memory.max"]
    assert int(memory) == 123 * 1024 * 1024
    assert limits.get("cpu.shares", "3072") == "3072"
    assert limits.get("cpu.weight", "300") == "300"


def test_what_is_left_of_tasks_that_ended_is_swept_away(tmp_path: Path) -> None:
    found = find_cgroups(tmp_path)
    left = found.make("left", memory_mb=100, cpus=1)
    kept = found.make("about to begin", memory_mb=100, cpus=1)

    found.sweep({"about to begin"})

    assert not [group for group in left if group.exists()]
    assert all(group.exists() for group in kept)
    found.sweep(())
    assert not [group for group in kept if group.exists()]


def test_where_groups_cannot_be_made_it_is_said(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("4:memory:/here\n1:cpu:/\n0::/\n")
    (tmp_path / "memory" / "here").mkdir(parents=True)
    (tmp_path / "cpu").mkdir()

    with pytest.raises(OSError, match=r"memory\.limit_in_bytes"):
        find_cgroups(tmp_path, tmp_path, own)
    assert not [path for path in tmp_path.rglob("jobyard-*/*") if path.is_dir()]


class Kernel:
    """Be version 2 in a folder: a new group has the files of its parent's handed-down controllers."""

    def __init__(self, root: Path, *, delegated: str = "") -> None:
        self.root = root
        self.owner = root.parent
        self.own = root.parent / "own"
        self.own.write_text(f"0::/{delegated}\n")
        self.place = root / delegated
        self.place.mkdir(parents=True)
        self._fill(self.place)

    def _fill(self, group: Path) -> None:
        for name in ("cgroup.procs", "cgroup.subtree_control", *FILES):
            (group / name).write_text("")

    def make(self, group: Path) -> None:
        group.mkdir(exist_ok=True)
        self._fill(group)

    @staticmethod
    def remove(group: Path) -> None:
        for file in group.iterdir():
            file.unlink()
        group.rmdir()


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel(tmp_path / "mount", delegated="system.slice/jobyard.service")
    monkeypatch.setattr(cgroups, "_create", made.make)
    monkeypatch.setattr(cgroups, "_delete", made.remove)
    return made


def test_version_2_bounds_a_task_and_hands_its_controllers_down(kernel: Kernel) -> None:
    found = find_cgroups(kernel.owner, kernel.root, kernel.own)
    (group,) = found.make("a task", memory_mb=64, cpus=1000)

    assert found.version == 2
    assert group.parent.parent == kernel.place
    assert {name: (group / name).read_text() for name in FILES} == {
        "memory.max": str(64 * 1024 * 1024),
        "memory.oom.group": "1",
        "memory.swap.max": "0",
        "cpu.weight": "10000",
    }
    for parent in (kernel.place, group.parent):
        assert (parent / "cgroup.subtree_control").read_text() == "+memory +cpu"


def test_version_2_moves_the_gateway_where_it_does_not_stand_in_the_way(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    (kernel.place / "cgroup.procs").write_text("17\n42\n")
    busy = [kernel.place]
    real = cgroups._hand_down

    def hand_down(group: Path) -> None:
        if group in busy:
            busy.remove(group)
            raise OSError(16, "Device or resource busy")
        real(group)

    monkeypatch.setattr(cgroups, "_hand_down", hand_down)

    find_cgroups(kernel.owner, kernel.root, kernel.own)

    # The kernel adds one process for each write; a file keeps what was written last.
    assert (kernel.place / "jobyard-gateway" / "cgroup.procs").read_text() == "42"


def test_a_look_at_version_2_changes_nothing(kernel: Kernel) -> None:
    (kernel.place / "cgroup.controllers").write_text("cpu memory pids\n")

    assert find_cgroups(kernel.owner, kernel.root, kernel.own, settle=False).version == 2
    assert not [path for path in kernel.place.iterdir() if path.is_dir()]

    (kernel.place / "cgroup.controllers").write_text("cpu pids\n")
    with pytest.raises(OSError, match="has no memory controller"):
        find_cgroups(kernel.owner, kernel.root, kernel.own, settle=False)


def test_another_on_the_machine_has_other_groups(tmp_path: Path) -> None:
    mine, yours = find_cgroups(tmp_path / "mine"), find_cgroups(tmp_path / "yours")
    made = mine.make("a task", memory_mb=100, cpus=1)

    yours.sweep(())

    assert all(group.exists() for group in made)
    mine.leave()
    assert all(group.exists() for group in made)
    mine.sweep(())
    mine.leave()
    assert not [group for group in made if group.parent.exists()]


def test_version_2_sweeps(kernel: Kernel) -> None:
    found = find_cgroups(kernel.owner, kernel.root, kernel.own)
    (group,) = found.make("a task", memory_mb=64, cpus=1)

    found.sweep(())

    assert not group.exists()

"""Control groups: memory and processor of a task, kept by the kernel.

Version 2 (``Documentation/admin-guide/cgroup-v2.rst`` of the kernel) needs a group that was given
to the gateway, as systemd does with ``Delegate=yes``, or root. Version 1 needs a group that the
gateway may write into, below its own. Everything here blocks.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final, Protocol

from attrs import field, frozen

MOUNT: Final = Path("/sys/fs/cgroup")
OWN: Final = Path("/proc/self/cgroup")
_LEAF: Final = "jobyard-gateway"
_MEGABYTE: Final = 1024 * 1024
_WEIGHT_OF_ONE: Final = 100
_SHARES_OF_ONE: Final = 1024
_MOST_WEIGHT: Final = 10_000
_MOST_SHARES: Final = 262_144


class Cgroups(Protocol):
    """Make the control groups of tasks."""

    @property
    def version(self) -> int:
        """Give the version of the kernel's interface, 1 or 2."""
        ...

    def make(self, name: str, *, memory_mb: int, cpus: int) -> tuple[Path, ...]:
        """Make the groups of a task that bears a name; ``cpus`` weighs it against the others.

        Raises:
            OSError: The kernel refuses.
        """
        ...

    def sweep(self, kept: Collection[str]) -> None:
        """Remove the groups in which nothing runs, but for those of the tasks of these names.

        A task may be about to enter the group that was made for it.
        """
        ...

    def leave(self) -> None:
        """Remove what the groups of tasks are in, unless there are some."""
        ...


def find_cgroups(
    owner: Path, mount: Path = MOUNT, own: Path = OWN, *, settle: bool = True
) -> Cgroups:
    """Find the control groups of this process, and try whether limits can be set there.

    ``owner`` is the folder of the one whose tasks they are for: another on the same machine has
    others. Version 2 wants the processes beside this one moved; without ``settle`` nothing is, and it is
    taken that they could be.

    Raises:
        OSError: They cannot, and why.
    """
    places = dict(_places(own))
    parent = f"jobyard-{_group_name(str(owner))[:12]}"
    cgroups: Cgroups
    if "memory" in places:
        there = {name: path for name, path in places.items() if name in {"memory", "cpu"}}
        cgroups = _Version1(mount, there, parent)
    else:
        group = mount / places.get("", "").lstrip("/")
        if not settle:
            return _promised(group, parent)
        cgroups = _Version2(_delegated(group, parent))
    for group in cgroups.make(f"trial-{os.getpid()}", memory_mb=100, cpus=1):
        _delete(group)
    return cgroups


def _places(own: Path) -> Iterator[tuple[str, str]]:
    """Give the path of each controller; that of version 2 has no name."""
    for line in own.read_text("ascii").splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            yield name, path


@frozen
class _Version1:
    mount: Path
    places: Mapping[str, str]
    parent: str
    version: int = field(default=1, init=False)

    def make(self, name: str, *, memory_mb: int, cpus: int) -> tuple[Path, ...]:
        made: list[Path] = []
        try:
            for controller in self.places:
                group = self._parent(controller) / _group_name(name)
                _create(group.parent)
                _create(group)
                made.append(group)
                self._bound(controller, group, memory_mb, cpus)
        except OSError:
            _remove(made)
            raise
        return tuple(made)

    def _bound(self, controller: str, group: Path, memory_mb: int, cpus: int) -> None:
        if controller == "cpu":
            _set(group / "cpu.shares", min(cpus * _SHARES_OF_ONE, _MOST_SHARES))
            return
        size = memory_mb * _MEGABYTE
        _set(group / "memory.limit_in_bytes", size)
        # Where the kernel counts swap too, none is to be had beyond the limit.
        with contextlib.suppress(FileNotFoundError):
            _set(group / "memory.memsw.limit_in_bytes", size)

    def sweep(self, kept: Collection[str]) -> None:
        for controller in self.places:
            _remove_empty(self._parent(controller), kept)

    def leave(self) -> None:
        _remove([self._parent(controller) for controller in self.places])

    def _parent(self, controller: str) -> Path:
        return self.mount / controller / self.places[controller].lstrip("/") / self.parent


@frozen
class _Version2:
    parent: Path
    version: int = field(default=2, init=False)

    def make(self, name: str, *, memory_mb: int, cpus: int) -> tuple[Path, ...]:
        group = self.parent / _group_name(name)
        _create(group)
        try:
            _set(group / "memory.max", memory_mb * _MEGABYTE)
            _set(group / "memory.oom.group", 1)
            _set(group / "cpu.weight", min(cpus * _WEIGHT_OF_ONE, _MOST_WEIGHT))
            with contextlib.suppress(FileNotFoundError):
                _set(group / "memory.swap.max", 0)
        except OSError:
            _remove([group])
            raise
        return (group,)

    def sweep(self, kept: Collection[str]) -> None:
        _remove_empty(self.parent, kept)

    def leave(self) -> None:
        _remove([self.parent])


def _promised(group: Path, parent: str) -> Cgroups:
    controllers = (group / "cgroup.controllers").read_text("ascii").split()
    if "memory" not in controllers or not os.access(group, os.W_OK):
        message = f"{group} has no memory controller, or cannot be written"
        raise OSError(message)
    return _Version2(group / parent)


def _delegated(group: Path, name: str) -> Path:
    """Give a group below one's own, in which tasks may have theirs.

    A group that hands controllers down holds no processes itself, the kernel's root excepted: so
    the gateway goes into a leaf.
    """
    parent = group / name
    _create(parent)
    try:
        _hand_down(group)
    except OSError:
        leaf = group / _LEAF
        _create(leaf)
        for pid in (group / "cgroup.procs").read_text("ascii").split():
            _set(leaf / "cgroup.procs", int(pid))
        _hand_down(group)
    _hand_down(parent)
    return parent


def _hand_down(group: Path) -> None:
    (group / "cgroup.subtree_control").write_text("+memory +cpu", "ascii")


def _create(group: Path) -> None:
    group.mkdir(exist_ok=True)


def _delete(group: Path) -> None:
    group.rmdir()


def _group_name(name: str) -> str:
    # A container's id may be longer than a file's name.
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def _set(file: Path, value: int) -> None:
    # Opened as it is: a file that is not there is a controller that is not there.
    with file.open("r+", encoding="ascii") as opened:
        opened.write(str(value))


def _remove_empty(parent: Path, kept: Collection[str]) -> None:
    names = {_group_name(name) for name in kept}
    if parent.is_dir():
        _remove(each for each in parent.iterdir() if each.is_dir() and each.name not in names)


def _remove(groups: Iterator[Path] | list[Path]) -> None:
    for group in groups:
        with contextlib.suppress(OSError):  # something still runs in it
            _delete(group)

"""What holds tasks on this machine, tried when it is opened.

A sandbox, control groups and a watch, or containers, whose engine sees to all of it.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from jobyard.domain.job import TaskRole
from jobyard.errors import LoadError
from jobyard.seams.enforcement import Enforcement
from jobyard_backends.scheduling.local.bubblewrap import Sandbox, find_program
from jobyard_backends.scheduling.local.cgroups import Cgroups, find_cgroups
from jobyard_backends.scheduling.local.engine import ENGINES, Engine, find_engine
from jobyard_backends.scheduling.local.process import Account, Bounds, kill_marked
from jobyard_backends.scheduling.local.settings import LocalSchedulingConfig
from jobyard_backends.scheduling.local.ssh import Ssh, find_sshd

EVERYBODY: Final = "*"
"""The key of the account for all users that have none of their own."""

_NAME: Final = "local"


class NoAccount(Exception):
    """Report a user for whom no Unix account is configured."""

    def __init__(self, username: str) -> None:
        super().__init__(f"scheduling.local.run-as names no Unix account for {username}")


@frozen
class Enclosure:
    """Hold tasks: by a sandbox, by control groups, or, where ``watched``, by a look at them.

    With an ``engine`` all of them are in containers of its.

    ``accounts`` are the Unix accounts of users; without any, tasks run as the gateway does.
    """

    sandbox: Sandbox | None
    why_no_sandbox: str
    cgroups: Cgroups | None
    why_no_cgroups: str
    limited: bool = True
    accounts: Mapping[str, Account] = {}
    engine: Engine | None = None
    ssh: Ssh | None = None

    @property
    def watched(self) -> bool:
        """Tell whether the gateway itself has to look at how much memory tasks use."""
        return self.limited and self.cgroups is None and self.engine is None

    def account(self, username: str) -> Account | None:
        """Give the account that a user's tasks run as; ``None`` is the gateway's own.

        Raises:
            NoAccount: There is none for this user.
        """
        if not self.accounts:
            return None
        found = self.accounts.get(username, self.accounts.get(EVERYBODY))
        if found is None:
            raise NoAccount(username)
        return found

    def bounds(
        self,
        folder: Path,
        role: TaskRole,
        *,
        name: str,
        image: str,
        gpus: Sequence[int],
        account: Account | None,
        daemon: Ssh | None = None,
    ) -> Bounds:
        """Make what holds the task of a folder; blocks.

        ``name`` is no other task's, ``image`` what it runs in where there are containers.
        ``daemon`` is what was prepared in the folder to run beside it.

        Raises:
            OSError: The kernel refuses the control group.
        """
        if self.engine is not None:
            return self.engine.bounds(
                folder, role, mark=name, image=image, gpus=gpus, account=account
            )
        wrapper: tuple[str, ...] = ()
        if self.sandbox is not None:
            more = [] if daemon is None else daemon.sandboxed(folder, account)
            wrapper = self.sandbox.wrapper(
                folder, shm_mb=role.shm_mb, gpus=gpus, account=account, more=more
            )
        groups: tuple[Path, ...] = ()
        if self.cgroups is not None:
            groups = self.cgroups.make(name, memory_mb=role.memory_mb, cpus=role.cpu_number)
        beside = () if daemon is None else daemon.before(folder)
        return Bounds(wrapper, groups, role.memory_mb, beside=beside)

    def kill(self, name: str) -> None:
        """Kill what is left of a task whose keeper is gone; blocks."""
        kill_marked(name)
        if self.engine is not None:
            self.engine.remove(name)

    def sweep(self, kept: Collection[str]) -> None:
        """Remove what no task is in, but for those of these names; blocks."""
        if self.cgroups is not None:
            self.cgroups.sweep(kept)
        if self.engine is not None:
            self.engine.sweep(kept)

    def enforcement(self) -> tuple[Enforcement, ...]:
        """Say what is made sure of on this machine, and what is not."""
        around = self.sandbox is not None or self.engine is not None
        by_wall = "bubblewrap" if self.sandbox else self.why_no_sandbox
        by_kernel = f"control groups, version {self.cgroups.version}" if self.cgroups else ""
        if self.engine is not None:
            by_wall = by_kernel = self.engine.kind
        unlimited = "switched off by scheduling.local.enforce-limits"
        memory = by_kernel or "a look once a second, while the gateway runs"
        kernel = self.limited and bool(by_kernel)
        no_cpu = self.why_no_cgroups if self.limited else unlimited
        return (
            Enforcement("memory", self.limited, memory if self.limited else unlimited),
            Enforcement("cpu", kernel, by_kernel if kernel else no_cpu),
            *(
                Enforcement(what, around, by_wall)
                for what in ("shared memory", "gpus", "files", "processes")
            ),
            Enforcement(
                "unix account",
                bool(self.accounts),
                "scheduling.local.run-as" if self.accounts else "tasks run as the gateway does",
            ),
        )


def enclose(
    config: LocalSchedulingConfig, owner: Path, hidden: Sequence[Path], *, settle: bool = True
) -> Enclosure:
    """Find out what this machine has to hold tasks with; blocks.

    ``owner`` is the scheduler's own folder, ``hidden`` what no task sees where there is a sandbox. Without ``settle`` nothing is changed
    that outlasts the look.

    Raises:
        LoadError: It lacks what the configuration insists on.
    """
    engine = _engine(config, owner, hidden) if config.runtime in ENGINES else None
    sandbox, why_no_sandbox = None, ""
    cgroups, why_no_cgroups = None, ""
    if engine is None:
        sandbox, why_no_sandbox = _sandbox(config, hidden)
        cgroups, why_no_cgroups = _cgroups(config, owner, settle=settle)
    return Enclosure(
        sandbox=sandbox,
        why_no_sandbox=why_no_sandbox,
        cgroups=cgroups,
        why_no_cgroups=why_no_cgroups,
        limited=config.enforce_limits,
        accounts=_accounts(config, enclosed=sandbox is not None or engine is not None),
        engine=engine,
        ssh=_ssh(config, sandboxed=sandbox is not None),
    )


def _ssh(config: LocalSchedulingConfig, *, sandboxed: bool) -> Ssh | None:
    program = find_sshd() if config.ssh and sandboxed else None
    return None if program is None else Ssh(program, config.ssh_address)


def _engine(config: LocalSchedulingConfig, owner: Path, hidden: Sequence[Path]) -> Engine:
    kind = config.runtime
    program = find_engine(kind)
    engine = Engine(
        kind,
        program or kind,
        str(owner),
        config.engine_options,
        config.container_options,
        config.mounts,
        (*hidden, *config.hidden),
        config.enforce_limits,
    )
    why = engine.trial() if program else f"{kind} is not installed"
    if why is not None:
        raise LoadError(_NAME, f"scheduling.local.runtime is {kind}: {why}")
    return engine


def _sandbox(config: LocalSchedulingConfig, hidden: Sequence[Path]) -> tuple[Sandbox | None, str]:
    if config.runtime == "process":
        return None, "switched off by scheduling.local.runtime"
    program = find_program()
    if program is None:
        why: str | None = "bubblewrap is not installed"
        sandbox = None
    else:
        sandbox = Sandbox(program, (*hidden, *config.hidden), config.mounts)
        why = sandbox.trial()
    if why is None:
        return sandbox, ""
    if config.runtime == "bubblewrap":
        raise LoadError(_NAME, f"scheduling.local.runtime is bubblewrap: {why}")
    return None, why


def _cgroups(
    config: LocalSchedulingConfig, owner: Path, *, settle: bool
) -> tuple[Cgroups | None, str]:
    if not config.enforce_limits:
        return None, "switched off by scheduling.local.enforce-limits"
    try:
        return find_cgroups(owner, settle=settle), ""
    except (OSError, ValueError) as error:
        return None, f"control groups cannot be written: {error}"


def _accounts(config: LocalSchedulingConfig, *, enclosed: bool) -> Mapping[str, Account]:
    if not config.run_as:
        return {}
    if os.geteuid() != 0:
        raise LoadError(_NAME, "scheduling.local.run-as needs a gateway that runs as root")
    if not enclosed:
        raise LoadError(_NAME, "scheduling.local.run-as needs bubblewrap, podman or docker")
    return {user: _account(user, name) for user, name in config.run_as.items()}


def _account(user: str, name: str) -> Account:
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        message = f"scheduling.local.run-as.{user}: this machine has no Unix account {name}"
        raise LoadError(_NAME, message) from None
    if found.pw_uid == 0:
        message = f"scheduling.local.run-as.{user}: {name} is root, which runs no tasks"
        raise LoadError(_NAME, message)
    return Account(found.pw_uid, found.pw_gid)

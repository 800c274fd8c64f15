"""Ports that are really free, and stay so until the task binds them.

The ledger keeps the gateway's own jobs apart; a socket that is bound here, and never listens,
keeps every other program off a port until just before the command starts.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attrs import frozen

from jobyard.domain.job import JobConfig
from jobyard.domain.status import TaskPorts
from jobyard.seams.context import PortConflict, PortLease, PortLedger, PortNeed

_MOST_HELD: Final = 512
"""Sockets held for one job; above that the ports are tested, and not held."""

TaskKey = tuple[str, int]


class HeldPorts:
    """Hold ports with bound sockets."""

    def __init__(self, address: str) -> None:
        self._family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._sockets: dict[int, socket.socket] = {}

    def take(self, port: int) -> bool:
        """Hold a port; ``False`` where another program has it."""
        if port in self._sockets:
            return True
        candidate = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            # On every address: the task may bind any, and so may those who are there already.
            candidate.bind(("", port))
        except OSError as error:
            candidate.close()
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
        if len(self._sockets) < _MOST_HELD:
            self._sockets[port] = candidate
        else:
            candidate.close()
        return True

    def release(self, ports: Sequence[int]) -> None:
        """Let go of some ports."""
        for port in ports:
            held = self._sockets.pop(port, None)
            if held is not None:
                held.close()

    def close(self) -> None:
        """Let go of all ports."""
        self.release(tuple(self._sockets))


@frozen
class _Want:
    """Be the ports of one label of one task."""

    task: TaskKey
    label: str
    need: PortNeed


class PortOffice:
    """Find, lease and hold the ports of a job's tasks."""

    def __init__(self, ledger: PortLedger, address: str, numbers: range) -> None:
        self._ledger = ledger
        self._address = address
        self._numbers = numbers
        self._next = 0

    async def lease(
        self, owner: str, config: JobConfig
    ) -> tuple[Mapping[TaskKey, tuple[TaskPorts, ...]], HeldPorts]:
        """Give every task of a job its ports, held; an owner gets the same ones again.

        Raises:
            PortConflict: A fixed port is taken, or there are not enough free ones.
        """
        wants = tuple(_wants(config))
        held = HeldPorts(self._address)
        try:
            taken = await self._ledger.held(self._address)
            free = self._find(wants, taken, held)
            leases = await self._ledger.lease(
                self._address, owner, [want.need for want in wants], free=free
            )
            numbers = {lease.key: lease.numbers for lease in leases}
            self._hold(leases, free, held)
        except BaseException:
            held.close()
            raise
        placed: dict[TaskKey, list[TaskPorts]] = {}
        for want in wants:
            ports = TaskPorts(want.label, numbers[want.need.key])
            placed.setdefault(want.task, []).append(ports)
        return {task: tuple(ports) for task, ports in placed.items()}, held

    async def release(self, owner: str) -> None:
        """Give the ports of an owner back."""
        await self._ledger.release(owner)

    def _hold(self, leases: Sequence[PortLease], free: Sequence[int], held: HeldPorts) -> None:
        leased = {number for lease in leases for number in lease.numbers}
        held.release([number for number in free if number not in leased])
        for number in sorted(leased):
            if not held.take(number):
                message = f"port {number} is in use by a program outside of Jobyard"
                raise PortConflict(message)

    def _find(
        self, wants: Sequence[_Want], taken: frozenset[int], held: HeldPorts
    ) -> tuple[int, ...]:
        """Find a run of neighbours for each need of any ports, in the order of the needs."""
        fixed = {
            want.need.begin_at + step
            for want in wants
            if want.need.begin_at
            for step in range(want.need.count)
        }
        candidates = self._candidates()
        found: list[int] = []
        for want in wants:
            if want.need.begin_at:
                continue
            found += self._run(want.need.count, candidates, taken | fixed, held)
        return tuple(found)

    def _candidates(self) -> Iterator[int]:
        # Each search begins behind the last one's end, so that a port rests before it is reused.
        size = len(self._numbers)
        first = self._next
        for step in range(size):
            self._next = (first + step + 1) % size
            yield self._numbers[(first + step) % size]

    @staticmethod
    def _run(
        count: int, candidates: Iterator[int], taken: frozenset[int] | set[int], held: HeldPorts
    ) -> list[int]:
        run: list[int] = []
        for number in candidates:
            if run and number != run[-1] + 1:
                held.release(run)
                run = []
            if number in taken or not held.take(number):
                held.release(run)
                run = []
                continue
            run.append(number)
            if len(run) == count:
                return run
        held.release(run)
        message = "there are not enough free ports on this machine"
        raise PortConflict(message)


def _wants(config: JobConfig) -> Iterator[_Want]:
    for role in config.task_roles:
        for index in range(role.task_number):
            for port in role.all_ports():
                key = f"{role.name}/{index}/{port.label}"
                need = PortNeed(key, port.begin_at, port.count)
                yield _Want((role.name, index), port.label, need)

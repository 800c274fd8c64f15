"""What runs in containers, as the launcher's life sees it: asked for, running, over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from attrs import define, frozen


@frozen
class ContainerOrder:
    """Be what a container is to run, and what it is told in its environment.

    ``environment`` is what the launcher sets; ``user`` is the framework's.
    """

    id: str
    application: str
    user: str
    entry_point: str
    sources: tuple[str, ...]
    environment: Mapping[str, str]


@frozen
class Ended:
    """Be how a container ended; ``stderr`` is what it wrote there last."""

    exit_code: int
    stderr: str = ""


class Container(Protocol):
    """Be one container that was ordered."""

    @property
    def running(self) -> bool:
        """Tell whether its command has started."""
        ...

    @property
    def missing_source(self) -> str | None:
        """Name the source location that is not there, where one is not."""
        ...

    @property
    def ended(self) -> Ended | None:
        """Give how it ended, once nothing of it runs any more."""
        ...

    def kill(self) -> None:
        """Have it end, with everything that it started; it says so in ``ended``."""
        ...


class ContainerRunner(Protocol):
    """Run containers."""

    def start(self, order: ContainerOrder) -> Container:
        """Have a container start; returns at once."""
        ...


@frozen
class Play:
    """Be what a scripted container does: run for so many seconds, then end.

    ``missing_source`` names the source location that is not there.
    """

    seconds: float
    exit_code: int = 0
    stderr: str = ""
    missing_source: str | None = None


@define
class ScriptedContainer:
    """Be a container in which nothing runs but time."""

    play: Play
    started: float
    clock: Callable[[], float]
    _killed: bool = False

    @property
    def running(self) -> bool:
        """Tell whether it has not ended."""
        return self.ended is None and self.play.missing_source is None

    @property
    def missing_source(self) -> str | None:
        """Name what the script says."""
        return self.play.missing_source

    @property
    def ended(self) -> Ended | None:
        """Give the script's end, when its time has come."""
        if self._killed:
            return Ended(137)
        if self.clock() - self.started < self.play.seconds:
            return None
        return Ended(self.play.exit_code, self.play.stderr)

    def kill(self) -> None:
        """End it now."""
        self._killed = True


@define
class ScriptedContainers:
    """Run no process: have each container do what ``script`` says of its order."""

    script: Callable[[ContainerOrder], Play]
    clock: Callable[[], float]

    def start(self, order: ContainerOrder) -> ScriptedContainer:
        """Begin the script of a container."""
        return ScriptedContainer(self.script(order), self.clock(), self.clock)

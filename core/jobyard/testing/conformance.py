"""What the suites of all seams share: the backend under test, waivers, and the switches.

A suite is a class of tests. Whoever writes a backend derives a class from it, says which provider
it is about, and overrides the fixture ``settings``; :mod:`jobyard.testing.plugin` does the rest.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar, cast

import pytest
from attrs import frozen

from jobyard.seams.auth import UserAdmin, UserListing
from jobyard.seams.provider import AnyProvider, Capability, Provider, Seam
from jobyard.seams.scheduling import JobFeed, LogSource, SshSource
from jobyard.testing.leaking import Kind, leaks
from jobyard.testing.subject import Subject, opened

F = TypeVar("F", bound=Callable[..., object])

Reopen = Callable[[], AbstractAsyncContextManager[Subject[Any]]]

CAPABILITIES: Final[Mapping[Capability, tuple[Seam, type | None]]] = {
    Capability.USERS: (Seam.AUTH, UserListing),
    Capability.MANAGE_USERS: (Seam.AUTH, UserAdmin),
    Capability.WIDE_CREDENTIALS: (Seam.AUTH, None),
    Capability.LEGACY: (Seam.SCHEDULING, None),
    Capability.FEED: (Seam.SCHEDULING, JobFeed),
    Capability.LOGS: (Seam.SCHEDULING, LogSource),
    Capability.SSH: (Seam.SCHEDULING, SshSource),
    Capability.CAPACITY: (Seam.SCHEDULING, None),
    Capability.REPLICAS: (Seam.SCHEDULING, None),
}
"""The seam of each capability, and the protocol whose methods it promises."""

SWITCHES: Final = "__jobyard_switches__"
"""The attribute of a test in which its switches lie."""


@frozen
class Switch:
    """Say that a test is for providers that declare a capability, or for those that do not."""

    capability: Capability
    declared: bool

    def on(self, provider: AnyProvider) -> bool:
        """Tell whether a test is for a provider."""
        return (self.capability in provider.capabilities) is self.declared

    def __str__(self) -> str:
        return f"{'requires' if self.declared else 'lacks'} {self.capability.value}"


def requires(capability: Capability) -> Callable[[F], F]:
    """Switch a test on for providers that declare a capability, alone."""
    return partial(_switched, switch=Switch(capability, declared=True))


def lacks(capability: Capability) -> Callable[[F], F]:
    """Switch a test on for providers that do not declare a capability, alone."""
    return partial(_switched, switch=Switch(capability, declared=False))


def switches_of(test: object) -> tuple[Switch, ...]:
    """Give the switches of a test; all of them must be on."""
    inner = getattr(getattr(test, "hypothesis", None), "inner_test", None)
    own = cast("tuple[Switch, ...]", getattr(test, SWITCHES, ()))
    return own if inner is None or own else switches_of(inner)


def switched_off(test: object, provider: AnyProvider) -> tuple[Switch, ...]:
    """Give the switches that keep a provider from a test; none where it is run."""
    return tuple(each for each in switches_of(test) if not each.on(provider))


def _switched(test: F, *, switch: Switch) -> F:
    setattr(test, SWITCHES, (*switches_of(test), switch))
    return test


class Conformance:
    """Be what the suites derive from.

    ``provider`` is set by the class that is run. ``waivers`` names tests that the backend does
    not pass yet, each with the reason: one that names no test fails, and so does a waived test
    that passes. ``outliving`` names the kinds of things that may be left when the backend is
    closed, each with the reason. ``seam`` is the suite's own.
    """

    pytestmark = pytest.mark.anyio
    provider: ClassVar[AnyProvider]
    seam: ClassVar[Seam | None] = None
    waivers: ClassVar[Mapping[str, str]] = {}
    outliving: ClassVar[Mapping[Kind, str]] = {}

    @pytest.fixture
    def anyio_backend(self) -> str:
        """Give the event loop that a gateway runs on."""
        return "asyncio"

    @pytest.fixture
    def settings(self) -> Mapping[str, object]:
        """Give the provider's settings, spelt as in the configuration file; to be overridden."""
        return {}

    @pytest.fixture
    def state_dir(self, tmp_path: Path) -> Path:
        """Give the folder in which the state lies that outlives one opening."""
        folder = tmp_path / "state"
        folder.mkdir()
        return folder

    @pytest.fixture
    def reopen(self, settings: Mapping[str, object], state_dir: Path) -> Reopen:
        """Give what opens the backend on the same state, as the next start of a gateway does.

        Leaving the block closes it, and fails where something is left open.
        """
        return partial(_watched, self.provider, settings, state_dir, frozenset(self.outliving))

    @pytest.fixture
    async def subject(self, reopen: Reopen) -> AsyncIterator[Subject[Any]]:
        """Give the opened backend; after the test it is closed, and nothing of it may be left."""
        async with reopen() as subject:
            yield subject

    def test_waivers_name_tests_of_the_suite(self) -> None:
        """Every waiver names a test that is run, and has a reason."""
        for name, reason in self.waivers.items():
            test = getattr(self, name.partition("[")[0], None)

            assert name.startswith("test_"), f"{name!r} is waived, and is no test"
            assert test is not None, f"{name!r} is waived, and there is no such test"
            off = ", ".join(map(str, switched_off(test, self.provider)))
            assert not off, f"{name!r} is waived, and switched off anyway: it {off}"
            assert reason.strip(), f"{name!r} is waived without a reason"

    async def test_capabilities_have_their_protocols(self, subject: Subject[Any]) -> None:
        """A declared capability belongs to the seam, and the backend has its methods."""
        for capability in subject.provider.capabilities:
            seam, protocol = CAPABILITIES[capability]

            assert seam is subject.provider.seam, f"{capability!r} is one of the seam {seam.value}"
            assert protocol is None or isinstance(subject.backend, protocol), (
                f"{capability.value!r} is declared, and the backend lacks methods of "
                f"{protocol.__name__}"
            )

    async def test_closing_leaves_nothing_open(self, reopen: Reopen) -> None:
        """A closed backend leaves no task, thread, file, socket or process behind."""
        async with reopen() as subject:
            await subject.backend.ping()

    async def test_it_opens_again_on_the_same_state(self, reopen: Reopen) -> None:
        """A backend that was closed can be opened again, as after a restart."""
        async with reopen() as first:
            await first.backend.ping()
        async with reopen() as second:
            await second.backend.ping()


@asynccontextmanager
async def _watched(
    provider: AnyProvider,
    settings: Mapping[str, object],
    state_dir: Path,
    outliving: frozenset[Kind],
) -> AsyncIterator[Subject[Any]]:
    opening = opened(cast("Provider[Any]", provider), settings, state_dir)
    async with leaks(outliving=outliving), opening as subject:
        yield subject

"""Tests that need a fixture which only the author of a backend can write.

Where the fixture is not overridden the test is switched off, and listed as such.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Final, TypeVar

import pytest
from attrs import frozen

from jobyard.seams.provider import AnyProvider
from jobyard.testing.conformance import SWITCHES, Conformance, switches_of

F = TypeVar("F", bound=Callable[..., object])

_FIXTURE: Final = "__jobyard_fixture__"


@frozen
class Missing:
    """Be the switch, always off, of a test whose fixture nobody wrote."""

    fixture: str

    def on(self, provider: AnyProvider) -> bool:
        """Tell that the test is for no provider."""
        del provider
        return False

    def __str__(self) -> str:
        return f"needs the fixture {self.fixture}"


def supplied(fixture: str) -> Callable[[F], F]:
    """Switch a test on where the fixture is overridden, alone."""

    def marked(test: F) -> F:
        setattr(test, _FIXTURE, fixture)
        return test

    return marked


class Supplied(Conformance):
    """Switch off what :func:`supplied` marks, class by class."""

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        for name in dir(cls):
            test = inspect.getattr_static(cls, name)
            fixture = getattr(test, _FIXTURE, None)
            if isinstance(fixture, str):
                test = inspect.unwrap(test)
                setattr(cls, name, test if _overridden(cls, fixture) else _off(test, fixture))


def _overridden(suite: type, fixture: str) -> bool:
    """Tell whether a class has another fixture than the one that was declared first."""
    declared = [vars(each)[fixture] for each in suite.__mro__ if fixture in vars(each)]
    return len(declared) > 1


def _off(test: Callable[..., object], fixture: str) -> Callable[..., object]:
    @wraps(test)
    def off(*_: object, **__: object) -> None:
        pytest.fail(f"override the fixture `{fixture}` for this test")

    setattr(off, SWITCHES, (*switches_of(test), Missing(fixture)))
    return off

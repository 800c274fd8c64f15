"""The embedded scheduler and the fake one, held against the seam."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import ClassVar

import pytest

from jobyard.seams.provider import Seam
from jobyard.testing.fakes.scheduling import FAKE_SCHEDULING, fake_scheduling
from jobyard.testing.probes import Kind
from jobyard.testing.scheduling import SchedulingConformance, SchedulingSubject
from jobyard.testing.subject import provider_named


class TestLocal(SchedulingConformance):
    provider = provider_named(Seam.SCHEDULING, "local")
    outliving: ClassVar[Mapping[Kind, str]] = {
        Kind.PROCESS: "tasks go on while the gateway is down"
    }

    @pytest.fixture
    def settings(self) -> Mapping[str, object]:
        return {
            "cpus": 64,
            "cpu-overcommit": 1.0,
            "memory-mb": 64_000,
            "gpus": 4,
            "grace-seconds": 3.0,
            "retry-backoff": 0.01,
            "ssh": True,
        }


class TestFake(SchedulingConformance):
    provider = FAKE_SCHEDULING

    @pytest.fixture
    def outage(self, subject: SchedulingSubject) -> AbstractContextManager[object]:
        @contextmanager
        def down() -> Iterator[None]:
            subject.backend.down = True
            try:
                yield
            finally:
                subject.backend.down = False

        return down()


class TestFakeWithoutCapabilities(SchedulingConformance):
    """What is not declared is not supported."""

    provider = fake_scheduling(capabilities=())

"""An observer that writes down what it hears, and admits no job of a certain image."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from attrs import frozen

import jobyard
from jobyard.schema import option
from jobyard.seams.context import Context
from jobyard.seams.observer import Admission, JobChanged, JobSubmitted, Refusal, UserAuthenticated
from jobyard.seams.provider import ObserverProvider, observer_provider


@frozen
class Settings:
    refused_image: str = option(default="", doc="The image that no job may have.")


class Ears:
    def __init__(self, settings: Settings, context: Context) -> None:
        self._refused = settings.refused_image
        self._file = context.state_dir / "heard"

    @jobyard.hookimpl
    async def jobyard_admit_job(self, request: Admission) -> Refusal | None:
        if request.config.image == self._refused:
            return Refusal(f"the image {request.config.image} is not welcome")
        return None

    @jobyard.hookimpl
    async def jobyard_job_submitted(self, event: JobSubmitted) -> None:
        self._hear(f"submitted {event.ref.name} by {event.submitter}")

    @jobyard.hookimpl
    async def jobyard_job_changed(self, event: JobChanged) -> None:
        self._hear(f"changed {event.job.name} to {event.job.state.value}")

    @jobyard.hookimpl
    async def jobyard_user_authenticated(self, event: UserAuthenticated) -> None:
        self._hear(f"authenticated {event.identity.name}")

    def _hear(self, what: str) -> None:
        with self._file.open("a") as file:
            file.write(f"{what}\n")


@asynccontextmanager
async def _open(settings: Settings, context: Context) -> AsyncIterator[object]:
    yield Ears(settings, context)


@jobyard.hookimpl
def jobyard_observer_providers() -> Iterable[ObserverProvider]:
    return [
        observer_provider(
            name="frozen",
            api=1,
            summary="Writes down what it hears.",
            config=Settings,
            open=_open,
        )
    ]

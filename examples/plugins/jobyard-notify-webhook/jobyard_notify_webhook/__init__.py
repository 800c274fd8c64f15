"""Tell a URL of jobs and log-ins: the provider, which imports no more than it has to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final

from attrs import frozen
from jobyard import hookimpl
from jobyard.schema import option
from jobyard.seams.context import Context
from jobyard.seams.provider import ObserverProvider, observer_provider
from jobyard.secret import Secret

NAME: Final = "notify-webhook"
EVENTS: Final = ("job-submitted", "job-changed", "user-authenticated")


@frozen
class Settings:
    """Be what a deployer can set."""

    url: str = option(
        pattern=r"https?://[^\s#]+",
        example="https://chat.example.org/hook",
        doc="Where events are sent to, by POST. Redirects are not followed.",
    )
    secret: Secret = option(
        min_length=16,
        example={"env": "HOOK_SECRET"},
        doc="What events are signed with, so that the receiver can tell who sent them.",
    )
    events: tuple[str, ...] = option(
        default=("job-submitted", "job-changed"),
        min_length=1,
        choices=EVENTS,
        doc="Which events are sent.",
    )
    timeout: float = option(
        default=5.0, minimum=0.1, maximum=60, doc="How long one try may take, in seconds."
    )
    attempts: int = option(
        default=5, minimum=1, maximum=20, doc="How often an event is tried before it is dropped."
    )
    first_pause: float = option(
        default=1.0,
        minimum=0.01,
        maximum=60,
        doc="The wait before the second try, in seconds; it doubles each time, up to 60.",
    )
    queue: int = option(
        default=1000,
        minimum=1,
        maximum=100_000,
        doc="How many events wait at most; while it is full, new ones are dropped.",
    )
    drain: float = option(
        default=5.0,
        minimum=0,
        maximum=15,
        doc="How long the gateway's end waits for the queue to be sent, in seconds.",
    )


@asynccontextmanager
async def _open(settings: Settings, context: Context) -> AsyncIterator[object]:
    from .observer import WebhookObserver  # noqa: PLC0415 - when chosen
    from .outbox import Outbox  # noqa: PLC0415

    async with Outbox(settings).opened() as outbox:
        yield WebhookObserver(settings.events, outbox, context.clock)


@hookimpl
def jobyard_observer_providers() -> Iterable[ObserverProvider]:
    """Announce the provider."""
    return [
        observer_provider(
            name=NAME,
            api=1,
            summary="Tells a URL of jobs and log-ins: signed JSON, with retries.",
            config=Settings,
            open=_open,
        )
    ]

"""The webhook against a real server on the loopback, which answers, fails, hangs and redirects."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import anyio
import pytest
from anyio import to_thread
from jobyard.clock import SystemClock
from jobyard.domain.identity import Identity
from jobyard.domain.job import FrameworkName, JobConfig, JobRef, SubmissionId, TaskRole
from jobyard.domain.states import JobState
from jobyard.domain.status import JobSummary
from jobyard.errors import ConfigError
from jobyard.seams.observer import JobChanged, JobSubmitted, UserAuthenticated
from jobyard.seams.provider import Seam
from jobyard.testing import configured, provider_named

from jobyard_notify_webhook import EVENTS, Settings
from jobyard_notify_webhook.observer import WebhookObserver
from jobyard_notify_webhook.outbox import Outbox, signature

SECRET = "a secret of the hook"
NAME = FrameworkName("alice", "fit")
CHANGED = JobChanged(JobState.WAITING, JobSummary(NAME, SubmissionId("1"), "alice"))
SUBMITTED = JobSubmitted(
    JobRef(NAME, SubmissionId("1")), "alice", JobConfig("fit", "none", (TaskRole("a", "true"),))
)
LOGGED_IN = UserAuthenticated(Identity("local", "alice"), "192.0.2.7")

Behaviour = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Note what comes, and do what is next."""

    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.note(dict(self.headers), body)
        self.server.next()(self)

    def do_GET(self) -> None:
        self.server.note({"method": "GET"}, b"{}")

    def log_message(self, *_: object) -> None:
        pass


class Receiver(ThreadingHTTPServer):
    """Behave one way after the other; the last way stays."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviours: list[Behaviour] = [status(204)]
        self.came: list[tuple[Mapping[str, str], bytes]] = []
        self.over = threading.Event()
        self._arrived = threading.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook?room=1"

    def note(self, headers: Mapping[str, str], body: bytes) -> None:
        with self._arrived:
            self.came.append((headers, body))
            self._arrived.notify_all()

    def next(self) -> Behaviour:
        return self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]

    async def documents(self, count: int) -> list[dict[str, object]]:
        """Wait until so many requests came, and give what they said."""

        def wait() -> bool:
            with self._arrived:
                return self._arrived.wait_for(lambda: len(self.came) >= count, 20)

        assert await to_thread.run_sync(wait), self.came
        return [json.loads(body) for _, body in self.came]


def status(code: int, **headers: str) -> Behaviour:
    def answer(handler: Handler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()

    return answer


def hang(handler: Handler) -> None:
    handler.server.over.wait(20)


def drip(handler: Handler) -> None:
    """Send one byte now and then, for ever."""
    handler.wfile.write(b"HTTP/1.1 2")
    while not handler.server.over.wait(0.05):
        try:
            handler.wfile.write(b"0")
        except OSError:
            return


def close(handler: Handler) -> None:
    handler.close_connection = True


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


def settings(**chosen: object) -> Settings:
    mapping = {"secret": SECRET, "events": [*EVENTS], "first-pause": 0.01}
    provider = provider_named(Seam.OBSERVERS, "notify-webhook")
    made = configured(provider, mapping | {"timeout": 0.3} | chosen, Path())
    assert isinstance(made, Settings)
    return made


@asynccontextmanager
async def observing(url: str, **others: object) -> AsyncIterator[WebhookObserver]:
    chosen = settings(url=url, **others)
    async with Outbox(chosen).opened() as outbox:
        yield WebhookObserver(chosen.events, outbox, SystemClock())


async def test_events_are_told_in_their_order(receiver: Receiver) -> None:
    async with observing(receiver.url) as observer:
        await observer.jobyard_user_authenticated(LOGGED_IN)
        await observer.jobyard_job_submitted(SUBMITTED)
        await observer.jobyard_job_changed(CHANGED)
        said = await receiver.documents(3)

    told = [{key: each[key] for key in each if key not in ("id", "at")} for each in said]
    assert told == [
        {"event": "user-authenticated", "user": "alice", "address": "192.0.2.7"},
        {
            "event": "job-submitted",
            "job": "alice~fit",
            "submitter": "alice",
            "virtualCluster": "default",
            "tasks": 1,
        },
        {
            "event": "job-changed",
            "job": "alice~fit",
            "submitter": "alice",
            "before": "WAITING",
            "state": "WAITING",
            "exitCode": None,
        },
    ]


async def test_what_is_sent_is_signed_and_numbered(receiver: Receiver) -> None:
    async with observing(receiver.url) as observer:
        await observer.jobyard_job_changed(CHANGED)
        (document,) = await receiver.documents(1)

    ((headers, body),) = receiver.came
    expected = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-Jobyard-Signature"] == f"sha256={expected}" == signature(SECRET, body)
    assert headers["X-Jobyard-Delivery"] == document["id"]


async def test_only_chosen_events_are_told(receiver: Receiver) -> None:
    async with observing(receiver.url, events=["job-changed"]) as observer:
        await observer.jobyard_user_authenticated(LOGGED_IN)
        await observer.jobyard_job_submitted(SUBMITTED)
        await observer.jobyard_job_changed(CHANGED)

    assert [each["event"] for each in await receiver.documents(1)] == ["job-changed"]
    assert len(receiver.came) == 1


@pytest.mark.parametrize("trouble", [status(500), status(503), status(429), hang, drip, close])
async def test_trouble_is_tried_again_under_the_same_number(
    receiver: Receiver, trouble: Behaviour
) -> None:
    receiver.behaviours = [trouble, trouble, status(200)]

    async with observing(receiver.url) as observer:
        await observer.jobyard_job_changed(CHANGED)
        said = await receiver.documents(3)

    assert len({each["id"] for each in said}) == 1
    assert len(receiver.came) == 3


@pytest.mark.parametrize("code", [400, 404, 410])
async def test_what_the_receiver_will_never_have_is_dropped_at_once(
    receiver: Receiver, code: int
) -> None:
    receiver.behaviours = [status(code), status(200)]

    async with observing(receiver.url) as observer:
        await observer.jobyard_job_changed(CHANGED)
        await observer.jobyard_job_submitted(SUBMITTED)
        said = await receiver.documents(2)

    assert [each["event"] for each in said] == ["job-changed", "job-submitted"]


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.behaviours = [status(302, Location=receiver.url), status(200)]

    async with observing(receiver.url) as observer:
        await observer.jobyard_job_changed(CHANGED)
        await receiver.documents(2)

    assert all("method" not in headers for headers, _ in receiver.came)


async def test_the_last_try_drops_it_and_says_so(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.behaviours = [status(500)]

    async with observing(receiver.url, attempts=3) as observer:
        await observer.jobyard_job_changed(CHANGED)

    assert len(receiver.came) == 3
    (error,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert error.getMessage().endswith("try 3 failed: the answer was 500; it is dropped")
    assert SECRET not in caplog.text
    assert "room=1" not in caplog.text


async def test_nobody_waits_for_a_receiver_that_hangs_and_a_full_queue_drops(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.behaviours = [hang]

    async with observing(receiver.url, queue=2, drain=0) as observer:
        with anyio.fail_after(5):
            for _ in range(100):
                await observer.jobyard_job_changed(CHANGED)

    dropped = [each for each in caplog.messages if "the queue is full" in each]
    assert len(dropped) >= 97


async def test_the_end_sends_what_waits(receiver: Receiver) -> None:
    async with observing(receiver.url) as observer:
        for _ in range(20):
            await observer.jobyard_job_changed(CHANGED)

    assert len(receiver.came) == 20


async def test_the_end_does_not_wait_for_ever(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.behaviours = [hang]

    with anyio.fail_after(10):
        async with observing(receiver.url, timeout=60, drain=0.1) as observer:
            for _ in range(3):
                await observer.jobyard_job_changed(CHANGED)

    assert "2 events were not sent before the end" in caplog.text
    receiver.over.set()


@pytest.mark.parametrize(
    ("option", "value"),
    [("url", "ftp://x"), ("secret", "short"), ("events", []), ("events", ["job-eaten"])],
)
def test_settings_that_cannot_work_are_refused(option: str, value: object) -> None:
    with pytest.raises(ConfigError, match=option):
        settings(**{"url": "http://127.0.0.1:1", option: value})

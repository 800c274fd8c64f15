"""The double answers what a real launcher answered, request by request.

The transcripts were recorded with intervals of a second. A poll of theirs may have skipped states that
the double has, so time goes on in the double until its answer is the recorded one; it may not be
skipped that far that the recorded answer never comes. Names of applications and containers, times
and addresses are compared by their form alone, traces of the stack not at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from attrs import define, evolve

from jobyard.testing.launcher.containers import ContainerOrder, Play, ScriptedContainers
from jobyard.testing.launcher.life import Lives
from jobyard.testing.launcher.options import AccessOptions, ClusterOptions, LauncherOptions
from jobyard.testing.launcher.service import LauncherService

TRANSCRIPTS: Final = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in sorted((Path(__file__).parent / "transcripts").glob("*.json"))
}
STEP: Final = 0.25
PATIENCE: Final = 90.0
Json = Any

WHAT_RAN: Final[dict[str, Callable[[int], Play]]] = {
    "bash -c 'sleep 300'": lambda _: Play(300),
    "bash -c 'sleep 60'": lambda _: Play(60),
    "bash -c 'sleep 30'": lambda _: Play(30),
    "bash -c 'sleep 5'": lambda _: Play(5),
    "bash -c 'sleep 2'": lambda _: Play(2),
    "bash -c 'sleep 1'": lambda _: Play(1),
    "bash -c 'true'": lambda _: Play(0),
    "bash -c 'exit 0'": lambda _: Play(0),
    "bash -c 'exit 1'": lambda _: Play(0, 1),
    "bash -c 'exit 137'": lambda _: Play(0, 137),
    "bash -c 'exit 143'": lambda _: Play(0, 143),
    "bash -c 'exit 193'": lambda _: Play(0, 193),
    "bash -c 'exit 194'": lambda _: Play(0, 194),
    "bash -c 'exit 255'": lambda _: Play(0, 255),
    "bash -c 'kill -9 $$'": lambda _: Play(0, 137),
    "bash -c 'echo boom >&2; sleep 2; exit 1'": lambda _: Play(2, 1, "boom\n"),
    "bash -c 'echo worker; sleep 6'": lambda _: Play(6),
    "bash -c 'echo master $TASK_INDEX; sleep 4'": lambda _: Play(4),
    "bash -c 'sleep $((2+TASK_INDEX*2))'": lambda index: Play(2 + index * 2),
}
"""What the recorded commands did, by the index of their task."""

KILL_NOTE: Final = "application killed through the ResourceManager REST"


def play(order: ContainerOrder) -> Play:
    if order.sources != ("/jobsrc",):
        return Play(0, missing_source=order.sources[0])
    return WHAT_RAN[order.entry_point](int(order.environment["TASK_INDEX"]))


@define
class Replay:
    """A double in a time of its own, and a client of it."""

    now: float
    lives: Lives
    client: httpx.AsyncClient

    def pass_time(self) -> None:
        self.now += STEP
        self.lives.step()


def options(name: str, transcript: list[Json]) -> LauncherOptions:
    """Set the double up as the launcher was, which it says itself where it was asked."""
    access = AccessOptions(
        enabled=name != "acl_disabled",
        ignore_without_namespace=name == "acl_without_namespace",
    )
    for entry in transcript:
        if entry["path"] == "/v1/LauncherRequest/AclConfiguration":
            lists = entry["response_body"]
            access = evolve(
                access,
                normal_administrators=tuple(user["name"] for user in lists["normalAdminUsers"]),
                namespaces={
                    name: tuple(user["name"] for user in acl["users"])
                    for name, acl in lists["namespaceAcls"].items()
                },
            )
            break
    cluster = ClusterOptions(queues=("default",), supports_gpus=False, supports_ports=False)
    return LauncherOptions(access=access, cluster=cluster, interval=STEP, conflict_delay=5)


@pytest.mark.parametrize("name", TRANSCRIPTS)
async def test_the_recorded_answers_come(name: str) -> None:
    transcript = TRANSCRIPTS[name]
    requests = [entry for entry in transcript if "method" in entry]
    replay: Replay
    lives = Lives(
        options=options(name, requests),
        runner=ScriptedContainers(play, lambda: replay.now),
        now=lambda: replay.now,
        wall=lambda: 1_795_489_000_000 + int(replay.now * 1000),
        epoch=1_795_488_926_765,
    )
    transport = httpx.ASGITransport(LauncherService(lives).app())
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9086") as client:
        replay = Replay(0.0, lives, client)
        mine = {match[1] for entry in requests if (match := _framework(entry))}
        for number, entry in enumerate(transcript):
            if "method" in entry:
                await answer_alike(replay, entry, mine, f"{name}[{number}]")
            else:
                assert entry["note"] == KILL_NOTE
                (framework,) = lives.frameworks.values()
                framework.killed_from_outside = True


def _framework(entry: Json) -> re.Match[str] | None:
    return re.match(r"/v1/Frameworks/([^/?]+)", entry["path"])


async def answer_alike(replay: Replay, entry: Json, mine: set[str], where: str) -> None:
    """Send a recorded request until its recorded answer comes."""
    expected = comparable(entry["response_body"], mine)
    end = replay.now + (PATIENCE if entry["method"] == "GET" and entry["status"] == 200 else 0)
    seen: list[Json] = []
    while True:
        answer = await send(replay.client, entry)
        got = comparable(_body(answer), mine)
        if (answer.status_code, got) == (entry["status"], expected):
            break
        if not seen or seen[-1] != got:
            seen.append(got)
        if replay.now >= end:
            states = [_states(each) for each in seen]
            pytest.fail(
                f"{where}: {entry['method']} {entry['path']} {answer.status_code} "
                f"{_nearest(seen, expected)}\n{states}\nexpected: {_states(expected)}"
            )
        replay.pass_time()
    for name, value in entry["response_headers"].items():
        if value.startswith("text/html"):
            assert answer.headers[name].startswith("text/html"), where
        else:
            assert answer.headers[name].lower() == value.lower(), where


async def send(client: httpx.AsyncClient, entry: Json) -> httpx.Response:
    body = entry.get("request_body")
    headers = dict(entry["headers"])
    if isinstance(body, str):
        # Bodies that were no JSON object are recorded as they were sent. The one that is a good
        # descriptor all the same was sent as text.
        headers["Content-Type"] = "text/plain" if body.startswith('{"version"') else _JSON
        return await client.request(entry["method"], entry["path"], content=body, headers=headers)
    return await client.request(entry["method"], entry["path"], json=body, headers=headers)


_JSON: Final = "application/json"
_IDS: Final = re.compile(r"(application|container)_\d+_\d{4}(_\d+_\d{6})?")
_STAMP: Final = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\]")
_UNREAD: Final = ("JsonParseException",)
"""The exceptions whose words are the JSON reader's own."""


def _body(answer: httpx.Response) -> Json:
    if not answer.content:
        return None
    try:
        return answer.json()
    except ValueError:
        return answer.text


def comparable(body: Json, mine: set[str], key: str = "") -> Json:
    """Give what has to be the same of a body."""
    if isinstance(body, dict):
        if body.keys() == {"exception", "message", "javaClassName"}:
            message = body["message"].partition("\n")[0]
            return {**body, "message": body["exception"] in _UNREAD or message}
        if "summarizedFrameworkInfos" in body:
            infos = (each for each in body["summarizedFrameworkInfos"])
            return sorted(
                (comparable(each, mine) for each in infos if each["frameworkName"] in mine),
                key=lambda each: each["frameworkName"],
            )
        return {name: comparable(each, mine, name) for name, each in body.items()}
    if isinstance(body, list):
        return [comparable(each, mine) for each in body]
    if isinstance(body, int) and key.endswith("Timestamp"):
        return "time"
    return _text(body, key) if isinstance(body, str) else body


def _text(text: str, key: str) -> str:
    if text.startswith("<html>"):
        return "a page"
    if key in {"applicationTrackingUrl", "containerLogHttpAddress", "zkConnectString"}:
        return "address"
    text = _STAMP.sub("[time]", _IDS.sub(r"\1_id", text))
    if "\nException:\n" in text:
        return text.partition("\nException:\n")[0]
    return text.strip()


def _states(body: Json) -> Json:
    if isinstance(body, dict) and body.get("aggregatedFrameworkStatus"):
        body = body["aggregatedFrameworkStatus"]
    if isinstance(body, dict) and "frameworkStatus" in body:
        return body["frameworkStatus"]["frameworkState"], [
            (task["taskState"], task["containerExitCode"])
            for role in body["aggregatedTaskRoleStatuses"].values()
            for task in role["taskStatuses"]["taskStatusArray"]
        ]
    return body.get("frameworkState", "?") if isinstance(body, dict) else str(body)[:500]


def _nearest(seen: list[Json], expected: Json) -> str:
    """Name the differences to the answer that has the fewest."""
    fewest: list[str] = min((_differences(each, expected) for each in seen), key=len)
    return "; ".join(fewest)


def _differences(got: Json, expected: Json, path: str = "") -> list[str]:
    if isinstance(got, dict) and isinstance(expected, dict):
        return [
            difference
            for name in sorted(got.keys() | expected.keys())
            for difference in _differences(
                got.get(name, "absent"), expected.get(name, "absent"), f"{path}.{name}"
            )
        ]
    if isinstance(got, list) and isinstance(expected, list) and len(got) == len(expected):
        pairs = enumerate(zip(got, expected, strict=True))
        return [each for n, (a, b) in pairs for each in _differences(a, b, f"{path}[{n}]")]
    return [] if got == expected else [f"{path}: {got!r}, not {expected!r}"]

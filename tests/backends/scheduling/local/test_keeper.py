# ruff: noqa: ASYNC110, ASYNC240 - what other processes do is looked for, in small files
"""Keepers and what they keep: real processes."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import anyio
import psutil
import pytest

from jobyard_backends.scheduling.local import keeper, process


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    task = tmp_path / "worker-0"
    for name in ("work", "tmp"):
        (task / name).mkdir(parents=True)
    yield task
    process.kill_marked(str(task))


def start(folder: Path, command: str, grace: float = 5.0) -> process.Running:
    environment = {"PATH": os.environ["PATH"], process.MARK: str(folder), "GREETING": "hello"}
    process.prepare(folder, command, environment, grace)
    return process.start(folder)


async def outcome(folder: Path, running: process.Running) -> process.Ended | None:
    with anyio.fail_after(15):
        await running.wait()
    running.close()
    return process.read_end(folder)


async def appearing(path: Path) -> str:
    with anyio.fail_after(10):
        while not path.exists() or not path.read_text():
            await anyio.sleep(0.01)
    return path.read_text()


@pytest.mark.parametrize(
    ("command", "code"),
    [("true", 0), ("exit 7", 7), ("kill -9 $$", 137), ("no-such-command", 127)],
)
async def test_the_exit_code_is_the_commands_own(folder: Path, command: str, code: int) -> None:
    ended = await outcome(folder, start(folder, command))

    assert ended is not None
    assert ended.code == code


async def test_output_environment_and_folder_are_the_tasks(folder: Path) -> None:
    running = start(folder, 'echo "$GREETING"; pwd; env | wc -l; echo wrong >&2')

    await outcome(folder, running)

    greeting, where, _ = (folder / "stdout").read_text().splitlines()
    assert greeting == "hello"
    assert where == str(folder / "work")
    assert (folder / "stderr").read_text() == "wrong\n"


async def test_nothing_of_the_gateways_environment_reaches_a_task(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_SECRET", "do-not-tell")

    await outcome(folder, start(folder, "env"))

    assert "do-not-tell" not in (folder / "stdout").read_text()
    assert not (folder / "spec").exists()


async def test_a_command_longer_than_an_argument_may_be_runs(folder: Path) -> None:
    long = "true " + "x" * 300_000 + "; exit 3"

    ended = await outcome(folder, start(folder, long))

    assert ended is not None
    assert ended.code == 3


async def test_a_stop_is_a_chance_to_end_well(folder: Path) -> None:
    running = start(folder, "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.05; done")
    await appearing(folder / "stdout")

    await process.end(running, 5.0)

    ended = process.read_end(folder)
    assert ended is not None
    assert ended.code == 5
    assert (folder / "stdout").read_text() == "up\nbye\n"


async def test_who_does_not_heed_is_killed_after_the_grace_with_all_it_started(
    folder: Path,
) -> None:
    stubborn = (
        "trap '' TERM; (setsid bash -c 'trap \"\" TERM; echo $$ > pid; sleep 60' &) ; sleep 60"
    )
    running = start(folder, stubborn, grace=0.2)
    escaped = int(await appearing(folder / "work" / "pid"))

    with anyio.fail_after(30):
        assert await process.end(running, 0.2)

    assert not psutil.pid_exists(escaped) or psutil.Process(escaped).status() == "zombie"


async def test_what_a_command_leaves_running_ends_with_it(folder: Path) -> None:
    running = start(folder, "(setsid sleep 60 & echo $! > pid) ; exit 0")

    ended = await outcome(folder, running)

    assert ended is not None
    assert ended.code == 0
    assert not psutil.pid_exists(int((folder / "work" / "pid").read_text()))


async def test_a_running_task_is_found_again(folder: Path) -> None:
    running = start(folder, "read line < fifo || sleep 60", grace=0.1)
    await appearing(folder / "keeper.json")

    found = process.find(folder)

    assert isinstance(found, process.Running)
    assert found.pid == running.pid
    await process.end(found, 0.1)
    assert isinstance(process.find(folder), process.Ended)
    running.close()
    found.close()


async def test_a_killed_keeper_leaves_its_task_lost_and_findable_by_its_mark(folder: Path) -> None:
    running = start(folder, "echo $$; exec sleep 60")
    task = int(await appearing(folder / "stdout"))

    running.signal(signal.SIGKILL)
    assert await outcome(folder, running) is None

    assert isinstance(process.find(folder), process.Lost)
    assert process.kill_marked(str(folder)) == 1
    with anyio.fail_after(5):
        while psutil.pid_exists(task) and psutil.Process(task).status() != "zombie":
            await anyio.sleep(0.01)


def test_another_process_with_the_same_number_is_not_taken_for_ours(folder: Path) -> None:
    me = {"pid": os.getpid(), "started": 1, "boot": keeper.boot_id()}
    (folder / "keeper.json").write_text(json.dumps(me))

    assert isinstance(process.find(folder), process.Lost)


def test_a_restarted_machine_has_lost_its_tasks(folder: Path) -> None:
    pid = os.getpid()
    claim = {"pid": pid, "started": keeper.start_ticks(pid), "boot": "another"}
    (folder / "keeper.json").write_text(json.dumps(claim))

    found = process.find(folder)

    assert found == process.Lost("the machine was restarted", node_lost=True)


async def test_a_task_that_was_given_up_is_not_started_late(folder: Path) -> None:
    process.prepare(folder, "echo ran", {"PATH": os.environ["PATH"]}, 1.0)
    assert process.find(folder) == process.Lost("it was never started")

    await outcome(folder, process.start(folder))

    assert not (folder / "stdout").exists()


async def test_a_keeper_that_hangs_is_killed_and_so_is_its_task(folder: Path) -> None:
    running = start(folder, "echo $$; exec sleep 60", grace=0.1)
    task = int(await appearing(folder / "stdout"))
    running.signal(signal.SIGSTOP)

    await anyio.to_thread.run_sync(process.kill_marked, str(folder))
    await process.kill(running)

    assert isinstance(process.find(folder), process.Lost)
    with anyio.fail_after(5):
        while psutil.pid_exists(task) and psutil.Process(task).status() != "zombie":
            await anyio.sleep(0.01)
    running.close()


async def test_a_command_that_cannot_be_executed_says_so_and_fails(folder: Path) -> None:
    running = start(folder, "true")
    await outcome(folder, running)
    for name in ("keeper.json", "exit"):
        (folder / name).unlink()
    process.prepare(folder, "true", {"A": "x" * 200_000}, 1.0)

    ended = await outcome(folder, process.start(folder))

    assert ended is not None
    assert ended.code == 126
    assert "Argument list too long" in (folder / "stderr").read_text()

"""What holds a task on a real machine: a sandbox, control groups, a watch, a Unix account."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

import anyio
import psutil
import pytest
from attrs import evolve

from jobyard.domain.exits import exit_spec
from jobyard.domain.job import JobSubmission
from jobyard.domain.states import EXIT_STOPPED, JobState
from jobyard.domain.status import ExitType, JobStatus
from jobyard.errors import LoadError
from jobyard_backends.scheduling.local import bubblewrap, cgroups, enclosure
from jobyard_backends.scheduling.local.bubblewrap import Sandbox
from jobyard_backends.scheduling.local.enclosure import Enclosure, NoAccount, enclose
from jobyard_backends.scheduling.local.keeper import MEMORY_EXCEEDED
from jobyard_backends.scheduling.local.process import Account
from jobyard_backends.scheduling.local.settings import LocalSchedulingSettings

from .world import OWNER, World, appearing, ended, in_state, operation, role

SANDBOXED, PLAIN = "bubblewrap", "process"
GREEDY = """python3 -c '
kept = []
while True:
    kept.append(b"x" * 4_000_000)
'"""
FORKING = """python3 -c '
import os
shared = b"x" * 70_000_000
for _ in range(8):
    if os.fork() == 0:
        import time; time.sleep(2.5); os._exit(0)
for _ in range(8):
    os.wait()
'"""


async def outcome(
    world: World, command: str, **settings: object
) -> tuple[JobSubmission, JobStatus]:
    job = world.job(role(command, memory_mb=150, shm_mb=8))
    async with world.open(**settings) as scheduler:
        await scheduler.submit(job)
        return job, await ended(scheduler, job, within=30)


def no_cgroups(owner: Path, *, settle: bool) -> cgroups.Cgroups:
    raise OSError("read-only file system")


@pytest.fixture
def without_cgroups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enclosure, "find_cgroups", no_cgroups)


@pytest.mark.parametrize("runtime", [SANDBOXED, PLAIN])
async def test_a_task_that_is_too_large_is_ended_by_the_kernel_and_told_why(
    world: World, runtime: str
) -> None:
    _, status = await outcome(world, GREEDY, runtime=runtime)

    assert status.summary.state is JobState.FAILED
    assert status.summary.exit_code == MEMORY_EXCEEDED
    assert status.exit.exit_type is ExitType.NON_TRANSIENT
    assert status.exit.diagnostics == "task main[0] used 150 MB of 150 MB"
    spec = exit_spec(status.summary.exit_code)
    assert spec is not None
    assert spec.phrase == "MemoryExceeded"


@pytest.mark.parametrize("runtime", [SANDBOXED, PLAIN])
async def test_where_the_kernel_does_not_the_gateway_ends_it(
    world: World, runtime: str, without_cgroups: None
) -> None:
    grows_and_stays = "python3 -c 'import time; kept = b\"x\" * 400_000_000; time.sleep(60)'"

    _, status = await outcome(world, grows_and_stays, runtime=runtime)

    assert status.summary.exit_code == MEMORY_EXCEEDED
    assert status.exit.exit_type is ExitType.NON_TRANSIENT
    diagnostics = status.exit.diagnostics or ""
    assert diagnostics.startswith("task main[0] used ")
    assert diagnostics.endswith(" MB of 150 MB")


async def test_pages_that_processes_share_are_counted_once(
    world: World, without_cgroups: None
) -> None:
    _, status = await outcome(world, FORKING, runtime=PLAIN)

    assert status.summary.exit_code == 0


@pytest.mark.usefixtures("without_cgroups")
async def test_without_limits_a_large_task_runs(world: World) -> None:
    large = "python3 -c 'import time; kept = b\"x\" * 300_000_000; time.sleep(2.5)'"

    _, status = await outcome(world, large, enforce_limits=False)

    assert status.summary.exit_code == 0


async def test_a_tasks_groups_are_gone_when_it_is(world: World) -> None:
    name = f"jobyard-{cgroups._group_name(str(world.state_dir))[:12]}"

    await outcome(world, "true")

    assert not list(cgroups.MOUNT.rglob(name))


async def test_a_sandbox_shows_the_system_and_nothing_of_the_gateways(world: World) -> None:
    (world.state_dir / "secret").write_text("the gateway's")
    private = Path("/tmp") / f"jobyard-test-{os.getpid()}"
    private.write_text("somebody's")
    try:
        job, status = await outcome(
            world,
            f"cat {world.state_dir}/secret {private}; ls {world.state_dir}/jobs/*/*;"
            "ls /usr/bin/env; pwd; echo mine > /tmp/x; cat /tmp/x $TMPDIR/x; touch /usr/x;"
            "ps -A | wc -l; echo $(df --output=size -B1 /dev/shm | tail -1); grep CapEff /proc/self/status",
            runtime=SANDBOXED,
        )
    finally:
        private.unlink()

    assert status.summary.exit_code == 0
    lines = world.output(job).splitlines()
    folder = world.folder(job)
    assert lines[:5] == ["main-0", "/usr/bin/env", str(folder / "work"), "mine", "mine"]
    assert int(lines[5]) < 10
    assert lines[6:] == [str(8 * 1024 * 1024), "CapEff:\t0000000000000000"]
    errors = (folder / "stderr").read_text()
    assert "secret: No such file" in errors
    assert f"{private}: No such file" in errors
    assert "touch: cannot touch '/usr/x'" in errors
    assert "gateway's" not in world.output(job)


async def test_what_the_configuration_hides_is_hidden_and_what_it_mounts_can_be_written(
    world: World, tmp_path: Path
) -> None:
    data, keys, key = tmp_path / "data", tmp_path / "keys", tmp_path / "key"
    data.mkdir()
    keys.mkdir()
    (keys / "one").write_text("secret")
    key.write_text("secret")

    job, status = await outcome(
        world,
        f"ls {keys}; cat {key}; echo result > {data}/out",
        runtime=SANDBOXED,
        mounts=(data,),
        hidden=(keys, key, tmp_path / "none"),
    )

    assert status.summary.exit_code == 0
    assert world.output(job) == ""
    assert (data / "out").read_text() == "result\n"


async def test_links_are_hidden_and_mounted_with_what_they_lead_to(
    world: World, tmp_path: Path
) -> None:
    data, keys, key = tmp_path / "data", tmp_path / "data" / "keys", tmp_path / "key"
    keys.mkdir(parents=True)
    (keys / "one").write_text("secret")
    key.write_text("secret")
    links = {name: tmp_path / f"link-{name}" for name in ("data", "keys", "key")}
    for link, target in zip(links.values(), (data, keys, key), strict=True):
        link.symlink_to(target)

    job, status = await outcome(
        world,
        f"ls {keys}; cat {keys}/one {key};echo result > {data}/out",
        runtime=SANDBOXED,
        mounts=(links["data"],),
        hidden=(links["keys"], links["key"]),
    )

    assert status.summary.exit_code == 0
    assert world.output(job) == ""
    assert (data / "out").read_text() == "result\n"


async def test_what_is_hidden_inside_of_a_mount_stays_hidden(world: World, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "keys" / "shared").mkdir(parents=True)
    (data / "keys" / "one").write_text("secret")

    job, status = await outcome(
        world,
        f"ls {data}/keys; cat {data}/keys/one; echo a > {data}/out; echo b > {data}/keys/shared/out",
        runtime=SANDBOXED,
        mounts=(data / "keys" / "shared", data),
        hidden=(data / "keys",),
    )

    assert status.summary.exit_code == 0
    assert world.output(job) == "shared\n"
    assert (data / "out").read_text() == "a\n"
    assert (data / "keys" / "shared" / "out").read_text() == "b\n"


async def test_a_stop_inside_of_a_sandbox_is_a_chance_to_end_well(
    world: World, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    trap = f"trap 'echo bye > {data}/said; exit 5' TERM"
    job = world.job(role(f"{trap}; echo up; while :; do sleep 0.05; done"))
    async with world.open(runtime=SANDBOXED, mounts=(data,)) as scheduler:
        await scheduler.submit(job)
        await appearing(world.folder(job) / "stdout")
        await scheduler.stop(job.ref, OWNER, operation())
        status = await in_state(scheduler, job, JobState.STOPPED)

    assert status.summary.exit_code == EXIT_STOPPED
    assert (data / "said").read_text() == "bye\n"


async def test_nothing_of_a_task_outlives_its_sandbox(world: World) -> None:
    hiding = "env -i setsid bash -c 'trap \"\" TERM; exec -a jobyard-hidden sleep 60' & sleep 0.2"
    job, status = await outcome(world, hiding, runtime=SANDBOXED)

    assert status.summary.exit_code == 0
    assert not [each for each in psutil.process_iter() if "jobyard-hidden" in arguments(each)]
    assert world.output(job) == ""


def arguments(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


async def test_a_command_that_is_longer_than_an_argument_runs_in_a_sandbox(world: World) -> None:
    _, status = await outcome(world, "true " + "x" * 300_000 + "; exit 3", runtime=SANDBOXED)

    assert status.summary.exit_code == 3


async def test_a_task_runs_as_its_users_account(world: World) -> None:
    world.storage.files = {"/code/mine/run.sh": b"echo ran\n"}
    job = world.job(
        role("id -un; id -Gn; bash mine/run.sh; echo x > mine/y; touch /root/x; cat /etc/shadow"),
        code_dir="http://gateway/webhdfs/v1/code/mine",
    )
    async with world.open(runtime=SANDBOXED, run_as={"alice": "nobody"}) as scheduler:
        await scheduler.submit(job)
        status = await ended(scheduler, job)

    assert world.output(job) == "nobody\nnogroup\nran\n"
    errors = (world.folder(job) / "stderr").read_text()
    assert "touch: cannot touch '/root/x'" in errors
    assert "/etc/shadow: Permission denied" in errors
    assert status.summary.state is JobState.FAILED


@pytest.mark.parametrize("accounts", [{}, {"alice": "nobody"}])
async def test_a_job_has_no_code_of_its_own_run_outside_of_the_sandbox(
    world: World, accounts: Mapping[str, str]
) -> None:
    variables = {"LD_PRELOAD": "./mine/none.so", "GCONV_PATH": "./mine", "MINE": "x"}
    job = world.job(role("echo $LD_PRELOAD $GCONV_PATH $MINE"), job_envs=variables)
    async with world.open(runtime=SANDBOXED, run_as=accounts) as scheduler:
        await scheduler.submit(job)
        await ended(scheduler, job)

    assert world.output(job) == "./mine/none.so ./mine x\n"
    errors = (world.folder(job) / "stderr").read_text()
    # Of all programs on the way to the command the shell alone was told to load it.
    assert errors.count("'./mine/none.so' from LD_PRELOAD cannot be preloaded") == 1


async def test_a_user_without_an_account_is_told_so(world: World) -> None:
    job = world.job(role("true"), retry_count=3)
    async with world.open(runtime=SANDBOXED, run_as={"bob": "nobody"}) as scheduler:
        await scheduler.submit(job)
        status = await ended(scheduler, job)

    assert status.exit.exit_type is ExitType.NON_TRANSIENT
    assert status.exit.diagnostics == str(NoAccount("alice"))
    assert status.summary.retries.total == 0


SETTINGS = LocalSchedulingSettings()
HERE = Path("/nowhere")


def test_everybodys_account_is_for_those_who_have_none_of_their_own() -> None:
    mine, ours = Account(1, 1), Account(2, 2)
    target = Enclosure(None, "", None, "", accounts={"alice": mine, "*": ours})

    assert (target.account("alice"), target.account("bob")) == (mine, ours)
    assert evolve(target, accounts={}).account("alice") is None
    with pytest.raises(NoAccount, match="run-as names no Unix account for bob"):
        evolve(target, accounts={"alice": mine}).account("bob")


@pytest.mark.parametrize(
    ("accounts", "said"),
    [
        ({"alice": "no-such-one"}, r"run-as\.alice: this machine has no Unix account"),
        ({"*": "root"}, r"run-as\.\*: root is root, which runs no tasks"),
    ],
)
def test_an_account_that_cannot_run_tasks_is_refused(
    accounts: Mapping[str, str], said: str
) -> None:
    with pytest.raises(LoadError, match=said):
        enclose(evolve(SETTINGS, run_as=accounts), HERE, ())


def test_accounts_need_a_sandbox() -> None:
    with pytest.raises(LoadError, match="run-as needs bubblewrap, podman or docker"):
        enclose(evolve(SETTINGS, run_as={"*": "nobody"}, runtime=PLAIN), HERE, ())


def test_accounts_need_a_gateway_that_is_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(LoadError, match="run-as needs a gateway that runs as root"):
        enclose(evolve(SETTINGS, run_as={"*": "nobody"}), HERE, ())


def test_a_sandbox_that_is_insisted_on_has_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enclosure, "find_program", lambda: None)
    with pytest.raises(LoadError, match="runtime is bubblewrap: bubblewrap is not installed"):
        enclose(evolve(SETTINGS, runtime="bubblewrap"), HERE, ())
    assert enclose(SETTINGS, HERE, ()).sandbox is None

    monkeypatch.setattr(enclosure, "find_program", lambda: "/bin/false")
    assert enclose(SETTINGS, HERE, ()).why_no_sandbox == "/bin/false ended with 1"
    monkeypatch.setattr(enclosure, "find_program", lambda: "/no/such")
    assert "/no/such does not run" in enclose(SETTINGS, HERE, ()).why_no_sandbox


def test_what_is_made_sure_of_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    here = {each.what: each for each in enclose(SETTINGS, HERE, ()).enforcement()}
    monkeypatch.setattr(enclosure, "find_cgroups", no_cgroups)
    bare = {
        each.what: each for each in enclose(evolve(SETTINGS, runtime=PLAIN), HERE, ()).enforcement()
    }
    off = enclose(evolve(SETTINGS, enforce_limits=False), HERE, ()).enforcement()[0]

    assert here.keys() == bare.keys()
    assert {name for name, each in here.items() if each.enforced} == set(here) - {"unix account"}
    assert {name for name, each in bare.items() if each.enforced} == {"memory"}
    assert bare["memory"].how == "a look once a second, while the gateway runs"
    assert bare["cpu"].how == "control groups cannot be written: read-only file system"
    assert bare["files"].how == "switched off by scheduling.local.runtime"
    assert (off.enforced, off.how) == (False, "switched off by scheduling.local.enforce-limits")


def test_only_a_tasks_own_gpus_are_in_its_sandbox(tmp_path: Path) -> None:
    words = Sandbox("bwrap").wrapper(tmp_path, shm_mb=0, gpus=(2,))
    without = Sandbox("bwrap").wrapper(tmp_path, shm_mb=0, gpus=())

    assert [word for word in words if word.startswith("/dev/nvidia")] == [
        device
        for name in ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset", "nvidia2")
        for device in (f"/dev/{name}", f"/dev/{name}")
    ]
    assert not [word for word in without if "nvidia" in word]
    assert words[words.index("--size") + 1] == "4096"


def test_root_is_given_up_for_good(tmp_path: Path) -> None:
    found = pwd.getpwnam("nobody")
    words = Sandbox("bwrap").wrapper(
        tmp_path, shm_mb=1, gpus=(), account=Account(found.pw_uid, found.pw_gid)
    )

    assert words[words.index("--cap-drop") + 1] == "ALL"
    assert words[-10:] == (
        "/usr/bin/setpriv",
        f"--reuid={found.pw_uid}",
        f"--regid={found.pw_gid}",
        "--clear-groups",
        "--inh-caps=-all",
        "--no-new-privs",
        "--",
        "/usr/bin/env",
        "--chdir",
        str(tmp_path / "work"),
    )


async def test_the_trial_is_a_real_one() -> None:
    program = bubblewrap.find_program()
    assert program is not None
    assert await anyio.to_thread.run_sync(Sandbox(program).trial) is None

"""Show Jobyard at work; run by ``scripts/demo``."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from demonstration.gateway import Api, DemoError, Gateway
from demonstration.jobs import Job, ended, follow, show
from demonstration.screen import Screen

EXAMPLES: Final = Path(__file__).resolve().parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES / "code"))

from storage import Storage  # noqa: E402 - the examples' own client of the storage

USER: Final = "admin"
TRUTH: Final = {"constant": 5.0, "temperature": -3.0, "wind": 1.5, "weekend": -2.0}
"""What ``load.csv`` was drawn from (``examples/README.md``)."""
TOLERANCE: Final = 0.05
EXIT_STOPPED: Final = -7351


def upload(screen: Screen, storage: Storage, home: str) -> None:
    """Bring the code folder and the data file into the storage."""
    files = [(file, f"code/{file.name}") for file in sorted((EXAMPLES / "code").glob("*.py"))]
    files.append((EXAMPLES / "parameter-server" / "load.csv", "data/load.csv"))
    for file, name in files:
        storage.write(f"{home}/examples/{name}", file.read_bytes())
        screen.line(f"uploaded   /user/{USER}/examples/{name}")


def run(screen: Screen, api: Api) -> list[Job]:
    """Submit the three jobs and follow them until they end."""
    screen.title("Running three jobs at once")
    names = ("parameter-server", "flaky", "endless")
    jobs = [Job.example(api, screen, USER, EXAMPLES / name / "job.json") for name in names]
    for job in jobs:
        job.submit()
    *finite, endless = jobs
    follow(screen, [endless], enough=lambda state: state == "RUNNING")
    follow(screen, finite, enough=ended)
    until_it_speaks(screen, endless)
    screen.line("stopping   endless, which would run for ever")
    endless.stop()
    follow(screen, jobs, enough=ended)
    return jobs


def until_it_speaks(screen: Screen, job: Job) -> None:
    """Wait for the first line that a running job prints."""
    end = time.monotonic() + 20
    while not job.log("main", 0):
        if time.monotonic() > end:
            raise DemoError(f"{job.name} prints nothing")
        screen.progress(f"waiting for a word from {job.name}")
        time.sleep(0.2)


def check(screen: Screen, jobs: list[Job], storage: Storage, root: str) -> None:
    """Hold what came of the jobs against what should have."""
    for job in jobs:
        show(screen, job)
    fitted, flaky, endless = jobs
    fitted.expect(state="SUCCEEDED", appExitCode=0, retries=0)
    flaky.expect(state="SUCCEEDED", appExitCode=0, retries=1)
    endless.expect(state="STOPPED", appExitCode=EXIT_STOPPED)
    model = json.loads(storage.read(f"{root}/Output/{USER}/{fitted.name}/model.json"))
    screen.title("The model that three workers and a parameter server fitted")
    screen.line(f"{'':12} {'fitted':>8} {'truth':>8}")
    for (name, truth), value in zip(TRUTH.items(), model["parameters"], strict=True):
        screen.line(f"{name:12} {value:8.3f} {truth:8.3f}")
        if abs(value - truth) > TOLERANCE:
            raise DemoError(f"{name} is {value:.3f}, expected {truth:.3f}")


def next_steps(screen: Screen, gateway: Gateway, *, keep: bool) -> None:
    """Say what to open or type next."""
    screen.title("What next")
    if not keep:
        screen.line("scripts/demo --keep   leaves the gateway running, to look around in")
        screen.line("README.md             has a first session with curl")
        return
    screen.line(f"""The gateway goes on at {gateway.address}. Read and try its API:
  {gateway.address}/docs
Or type:
  JOBYARD={gateway.address}
  curl -s $JOBYARD/api/v1/user/{USER}/jobs
  curl -s $JOBYARD/api/v1/user/{USER}/jobs/flaky
  curl -s $JOBYARD/api/v1/token -d username={USER} \\
       --data-urlencode "password=$(cat {gateway.state}/admin-password)"
Its log:     {gateway.state}/gateway.log
To stop it:  kill {gateway.process.pid} && rm -r {gateway.state}""")


def demonstrate(screen: Screen, gateway: Gateway) -> None:
    """Do everything between the start and the end of the gateway."""
    screen.line(f"listening  {gateway.address}")
    api = Api(gateway.address)
    api.log_in(USER, gateway.password)
    screen.line(f"logged in  as {USER}, with the password generated at the first start")
    root = f"{gateway.address}/webhdfs/v1"
    storage = Storage(api.token)
    upload(screen, storage, f"{root}/user/{USER}")
    check(screen, run(screen, api), storage, root)


def clean_up(screen: Screen, gateway: Gateway) -> None:
    """Stop what still runs, since tasks outlive the gateway."""
    api = Api(gateway.address)
    api.log_in(USER, gateway.password)
    names = [job["name"] for job in json.loads(api.call("GET", f"/user/{USER}/jobs"))]
    jobs = [Job(api, screen, USER, {"jobName": name}) for name in names]
    for job in jobs:
        job.stop()
    follow(screen, jobs, enough=ended)


@contextmanager
def running(screen: Screen, state: Path, *, keep: bool) -> Iterator[Gateway]:
    """Run a gateway; afterwards stop it, unless all went well and it is to be kept."""
    gateway = Gateway.start(state)
    try:
        yield gateway
    except BaseException:
        with suppress(DemoError, OSError):
            clean_up(screen, gateway)
        gateway.stop()
        raise
    if not keep:
        gateway.stop()


def main() -> int:
    """Run the demonstration; give 0 when everything was as expected."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the gateway running")
    keep = parser.parse_args().keep
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    screen = Screen()
    state = Path(tempfile.mkdtemp(prefix="jobyard-demo-"))
    try:
        screen.title("Starting a gateway with no configuration")
        with running(screen, state, keep=keep) as gateway:
            demonstrate(screen, gateway)
            next_steps(screen, gateway, keep=keep)
    except (DemoError, OSError) as error:
        screen.line(f"\nscripts/demo: {error}\nThe gateway's log: {state}/gateway.log")
        return 1
    except KeyboardInterrupt:
        screen.line("\nscripts/demo: interrupted")
        return 130
    if not keep:
        shutil.rmtree(state)
        screen.line("\nEverything was as expected; the gateway is stopped and its state removed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

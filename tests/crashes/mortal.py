"""Gateways that are killed again and again, and started anew on the same state directory."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
from attrs import define, field, frozen

from tests.crashes import records
from tests.crashes.dying import BACKGROUND_DIES_AT, DIED, DIES_AT
from tests.crashes.records import disagreements
from tests.e2e.processes import PATIENCE, until

CONFIGURATION: Final = """
accounts: {login-throttle: "off", recheck: 3600}
board: {max-age: 0}
scheduling: {local: {retry-backoff: 0.01, cpu-overcommit: 32, mounts: [marks]}}
"""
"""Nothing that a request does depends on when it comes, so that its points are always the same."""

PASSWORD: Final = "secret of the admin"


@define
class Nursery:
    """Be the process that gateways are forked from."""

    process: subprocess.Popen[str]

    def fork(self, arguments: list[str], stdout: Path, stderr: Path) -> int:
        """Start a gateway, and give its pid."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        wanted = {"arguments": arguments, "stdout": str(stdout), "stderr": str(stderr)}
        self.process.stdin.write(json.dumps(wanted) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@contextmanager
def nursery() -> Iterator[Nursery]:
    """Run the process that gateways are forked from."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.crashes.dying"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Nursery(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(PATIENCE) == 0


@frozen
class Death:
    """Be how a request ended that its gateway was to die in; without an answer it did."""

    point: str
    answer: httpx.Response | None = None


@define
class Mortal:
    """Be one gateway through all its lives, which are all on one port."""

    folder: Path
    nursery: Nursery
    port: int = 0
    token: str = field(default="", repr=False)
    _pidfd: int = -1
    _plain: subprocess.Popen[bytes] | None = None
    _http: httpx.Client = field(factory=lambda: httpx.Client(verify=False))

    @property
    def state(self) -> Path:
        """Give the state directory."""
        return self.folder / "state"

    @property
    def marks(self) -> Path:
        """Give the folder in which each job leaves a line whenever it runs."""
        return self.folder / "marks"

    def start(self, *, plain: bool = False) -> None:
        """Start it, plainly as a deployer does or from the nursery, until it listens."""
        stdout, stderr = self.folder / "stdout", self.folder / "stderr"
        before = stdout.read_text().count(" listens on ") if stdout.exists() else 0
        arguments = ["serve", "--state-dir", str(self.state), "--host", "127.0.0.1"]
        arguments += ["--config", str(self.folder / "configuration"), "--port", str(self.port)]
        if plain:
            pid = self._launch(arguments, stdout, stderr)
        else:
            pid = self.nursery.fork(arguments, stdout, stderr)
        self._pidfd = os.pidfd_open(pid)
        said = ""

        def listens() -> bool:
            nonlocal said
            said = stdout.read_text() if stdout.exists() else ""
            assert not self.dead(0), stderr.read_text()
            return said.count(" listens on ") > before

        until(listens)
        address = said.rpartition(" listens on ")[2].split()[0]
        self.port = int(address.rpartition(":")[2])
        self._http = httpx.Client(base_url=f"{address}/api/v1", timeout=PATIENCE, verify=False)
        if not self.token:
            document = self.good("POST", "/token", {"username": "admin", "password": PASSWORD})
            self.token = document["token"]

    def _launch(self, arguments: list[str], stdout: Path, stderr: Path) -> int:
        with stdout.open("ab") as out, stderr.open("ab") as error:
            self._plain = subprocess.Popen(
                [sys.executable, "-m", "jobyard", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=error,
            )
        return self._plain.pid

    def begin(self) -> None:
        """Make the folders and start for the first time."""
        self.marks.mkdir()
        secret = f"rest-server: {{default-pai-admin-password: {PASSWORD}}}\n"
        (self.folder / "configuration").write_text(secret + CONFIGURATION)
        self.start()

    def dead(self, seconds: float = PATIENCE) -> bool:
        """Wait until it has ended, and let go of it then."""
        if self._pidfd < 0:
            return True
        if not select.select([self._pidfd], [], [], seconds)[0]:
            return False
        os.close(self._pidfd)
        self._pidfd = -1
        if self._plain is not None:
            self._plain.wait(PATIENCE)
            self._plain = None
        self._http.close()
        return True

    def kill(self) -> None:
        """End it by SIGKILL."""
        if self._pidfd >= 0:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            assert self.dead()

    def ask(
        self,
        method: str,
        path: str,
        json: object = None,
        *,
        token: str | None = None,
        **headers: str,
    ) -> httpx.Response:
        """Call a path as the administrator, or with another token."""
        sent = {"Authorization": f"Bearer {self.token if token is None else token}", **headers}
        if path == "/token":
            del sent["Authorization"]
        return self._http.request(method, path, json=json, headers=sent)

    def decided(
        self, method: str, path: str, json: object = None, **headers: str
    ) -> httpx.Response:
        """Call a path again and again, until it is not unknown what it did."""
        answers: list[httpx.Response] = []

        def known() -> bool:
            answers[:] = [self.ask(method, path, json, **headers)]
            return answers[0].status_code != 500

        until(known, lambda: answers[0].text)
        return answers[0]

    def good(self, method: str, path: str, json: object = None) -> Any:
        """Call a path that has to answer well."""
        response = self.ask(method, path, json)
        assert response.is_success, response.text
        return response.json()

    def dies(
        self, number: int, method: str, path: str, json: object = None, **headers: str
    ) -> Death:
        """Have it die at the n-th point of a request, or just behind the answer."""
        try:
            answer = self.ask(method, path, json, **headers, **{DIES_AT: str(number)})
        except httpx.TransportError:
            return Death(self.point_of_death())
        assert answer.is_success, answer.text
        self.kill()
        return Death("behind the answer", answer)

    def point_of_death(self) -> str:
        """Wait until it has died where it was told to, and give the point."""
        assert self.dead()
        last = (self.folder / "stderr").read_text().rstrip().rpartition("\n")[2]
        assert last.startswith(DIED), last
        return last.removeprefix(DIED)

    def tried(self, method: str, path: str, json: object = None, **headers: str) -> bool:
        """Call a path, and tell whether that was answered well; it may die meanwhile."""
        try:
            return self.ask(method, path, json, **headers).is_success
        except httpx.TransportError:
            return False

    def is_settled(self, name: str) -> bool:
        """Tell whether a job is over, and nothing is left to do."""
        row = records.read(self.state).scheduled(name)
        return row is not None and row["phase"] == "ended" and not disagreements(self.state)

    def dies_in_background(self, number: int) -> None:
        """Have it die at the n-th point from now on that is no request's."""
        self.ask("GET", "/virtual-clusters", **{BACKGROUND_DIES_AT: str(number)})

    def job(self, name: str, command: str = "true") -> dict[str, object]:
        """Write a job that leaves a line each time that it runs, and has a port."""
        role = {
            "name": "main",
            "command": f"echo {name} >> {self.marks}/{name}; {command}",
            "cpuNumber": 1,
            "memoryMB": 100,
            "portList": [{"label": "http", "beginAt": 0, "portNumber": 1}],
        }
        return {"jobName": name, "image": "none", "taskRoles": [role]}

    def submit(self, name: str, command: str = "true") -> None:
        """Submit a job."""
        self.good("POST", "/user/admin/jobs", self.job(name, command))

    def status(self, name: str) -> Mapping[str, Any]:
        """Give a job's ``jobStatus``."""
        status: Mapping[str, Any] = self.good("GET", f"/user/admin/jobs/{name}")["jobStatus"]
        return status

    def reaching(self, name: str, state: str) -> Mapping[str, Any]:
        """Wait until a job is in a state, and give its ``jobStatus``."""
        status: Mapping[str, Any] = {}

        def there() -> bool:
            nonlocal status
            status = self.status(name)
            return bool(status["state"] == state)

        until(there, lambda: json.dumps(status))
        return status

    def log_in(self, username: str, password: str) -> httpx.Response:
        """Ask for a token."""
        return self.ask("POST", "/token", {"username": username, "password": password})

    def names(self) -> set[str]:
        """Give the names of all jobs; no name is there twice."""
        names = [job["name"] for job in self.good("GET", "/jobs")]
        assert len(names) == len(set(names))
        return set(names)

    def ran(self) -> dict[str, str]:
        """Give what the jobs left."""
        return {file.name: file.read_text() for file in self.marks.iterdir()}

    def agrees(self) -> None:
        """Wait until rows, files, ports and processes agree."""
        until(lambda: not disagreements(self.state), lambda: "\n".join(disagreements(self.state)))

    def leaves_nothing(self) -> None:
        """Delete every job: nothing of any is left then."""
        for name in self.names():
            self.good("DELETE", f"/user/admin/jobs/{name}")
        self.agrees()
        assert self.names() == set()

    def end(self) -> None:
        """Stop every job and the gateway, however the test has left them."""
        try:
            if self.dead(0):
                self.start()
            self.leaves_nothing()
        finally:
            self.kill()

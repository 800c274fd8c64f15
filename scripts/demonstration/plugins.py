"""Use plugins on a gateway that runs with them; run by ``scripts/plugins``.

The three plugins were made from the template: ``auth`` knows a user, ``storage`` takes a file, and
``scheduling`` runs a job that reads it and writes another one.
"""

from __future__ import annotations

import argparse
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Final

from demonstration.gateway import Api, DemoError, Gateway

EXAMPLES: Final = Path(__file__).resolve().parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES / "code"))

from storage import Storage  # noqa: E402 - the examples' own client of the storage

USER: Final = "alice"
TEXT: Final = b"from one plugin to another"
_PATIENCE: Final = 60.0
_COMMAND: Final = """python3 - <<'END'
import os
from urllib.error import HTTPError
from urllib.request import Request, urlopen
root = os.environ["PAI_DEFAULT_FS_URI"] + "/user/alice/"
show = {"Authorization": "Bearer " + os.environ["PAI_STORAGE_TOKEN"]}
data = urlopen(Request(root + "in.txt?op=OPEN", headers=show)).read().upper()
try:
    urlopen(Request(root + "out.txt?op=CREATE", headers=show, method="PUT"))
except HTTPError as answer:
    place = answer.headers["Location"]
show["Content-Type"] = "application/octet-stream"
urlopen(Request(place, data, show, method="PUT"))
END"""


class Hook(ThreadingHTTPServer):
    """Keep what an observer sends."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.events: list[dict[str, object]] = []

    @property
    def url(self) -> str:
        """Give the address to send to."""
        return f"http://127.0.0.1:{self.server_address[1]}/hook"

    def wait_for(self, event: str) -> None:
        """Wait until an event of this kind came."""
        end = time.monotonic() + _PATIENCE
        while not any(each["event"] == event for each in self.events):
            if time.monotonic() > end:
                raise DemoError(f"the webhook was told {self.events}, and not of {event}")
            time.sleep(0.1)


class _Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        """Keep one event."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.events.append(json.loads(body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def configuration(chosen: Mapping[str, str], users: Path, hook: Hook) -> str:
    """Write a file that chooses the plugins."""
    return f"""\
auth:
  - {chosen["auth"]}: {{file: {users}}}
scheduling:
  {chosen["scheduling"]}: {{cpus: 4}}
storage: {chosen["storage"]}
observers:
  - notify-webhook:
      url: {hook.url}
      secret: {{env: HOOK_SECRET}}
      events: [job-submitted, job-changed, user-authenticated]
"""


def use(gateway: Gateway, password: str) -> None:
    """Log in, upload, run a job and read what it wrote."""
    api = Api(gateway.address)
    api.log_in(USER, password)
    home = f"{gateway.address}/webhdfs/v1/user/{USER}"
    storage = Storage(api.token)
    storage.write(f"{home}/in.txt", TEXT)
    role = {"name": "main", "command": _COMMAND}
    job = {"jobName": "trial", "image": "none", "taskRoles": [role]}
    api.call("POST", f"/user/{USER}/jobs", job)
    status = ended(api, f"/user/{USER}/jobs/trial")
    if status["state"] != "SUCCEEDED":
        raise DemoError(f"the job ended as {status}")
    written = storage.read(f"{home}/out.txt")
    if written != TEXT.upper():
        raise DemoError(f"the job wrote {written!r}")


def ended(api: Api, path: str) -> Mapping[str, object]:
    """Wait until a job is over and give its status."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        status = api.document(path)["jobStatus"]
        if isinstance(status, dict) and status["state"] not in ("WAITING", "RUNNING"):
            return status
        time.sleep(0.1)
    raise DemoError(f"{path} did not end")


def try_all(folder: Path, chosen: Mapping[str, str]) -> None:
    """Start a gateway with the plugins, use it, and end it."""
    users, password = folder / "users.json", secrets.token_urlsafe()
    module = f"jobyard_auth_{chosen['auth']}"
    command = [sys.executable, "-m", module, str(users), USER]
    subprocess.run(command, input=password, text=True, check=True)
    hook = Hook()
    Thread(target=hook.serve_forever, daemon=True).start()
    file = folder / "services-configuration.yaml"
    file.write_text(configuration(chosen, users, hook))
    state = folder / "state"
    state.mkdir()
    gateway = Gateway.start(state, "--config", str(file))
    try:
        use(gateway, password)
        for event in ("user-authenticated", "job-submitted", "job-changed"):
            hook.wait_for(event)
    except BaseException:
        gateway.process.kill()
        gateway.process.wait()
        print((state / "gateway.log").read_text(), file=sys.stderr)
        raise
    gateway.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the plugins; give 0 when everything was as expected."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    for kind in ("auth", "scheduling", "storage"):
        parser.add_argument(kind)
    chosen = vars(parser.parse_args(arguments))
    folder = chosen.pop("folder").resolve()
    try:
        try_all(folder, chosen)
    except (DemoError, OSError, subprocess.CalledProcessError) as error:
        print(f"scripts/plugins: {error}", file=sys.stderr)
        return 1
    print("A log-in, an upload, a job and its webhooks went through the plugins.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

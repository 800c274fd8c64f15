"""A gateway as ``jobyard serve`` runs it, but for its cluster, which costs nothing."""

from __future__ import annotations

import argparse
import sys
import time
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, event

from benchmarks.cluster import static_cluster
from benchmarks.lag import lag_probe
from jobyard.cli.listening import listener
from jobyard.cli.running import Gateway
from jobyard.config.loading import load
from jobyard.database.instance import state_lock
from jobyard.logs import logging_to
from jobyard.registry import Registry
from jobyard.seams.provider import Seam

PASSWORD: Final = "secret of the admin"
_CONFIGURATION: Final = f"""
rest-server:
  server-host: 127.0.0.1
  default-pai-admin-password: "{PASSWORD}"
  upstream-timeout: %(timeout)g
scheduling: {{static: {{}}}}
accounts: {{login-throttle: %(throttle)s, uniform-login-errors: true}}
"""
_PROBED: Final = """
observers:
  - lag: {file: %s}
"""


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=0)
    parser.add_argument("--changes", type=float, default=0, help="jobs that change a second")
    parser.add_argument("--commit", type=float, default=0, help="seconds added to each commit")
    parser.add_argument("--throttle", default="10/minute", help="the bound on failed log-ins")
    parser.add_argument("--timeout", type=float, default=10, help="seconds that a request waits")
    parser.add_argument("--lag", type=Path, help="where the lags of the event loop are written")
    asked = parser.parse_args()
    if asked.commit:
        _slow_down(asked.commit)
    file = asked.state_dir / "services-configuration.yaml"
    file.write_text(_configuration(asked.throttle, asked.timeout, asked.lag))
    installed = [each for seam in Seam for each in entry_points(group=seam.entry_point_group)]
    doubles = [static_cluster(asked.jobs, asked.changes), lag_probe()]
    registry = Registry([*installed, *doubles])
    loaded = load(file, registry, {})
    with (
        logging_to(sys.stderr),
        state_lock(asked.state_dir),
        listener("127.0.0.1", 0) as socket,
    ):
        Gateway(loaded, registry, asked.state_dir, socket).run()


def _configuration(throttle: str, timeout: float, lag: Path | None) -> str:
    text = _CONFIGURATION % {"throttle": throttle, "timeout": timeout}
    return text if lag is None else text + _PROBED % lag


def _slow_down(seconds: float) -> None:
    @event.listens_for(Engine, "commit")
    def slow(connection: Connection) -> None:
        del connection
        time.sleep(seconds)


if __name__ == "__main__":
    main()

"""Run the double from the command line: ``python -m jobyard.testing.launcher``."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

import click

from jobyard.testing.launcher.double import LauncherDouble
from jobyard.testing.launcher.options import AccessOptions, ClusterOptions, LauncherOptions
from jobyard.testing.launcher.sources import SourceReader, local_sources, webhdfs_sources


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where it listens.")
@click.option("--port", default=9086, show_default=True, help="0 takes a free one.")
@click.option("--interval", default=1.0, show_default=True, help="Seconds between two states.")
@click.option("--latency", default=0.0, show_default=True, help="Seconds before every answer.")
@click.option("--folder", type=click.Path(path_type=Path), help="Keeps work and logs.")
@click.option("--files", type=click.Path(path_type=Path), help="Stands for the root of HDFS.")
@click.option("--webhdfs", help="Reads the tasks' files there (http://host:port/webhdfs/v1).")
@click.option("--user", default="root", show_default=True, help="Who reads them.")
@click.option("--queue", "queues", multiple=True, help="A queue that exists; else all do.")
@click.option("--no-acl", is_flag=True, help="Let everybody change everything.")
@click.option("--unpatched", is_flag=True, help="Refuse GPUs and ports, as plain Hadoop does.")
def main(
    *,
    host: str,
    port: int,
    interval: float,
    latency: float,
    folder: Path | None,
    files: Path | None,
    webhdfs: str | None,
    user: str,
    queues: tuple[str, ...],
    no_acl: bool,
    unpatched: bool,
) -> None:
    """Be a FrameworkLauncher that runs the commands of tasks as processes of this machine."""
    options = LauncherOptions(
        access=AccessOptions(enabled=not no_acl, ignore_without_namespace=True),
        cluster=ClusterOptions(
            queues=queues or None, supports_gpus=not unpatched, supports_ports=not unpatched
        ),
        interval=interval,
    )
    sources: SourceReader | None = None
    if webhdfs is not None:
        sources = webhdfs_sources(webhdfs, user)
    elif files is not None:
        sources = local_sources(files)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    double = LauncherDouble(options, folder=folder, sources=sources, host=host, port=port)
    double.faults.latency = latency
    with double:
        sys.stdout.write(f"{double.url}\n")
        sys.stdout.flush()
        ended.wait()


if __name__ == "__main__":
    main()

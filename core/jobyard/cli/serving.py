"""``jobyard serve``: run the gateway."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    help="The configuration file; without one, everything is embedded.",
)
@click.option("--host", help="The address to listen on, instead of the configured one.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="The port to listen on; 0 takes a free one."
)
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path),
    help="Where everything is kept; made if it is missing.",
)
def serve(file: Path | None, host: str | None, port: int | None, state_dir: Path | None) -> None:
    """Run the gateway until SIGTERM or SIGINT."""
    from jobyard.cli.listening import listener  # noqa: PLC0415 - start cheaply
    from jobyard.cli.running import Gateway, load_configuration  # noqa: PLC0415
    from jobyard.cli.state import state_directory  # noqa: PLC0415
    from jobyard.database.instance import state_lock  # noqa: PLC0415
    from jobyard.logs import logging_to  # noqa: PLC0415

    loaded, registry = load_configuration(file, host, port)
    state = state_directory(state_dir)
    # The lock comes first: what it says of a second gateway is more than that the port is taken.
    with logging_to(sys.stderr), state_lock(state):
        server = loaded.settings.rest_server
        with listener(server.server_host or "", server.server_port) as socket:
            Gateway(loaded, registry, state, socket).run()

"""``jobyard serve``: run the gateway."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

_LAST_PORT: Final = 65_535
_DIGITS: Final = 5


def _port(_: click.Context, __: click.Parameter, text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isdecimal() and text.isascii() and len(text) <= _DIGITS) or int(text) > _LAST_PORT:
        message = f"{text[:80]!r} is no port; a number from 0 to {_LAST_PORT} is expected."
        raise click.BadParameter(message)
    return int(text)


@click.command()
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    help="The configuration file; without one, everything is embedded.",
)
@click.option("--host", help="The address to listen on, instead of the configured one.")
@click.option(
    "--port", callback=_port, metavar="NUMBER", help="The port to listen on; 0 takes a free one."
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

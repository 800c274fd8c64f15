"""``jobyard auth``: look at how users log in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from jobyard.cli.doctor import printer
from jobyard.secret import Secret

_LONGEST: Final = 4096


@click.group()
def auth() -> None:
    """Look at how users log in."""


@auth.command("try")
@click.argument("user")
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    help="The configuration file; without one, everything is embedded.",
)
@click.option("--state-dir", type=click.Path(path_type=Path), help="The gateway's state directory.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the password from the first line.")
@click.option("--no-password", is_flag=True, help="Look the user up, and try no password.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a line.")
def try_log_in(
    user: str,
    file: Path | None,
    state_dir: Path | None,
    *,
    from_stdin: bool,
    no_password: bool,
    as_json: bool,
) -> None:
    """Let USER log in, step by step, and say what the gateway makes of it.

    No token is issued, and a gateway that runs is not disturbed. The exit code is 1 where the user
    would not be let in.
    """
    import anyio  # noqa: PLC0415 - start cheaply

    from jobyard.cli.configuration import load_file  # noqa: PLC0415
    from jobyard.cli.log_in_trial import try_user  # noqa: PLC0415
    from jobyard.cli.state import state_directory  # noqa: PLC0415

    loaded = load_file(file)
    password = None if no_password else _password(user, from_stdin=from_stdin)
    state = state_directory(state_dir)
    good = anyio.run(try_user, loaded, state, user, password, printer(as_json=as_json))
    sys.exit(0 if good else 1)


def _password(user: str, *, from_stdin: bool) -> Secret:
    if from_stdin:
        return Secret(sys.stdin.readline(_LONGEST).rstrip("\r\n"))
    text: str = click.prompt(f"Password of {user}", hide_input=True, err=True)
    return Secret(text)

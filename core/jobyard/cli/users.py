"""``jobyard user``: what an administrator does on the machine itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from jobyard.secret import Secret

SHORTEST: Final = 6
"""Characters of a password (contract, section 3)."""

_LONGEST: Final = 4096


@click.group()
def user() -> None:
    """Help users who cannot help themselves over the API."""


@user.command()
@click.argument("name")
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path),
    help="The state directory of the gateway.",
)
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    help="The configuration file of the gateway.",
)
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the password from the first line.")
def passwd(name: str, state_dir: Path | None, file: Path | None, *, from_stdin: bool) -> None:
    """Change the password of NAME, and end all tokens; the gateway may be running."""
    import anyio  # noqa: PLC0415 - start cheaply

    from jobyard.cli.configuration import load_file  # noqa: PLC0415
    from jobyard.cli.passwords import change_password  # noqa: PLC0415
    from jobyard.cli.state import existing_state_directory  # noqa: PLC0415

    loaded = load_file(file)
    state = existing_state_directory(state_dir)
    password = _from_stdin() if from_stdin else _asked(name)
    anyio.run(change_password, loaded, state, name, password)
    click.echo(f"The password of {name} is changed.")


def _asked(name: str) -> Secret:
    text: str = click.prompt(
        f"New password of {name}", hide_input=True, confirmation_prompt="The same again", err=True
    )
    return _checked(text)


def _from_stdin() -> Secret:
    return _checked(sys.stdin.readline(_LONGEST).rstrip("\r\n"))


def _checked(text: str) -> Secret:
    if len(text) < SHORTEST:
        raise click.UsageError(f"a password has at least {SHORTEST} characters")
    return Secret(text)

"""``jobyard config``: check, show and write configuration files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from jobyard.config.loading import Loaded

EXISTING: Final = click.Path(path_type=Path)
"""A file; whether it can be read is told as every problem of a configuration is."""

_SEAMS: Final = ("auth", "scheduling", "storage", "observers")


@click.group()
def config() -> None:
    """Check, show and write configuration files."""


@config.command()
@click.argument("file", required=False, type=EXISTING)
def check(file: Path | None) -> None:
    """Check FILE, and print all its problems, one a line.

    Without FILE, check what is in force without one.
    """
    loaded = load_file(file)
    for notice in loaded.notices:
        click.echo(notice, err=True)
    click.echo(f"{file or 'the default configuration'}: good")


@config.command()
@click.argument("file", required=False, type=EXISTING)
def show(file: Path | None) -> None:
    """Print what is in force with FILE, or without one, as YAML with its secrets masked."""
    from jobyard.config.in_force import in_force  # noqa: PLC0415 - start cheaply
    from jobyard.wire.yaml import yaml_text  # noqa: PLC0415

    click.echo(yaml_text(in_force(load_file(file))).decode(), nl=False)


@config.command()
def schema() -> None:
    """Print a JSON Schema of the file, for editors."""
    import orjson  # noqa: PLC0415 - start cheaply

    from jobyard.config.json_schema import json_schema  # noqa: PLC0415

    click.echo(orjson.dumps(json_schema(), option=orjson.OPT_INDENT_2).decode())


@config.command()
@click.argument("kind", required=False, type=click.Choice(_SEAMS))
@click.argument("name", required=False)
def example(kind: str | None, name: str | None) -> None:
    """Print a file with every option, or the section that chooses the plugin NAME of a KIND."""
    from jobyard.config.example import example as whole  # noqa: PLC0415 - start cheaply
    from jobyard.config.example import provider_example  # noqa: PLC0415
    from jobyard.registry import Registry  # noqa: PLC0415
    from jobyard.seams.provider import Seam  # noqa: PLC0415

    if kind is None:
        click.echo(whole(), nl=False)
        return
    if name is None:
        raise click.UsageError(f"which {kind} plugin? Name it behind the kind.")
    seam = Seam(kind)
    click.echo(provider_example(seam, Registry().provider(seam, name)), nl=False)


def load_file(file: Path | None) -> Loaded:
    """Load a configuration with the plugins and the environment of this process."""
    from jobyard.config.loading import load  # noqa: PLC0415 - start cheaply
    from jobyard.registry import Registry  # noqa: PLC0415

    return load(file, Registry(), os.environ)

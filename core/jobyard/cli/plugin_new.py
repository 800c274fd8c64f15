"""``jobyard plugin new``: a package to begin with, which works and passes its tests."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

import click

from jobyard._version import __version__
from jobyard.cli.plugin_names import PluginNames, UnusableName
from jobyard.errors import JobyardError

KINDS: Final = ("auth", "scheduling", "storage")
TEMPLATE: Final = Path(__file__).resolve().parents[1] / "plugin_template"


@click.group()
def plugin() -> None:
    """Help whoever writes a plugin."""


@plugin.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name")
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
def new(kind: str, name: str, directory: Path | None) -> None:
    """Make a package in DIR with a plugin that the configuration file calls NAME.

    Without DIR it is made in the folder jobyard-KIND-NAME. It works as it is, its tests pass, and
    its README says how to go on.
    """
    try:
        names = PluginNames.of(kind, name)
    except UnusableName as error:
        raise click.UsageError(str(error)) from None
    target = Path(names.distribution) if directory is None else directory
    _refuse_taken(target)
    _warn_of_namesake(names)
    generate(names, target)
    click.echo(_next_steps(names, target))


def generate(names: PluginNames, target: Path) -> None:
    """Write the package into a folder that is empty or not there; it appears whole or not at all.

    Raises:
        JobyardError: Copier is not installed, or the folder cannot be written.
    """
    try:
        from copier import run_copy  # noqa: PLC0415 - slow, and an extra
    except ModuleNotFoundError as error:
        message = f'The template needs {error.name}: pip install "jobyard[develop]"'
        raise JobyardError(message) from error
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as scratch:
        package = Path(scratch) / "package"
        run_copy(
            str(TEMPLATE), package, data=_answers(names), defaults=True, quiet=True, unsafe=False
        )
        shutil.copytree(package, target, dirs_exist_ok=True)


def _answers(names: PluginNames) -> dict[str, str | int]:
    return {
        "kind": names.kind,
        "name": names.name,
        "distribution": names.distribution,
        "module": names.module,
        "prefix": names.prefix,
        "jobyard_version": __version__,
        "year": dt.datetime.now(dt.UTC).year,
    }


def _refuse_taken(target: Path) -> None:
    if target.is_dir():
        with os.scandir(target) as entries:
            if any(entries):
                raise click.UsageError(f"{target} is not empty; name another folder.")
    elif target.exists() or target.is_symlink():
        raise click.UsageError(f"{target} is no folder; name another.")


def _warn_of_namesake(names: PluginNames) -> None:
    from jobyard.registry import Registry  # noqa: PLC0415 - start cheaply
    from jobyard.seams.provider import Seam  # noqa: PLC0415

    if names.name in Registry().names(Seam(names.kind)):
        click.echo(
            f"Warning: there is {_article(names.kind)} {names.kind} plugin '{names.name}' already. "
            "Where both are installed, neither can be chosen.",
            err=True,
        )


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def _next_steps(names: PluginNames, target: Path) -> str:
    return f"""{names.distribution} is in {target}. To try it:
  cd {target}
  pip install -e .
  pytest
README.md says what is where, and how to choose it in services-configuration.yaml."""

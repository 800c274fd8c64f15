"""``jobyard plugins``: what is installed, chosen, and broken."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from jobyard.registry import Installed

_TITLES = ("kind", "name", "from", "state", "what it is, or why it cannot be used")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    help="The configuration file whose chosen plugins are marked.",
)
def plugins(*, as_json: bool, file: Path | None) -> None:
    """List the installed plugins.

    Each is imported, so that all problems show.
    """
    from jobyard.config.loading import load  # noqa: PLC0415 - start cheaply
    from jobyard.registry import Registry  # noqa: PLC0415

    registry = Registry()
    if file is not None:
        load(file, registry, os.environ)
    found = registry.describe(probe=True)
    if as_json:
        _print_json(found)
    elif sys.stdout.isatty():
        _print_table(found)
    else:
        for row in _rows(found):
            click.echo("\t".join(row))


def _print_json(found: Sequence[Installed]) -> None:
    import attrs  # noqa: PLC0415 - start cheaply
    import orjson  # noqa: PLC0415

    document = [{**attrs.asdict(each), "seam": each.seam.value} for each in found]
    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def _print_table(found: Sequence[Installed]) -> None:
    from rich.console import Console  # noqa: PLC0415 - slow, and of use on terminals alone
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(*_TITLES, box=None)
    for row in _rows(found):
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def _rows(found: Sequence[Installed]) -> list[tuple[str, ...]]:
    return [
        (
            each.seam.value,
            each.name,
            f"{each.distribution} {each.version}",
            _state(each),
            " ".join((each.problem or each.summary or "").split()),
        )
        for each in found
    ]


def _state(plugin: Installed) -> str:
    if plugin.problem is not None:
        return "broken"
    return "chosen" if plugin.chosen else "installed"

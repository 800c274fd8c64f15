"""``jobyard doctor``: try every chosen backend, step by step."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from jobyard.services.diagnosis import Finding, Tell


@click.command()
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    help="The configuration file; without one, everything is embedded.",
)
@click.option("--state-dir", type=click.Path(path_type=Path), help="The gateway's state directory.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a line.")
def doctor(file: Path | None, state_dir: Path | None, *, as_json: bool) -> None:
    """Try every chosen backend, step by step, and say what is wrong and where to look.

    A gateway that runs is not disturbed. The exit code is 1 where a step failed.
    """
    import anyio  # noqa: PLC0415 - start cheaply

    from jobyard.cli.configuration import load_file  # noqa: PLC0415
    from jobyard.cli.examination import examine_all  # noqa: PLC0415
    from jobyard.cli.state import state_directory  # noqa: PLC0415

    loaded = load_file(file)
    tell = printer(as_json=as_json)
    good = anyio.run(examine_all, loaded, state_directory(state_dir), tell)
    sys.exit(0 if good else 1)


def printer(*, as_json: bool) -> Tell:
    """Give what prints findings, for people or for programs."""
    return _tell_json if as_json else _Screen().tell


def _tell_json(finding: Finding) -> None:
    import attrs  # noqa: PLC0415 - start cheaply
    import orjson  # noqa: PLC0415

    click.echo(orjson.dumps(attrs.asdict(finding)).decode())


class _Screen:
    """Print findings below what they are about."""

    def __init__(self) -> None:
        self._subject = ""

    def tell(self, finding: Finding) -> None:
        """Print one."""
        if finding.subject != self._subject:
            self._subject = finding.subject
            click.echo(finding.subject)
        mark = click.style("ok  ", fg="green") if finding.good else click.style("FAIL", fg="red")
        click.echo(f"  {mark}  {finding.seconds:6.3f} s  {finding.step}: {finding.found}")
        if finding.remedy:
            click.echo(f"                  Look at this first: {finding.remedy}")

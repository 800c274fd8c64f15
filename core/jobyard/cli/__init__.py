"""The command line. What a command needs is imported when the command runs.

Exit codes: 0 good, 1 failed, 2 usage or configuration.
"""

from __future__ import annotations

from typing import Final

import click

from jobyard._version import __version__
from jobyard.cli.auth import auth
from jobyard.cli.configuration import config
from jobyard.cli.doctor import doctor
from jobyard.cli.failures import FailingGroup
from jobyard.cli.plugin_new import plugin
from jobyard.cli.plugins import plugins
from jobyard.cli.serving import serve
from jobyard.cli.users import user

PROGRAM: Final = "jobyard"

__all__ = ["PROGRAM", "cli", "main"]


@click.group(cls=FailingGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="Jobyard", message="%(prog)s %(version)s")
def cli() -> None:
    """Jobyard: a REST gateway that takes jobs for shared GPU and CPU clusters."""


cli.add_command(serve)
cli.add_command(config)
cli.add_command(doctor)
cli.add_command(plugins)
cli.add_command(plugin)
cli.add_command(user)
cli.add_command(auth)


def main() -> None:
    """Run the command line and end the process."""
    cli(prog_name=PROGRAM)

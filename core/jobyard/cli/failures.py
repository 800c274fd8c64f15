"""Say in one line what failed, and end with the exit code that scripts can rely on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import click

from jobyard.errors import BackendError, ConfigError, JobyardError, PluginError

FAILED: Final = 1
MISCONFIGURED: Final = 2


class FailingGroup(click.Group):
    """Turn the errors of Jobyard's own tree into messages; a trace is in the log alone."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; end with 1 or 2 where it fails."""
        try:
            result: object = super().invoke(ctx)
        except (JobyardError, OSError, ExceptionGroup) as error:
            cause = cause_of(error)
            if not isinstance(cause, JobyardError | OSError):
                raise
            ctx.exit(report(cause))
        return result


def report(error: JobyardError | OSError) -> int:
    """Say on the standard error stream what failed, and give the exit code."""
    if isinstance(error, ConfigError):
        click.echo(error.message, err=True)
    else:
        click.echo(f"jobyard: {_words(error)}", err=True)
    return _code(error)


def cause_of(error: Exception) -> Exception:
    """Give what a group of errors is about: the first of ours in it, else the first of all."""
    found = list(_leaves(error))
    return next((each for each in found if isinstance(each, JobyardError)), found[0])


def _leaves(error: Exception) -> Iterator[Exception]:
    if isinstance(error, ExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error


def _words(error: JobyardError | OSError) -> str:
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or type(error).__name__}"
    # Whoever runs the command may know what a caller of the API may not.
    detail = error.detail if isinstance(error, BackendError) else None
    words = error.message if detail is None else f"{error.message} ({detail})"
    return " ".join(words.split())


def _code(error: JobyardError | OSError) -> int:
    # The two are known by name, since the database need not be imported for this.
    busy = type(error).__name__ in {"StateDirBusy", "DatabaseBusy"}
    return MISCONFIGURED if busy or isinstance(error, ConfigError | PluginError) else FAILED

"""Render the script that starts a task."""

from __future__ import annotations

import json
import math
import shlex
from functools import cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, StrictUndefined, Template

from jobyard.secret import Secret
from jobyard_backends.scheduling.yarn.container_script.specification import specification
from jobyard_backends.scheduling.yarn.container_script.values import ContainerScript

_PACKAGE: Final = "jobyard_backends.scheduling.yarn.container_script"

_NODE: Final = (
    "__init__.py",
    "__main__.py",
    "deeds.py",
    "failure.py",
    "places.py",
    "ports.py",
    "task.py",
    "variables.py",
    "webhdfs.py",
)


def render(script: ContainerScript) -> str:
    """Give the text of the script for all tasks of one role; it is run by bash.

    The text holds secrets (``jobEnvs``, tokens), so that only its job's user may read it.

    Raises:
        ValueError: A value holds a NUL, which no process can be given.
    """
    return _template().render(
        spec=json.dumps(specification(script)),
        programs=_programs(),
        command=script.role.command,
        image=script.job.config.image,
        role=script.role,
        runtime=script.runtime.value,
        docker=script.docker,
        code=script.code,
        ssh=script.ssh,
        grace=math.ceil(script.grace),
    )


def shell(value: object) -> str:
    """Quote a value so that a shell reads one word, and nothing in it.

    Raises:
        ValueError: It holds a NUL.
    """
    text = value.reveal() if isinstance(value, Secret) else str(value)
    if "\0" in text:
        message = "a value of the start script holds a NUL"
        raise ValueError(message)
    return shlex.quote(text)


@cache
def _template() -> Template:
    # Shells know no markup: their quoting is the filter's.
    environment = Environment(  # noqa: S701
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["shell"] = shell
    return environment.from_string(_text("start.sh.j2"))


@cache
def _programs() -> dict[str, str]:
    """Give what a script brings along, by its path there; quoted once, since it is the same."""
    files = {f"node/{name}": _text(f"node/{name}") for name in _NODE}
    return {
        name: shell(text) for name, text in {**files, "inside/task.sh": _text("task.sh")}.items()
    }


@cache
def _text(name: str) -> str:
    return files(_PACKAGE).joinpath(name).read_text("utf-8")

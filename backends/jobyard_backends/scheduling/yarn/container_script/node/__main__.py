"""Do one deed."""

from __future__ import annotations

import sys

from . import deeds
from .failure import Failure, say
from .task import Task

DEEDS = ("gang", "check_ports", "started", "ended", "code", "ssh")


def main(deed: str, *arguments: str) -> int:
    """Do a deed, and give the exit code."""
    if deed == "failure":
        say(*arguments)
        return 0
    if deed not in DEEDS:
        return 2
    try:
        getattr(deeds, deed)(Task(), *arguments)
    except Failure as error:
        shown = error.code if error.shown is None else error.shown
        say(str(shown), error.name, str(error))
        return error.code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

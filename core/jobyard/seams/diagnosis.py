"""Diagnosis: what a backend can be asked to try, step by step, for ``jobyard doctor``.

A provider's ``diagnose`` opens no backend: it runs beside a gateway that may be using the same
one, so it changes nothing that outlasts it, and runs no job.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import attrs
from attrs import frozen

from jobyard.seams.context import Context
from jobyard.secret import Secret

C = TypeVar("C", bound=attrs.AttrsInstance)


@frozen
class Check:
    """Be one step.

    ``name`` says in a few words what is tried, such as ``bind as cn=jobyard``; ``run`` tries it
    and gives what was found in one line without secrets, or raises; ``remedy`` is what a deployer
    looks at first when it fails. The steps after one that failed are not tried.
    """

    name: str
    run: Callable[[], Awaitable[str]]
    remedy: str = ""


Diagnose = Callable[[C, Context], AbstractAsyncContextManager[Sequence[Check]]]
"""Make the steps, from the settings as :func:`open` gets them; what they share ends with it."""

Examine = Callable[[C, Context, str, Secret | None], AbstractAsyncContextManager[Sequence[Check]]]
"""Make the steps that follow one user's log-in, by ``jobyard auth try``.

They are given the name as it was typed, and the password, without which none is tried.
"""

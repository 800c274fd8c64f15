"""Write the reference of the hooks from their specifications."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Final

import attrs

from jobyard import hookspecs
from jobyard.seams import observer

_MARK: Final = f"{hookspecs.PROJECT}_spec"


def hooks() -> tuple[Callable[..., object], ...]:
    """Give every hook that there is, in the order of their specifications."""
    found = (each for each in vars(hookspecs).values() if inspect.isfunction(each))
    return tuple(each for each in found if hasattr(each, _MARK))


def hook_reference() -> str:
    """Give Markdown with every hook, and with what its arguments hold.

    Its headings begin at the third level.
    """
    return "\n\n".join(block for hook in hooks() for block in _hook(hook)) + "\n"


def _hook(hook: Callable[..., object]) -> Iterator[str]:
    signature = inspect.signature(hook)
    asynchronous = "async " if inspect.iscoroutinefunction(hook) else ""
    yield f"### `{hook.__name__}`"
    yield f"```python\n{asynchronous}def {hook.__name__}{signature}\n```".replace("'", "")
    yield _prose(hook)
    for parameter in signature.parameters.values():
        yield from _argument(parameter)


def _argument(parameter: inspect.Parameter) -> Iterator[str]:
    kind = getattr(observer, str(parameter.annotation), None)
    if not isinstance(kind, type) or not attrs.has(kind):
        return
    fields = (f"`{each.name}: {each.type}`" for each in attrs.fields(kind))
    yield f"`{parameter.name}` is `{kind.__name__}`: {', '.join(fields)}. {_prose(kind)}"


def _prose(documented: object) -> str:
    return (inspect.getdoc(documented) or "").replace("``", "`")

"""One small change of the code."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from difflib import ndiff
from pathlib import Path
from typing import Final

import attrs
from mutmut.mutation.file_mutation import mutate_file_contents

from mutation.workshop import FOLDER

_SENTENCE: Final = re.compile(r'(["\'])(?:(?!\1).)*[A-Za-z][,.:;]? [A-Za-z](?:(?!\1).)*\1')
"""A string of two words at least."""

_CASELESS: Final = re.compile(r'(?<=headers\.get\()"[\w-]+"|"utf-8"', re.IGNORECASE)
"""Names of header fields and of encodings, which every reader folds."""

_DETAIL: Final = re.compile(r',? ?detail=(?:f?"[^"]*"|[\w.]+\([^()]*\)|[^(),]*),? ?')
"""What an error has for the log alone."""

_MANGLED: Final = re.compile(r"(?<=def )x\w+__mutmut_(?:orig|\d+)")


@attrs.frozen
class Mutant:
    """What mutmut changes in one place."""

    name: str
    """mutmut's; it holds a number that is another one after a change of the function."""
    function: str
    """``function`` or ``Class.method``."""
    before: str
    """The lines that are changed, without what surrounds them."""
    after: str

    @property
    def is_spelling(self) -> bool:
        """Whether nothing changes but words for people, or the case of what has none."""
        return _plain(self.before) == _plain(self.after)

    def diff(self) -> str:
        """Show the lines as a diff does."""
        return "\n".join(
            [f"    - {line}" for line in self.before.splitlines()]
            + [f"    + {line}" for line in self.after.splitlines()]
        )


def mutants_of(module: str) -> Iterator[Mutant]:
    """Draw up the mutants of a module that lies in the workshop."""
    path = Path(f"src/jobyard/{module}.py")
    here = Path.cwd()
    os.chdir(FOLDER)  # where mutmut reads its settings
    try:
        made = mutate_file_contents(str(path), path.read_text("utf-8"))
    finally:
        os.chdir(here)
    lines = made.code.splitlines()
    for name in made.mutant_names:
        original = f"{name.rpartition('_')[0]}_orig"
        old, new = (
            lines[span.start - 1 : span.end]
            for span in map(made.line_span_by_function_name.__getitem__, (original, name))
        )
        diff = [line for line in ndiff(_body(old), _body(new)) if line[0] in "+-"]
        full = f"jobyard.{module.replace('/', '.')}.{name}"
        yield Mutant(full, _function(name), _side(diff, "-"), _side(diff, "+"))


def _body(lines: list[str]) -> list[str]:
    """Take the mangled name off."""
    return [_MANGLED.sub("", line) for line in lines]


def _function(name: str) -> str:
    """Undo mutmut's mangling: ``x_f__mutmut_1`` or ``xǁClassǁf__mutmut_1``."""
    mangled = name.rpartition("__mutmut_")[0].removeprefix("x")
    return mangled[1:].replace("ǁ", ".")


def _side(diff: list[str], sign: str) -> str:
    return "\n".join(line[1:].strip() for line in diff if line.startswith(sign))


def _plain(code: str) -> str:
    told = _SENTENCE.sub("", _DETAIL.sub("", code))
    return _CASELESS.sub(lambda found: found[0].lower(), told)

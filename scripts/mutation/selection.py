"""Which modules are changed, and which tests have to notice."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

PACKAGES: Final = ("domain", "wire", "services")
CODE: Final = Path("core/jobyard")
TESTS: Final = Path("tests/core")


def all_modules() -> list[str]:
    """List the modules of the three packages, such as ``domain/retry``."""
    found = [path for package in PACKAGES for path in sorted((CODE / package).glob("*.py"))]
    return [
        str(path.relative_to(CODE).with_suffix("")) for path in found if path.stem != "__init__"
    ]


def tests_of(module: str) -> list[Path]:
    """List the test modules that are for a module: its own, and those that import it.

    Where there is none, those that are for the modules that import it.
    """
    waiting, seen = [module], {module}
    while waiting:
        if found := set().union(*(_direct(name) for name in waiting)):
            return sorted(found)
        waiting = [user for user in all_modules() if user not in seen and _uses(user, waiting)]
        seen.update(waiting)
    return []


def _direct(module: str) -> set[Path]:
    package, name = module.split("/")
    own = TESTS / package / f"test_{name}.py"
    near = {
        path for path in (TESTS / package).glob("test_*.py") if _dotted(module) in _imports(path)
    }
    if near or own.exists():
        return near | ({own} if own.exists() else set())
    return {path for path in TESTS.rglob("test_*.py") if _dotted(module) in _imports(path)}


def _uses(user: str, modules: list[str]) -> bool:
    return any(_dotted(module) in _imports(CODE / f"{user}.py") for module in modules)


def _dotted(module: str) -> str:
    return "jobyard." + module.replace("/", ".")


@cache
def _imports(path: Path) -> frozenset[str]:
    return frozenset(_imported(ast.parse(path.read_text("utf-8"))))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)

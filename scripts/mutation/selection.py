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
    """List the test modules that are for a module: its own, and those beside it that import it.

    Those that are for the modules of the package that import it come to them; in ``services/``,
    whose tests take long, only where it has none of its own.
    """
    found, seen, users = _beside(module), {module}, [module]
    enough = module.startswith("services/") and _own(module).exists()
    while users and not enough:
        users = [user for user in all_modules() if user not in seen and _uses(user, users)]
        near = [user for user in users if Path(user).parent == Path(module).parent]
        seen.update(users)
        found |= set().union(*map(_beside, near))
        enough = bool(found) and module.startswith("services/")
    return sorted(found or _anywhere(module))


def _own(module: str) -> Path:
    package, name = module.split("/")
    return TESTS / package / f"test_{name}.py"


def _beside(module: str) -> set[Path]:
    own = _own(module)
    near = {path for path in own.parent.glob("test_*.py") if _dotted(module) in _imports(path)}
    return near | ({own} if own.exists() else set())


def _anywhere(module: str) -> set[Path]:
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

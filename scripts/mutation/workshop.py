"""The folder in which mutmut works, and one run of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

FOLDER: Final = Path(".cache/mutation")
NO_TEST: Final = 33
"""mutmut's code for a mutant that no test reaches."""

_SPINNER: Final = frozenset("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

_CONFTEST: Final = '''"""Make Hypothesis draw the same few examples for each mutant."""

from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "mutation",
    max_examples=40,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],  # a failure is enough, and need not be small
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("mutation")
'''

_SETTINGS: Final = r"""
[tool.mutmut]
source_paths = ["src"]
only_mutate = ["src/jobyard/{module}.py"]
do_not_mutate_patterns = ['LOG\.\w+\(']
also_copy = ["conftest.py"]
pytest_add_cli_args = ["-p", "no:cacheprovider", "--basetemp={scratch}"]
pytest_add_cli_args_test_selection = {tests}
timeout_constant = 3.0
timeout_multiplier = 4.0
track_dependencies = false
use_git_change_detection = false
"""


def prepare(module: str, tests: Sequence[Path]) -> None:
    """Lay out the code and tests of now for mutants of one module, and nothing of an earlier run.

    The code lies in ``src``, since mutmut finds no module's name below a folder called otherwise.
    """
    shutil.rmtree(FOLDER, ignore_errors=True)
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree("core/jobyard", FOLDER / "src/jobyard", ignore=leave)
    shutil.copytree("tests", FOLDER / "tests", ignore=leave)
    (FOLDER / "conftest.py").write_text(_CONFTEST, "utf-8")
    # One database is enough to see a change of the rules.
    chosen = ["-k", "not postgresql", *map(str, tests)]
    scratch = FOLDER.resolve() / "scratch"
    own = _SETTINGS.format(module=module, tests=json.dumps(chosen), scratch=scratch)
    (FOLDER / "pyproject.toml").write_text(Path("pyproject.toml").read_text("utf-8") + own, "utf-8")


def run(module: str, mutants: Sequence[str]) -> dict[str, int | None]:
    """Run the tests against each of the mutants, and answer pytest's exit codes.

    Raises:
        SystemExit: The tests fail without any mutant, too, or mutmut could not run them.
    """
    meta = FOLDER / f"mutants/src/jobyard/{module}.py.meta"
    command = [
        str(Path(sys.executable).with_name("mutmut")),
        "run",
        "--max-children",
        "1",
        *mutants,
    ]
    with (FOLDER / "mutmut.log").open("wb") as log:
        done = subprocess.run(
            command, cwd=FOLDER, stdout=log, stderr=log, env=_environment(), check=False
        )
    if done.returncode:
        said = (FOLDER / "mutmut.log").read_text("utf-8", "replace")
        if "could not find any test case" in said:
            return dict.fromkeys(mutants, NO_TEST)
        print(*(line for line in said.splitlines() if line[:1] not in _SPINNER), sep="\n")
        raise SystemExit(f"{module}: mutmut ended with {done.returncode}")
    codes: dict[str, int | None] = json.loads(meta.read_text("utf-8"))["exit_code_by_key"]
    return {name: codes[name] for name in mutants}


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

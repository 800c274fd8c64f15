import subprocess
import sys

import pytest
from click.testing import CliRunner

import jobyard
from jobyard.cli import cli

HEAVY = {"sqlalchemy", "alembic", "starlette", "uvicorn", "rich", "httpx", "cryptography", "jwt"}


def test_the_version_is_said() -> None:
    done = CliRunner().invoke(cli, ["--version"])

    assert (done.exit_code, done.output) == (0, f"Jobyard {jobyard.__version__}\n")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_every_command(option: str) -> None:
    done = CliRunner().invoke(cli, [option])

    assert done.exit_code == 0
    for name in ("config", "plugins", "serve", "user"):
        assert f"\n  {name} " in done.output


@pytest.mark.parametrize(
    "arguments",
    [["nothing"], ["serve", "--port", "70000"], ["serve", "--zzz"], ["config", "example", "x"]],
)
def test_a_mistake_in_usage_is_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(cli, arguments).exit_code == 2


@pytest.mark.parametrize("text", ["abc", "-1", "65536", "1" * 5000, "\N{ARABIC-INDIC DIGIT ONE}"])
def test_what_is_no_port_is_told_what_one_is(text: str) -> None:
    done = CliRunner().invoke(cli, ["serve", "--port", text])

    assert done.exit_code == 2
    assert "is no port; a number from 0 to 65535 is expected." in done.output


def test_the_package_can_be_run_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jobyard", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout == f"Jobyard {jobyard.__version__}\n"


@pytest.mark.parametrize("module", ["jobyard", "jobyard.cli"])
def test_nothing_heavy_is_imported_before_it_is_needed(module: str) -> None:
    script = f"import sys, {module}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )

    assert HEAVY & set(done.stdout.split()) == set()

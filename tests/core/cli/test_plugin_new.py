from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from jobyard.cli import cli
from jobyard.cli.plugin_new import KINDS


def new(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["plugin", "new", *map(str, arguments)])


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_of_each_kind_is_whole(kind: str, tmp_path: Path) -> None:
    target = tmp_path / "package"

    done = new(kind, "shelf-two", target)

    assert done.exit_code == 0, done.output
    document = tomllib.loads((target / "pyproject.toml").read_text())
    module = f"jobyard_{kind}_shelf_two"
    assert document["project"]["name"] == f"jobyard-{kind}-shelf-two"
    assert document["project"]["entry-points"] == {f"jobyard.{kind}": {"shelf-two": module}}
    files = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
    assert {
        *("pyproject.toml", "README.md", "LICENSE", "ci.sh", ".gitignore"),
        *(f"{module}/{each}" for each in ("__init__.py", "backend.py", "py.typed")),
        *("tests/test_conformance.py", "tests/test_backend.py"),
    } <= files
    for file in files:
        text = (target / file).read_text()
        assert "{{" not in text
        assert "{%" not in text
        if file.endswith(".py"):
            ast.parse(text)


def test_a_provider_of_the_template_announces_itself_without_its_backend(tmp_path: Path) -> None:
    new("storage", "shelf", tmp_path / "package")
    code = (
        "import sys, jobyard_storage_shelf as each; (one,) = each.jobyard_storage_providers();"
        "assert one.name == 'shelf';"
        "assert 'jobyard_storage_shelf.backend' not in sys.modules"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "package", capture_output=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, b"")


def test_a_folder_that_is_empty_is_filled_and_one_that_is_not_is_left_alone(
    tmp_path: Path,
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "file").write_text("mine")

    assert new("auth", "paper", tmp_path / "empty").exit_code == 0
    full, file = new("auth", "paper", tmp_path / "full"), new("auth", "paper", tmp_path / "file")

    assert (full.exit_code, file.exit_code) == (2, 2)
    assert "is not empty" in full.output
    assert "is no folder" in file.output
    assert [each.name for each in (tmp_path / "full").iterdir()] == ["mine"]


def test_without_a_folder_it_is_made_in_one_of_the_distributions_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    done = new("auth", "paper")

    assert "jobyard-auth-paper is in jobyard-auth-paper" in done.output
    assert (tmp_path / "jobyard-auth-paper" / "pyproject.toml").is_file()
    assert [each.name for each in tmp_path.iterdir()] == ["jobyard-auth-paper"]


@pytest.mark.parametrize("arguments", [("auth", "Paper"), ("auth", ".."), ("observers", "paper")])
def test_what_cannot_be_made_is_a_wrong_use(arguments: tuple[str, str], tmp_path: Path) -> None:
    assert new(*arguments, tmp_path / "package").exit_code == 2
    assert not (tmp_path / "package").exists()


def test_the_name_of_an_installed_plugin_is_warned_of(tmp_path: Path) -> None:
    done = new("auth", "local", tmp_path / "package")

    assert done.exit_code == 0
    assert "a auth plugin" not in done.stderr
    assert "there is an auth plugin 'local' already" in done.stderr.lower()


def test_without_copier_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "copier", None)

    done = new("auth", "paper", tmp_path / "package")

    assert done.exit_code == 1
    assert 'pip install "jobyard[develop]"' in done.stderr
    assert not (tmp_path / "package").exists()


def test_the_template_engine_costs_no_other_command_anything() -> None:
    code = "import sys, jobyard.cli; sys.exit('copier' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

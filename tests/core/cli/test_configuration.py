from pathlib import Path

import orjson
import pytest
import yaml
from click.testing import CliRunner, Result

from jobyard.cli import cli


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["config", *map(str, arguments)])


@pytest.fixture
def bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("f.yaml").write_text("boards: {}\nauth: [ldpa]\nrest-server: {jwt-secret: hunter2}\n")
    return Path("f.yaml")


@pytest.fixture
def good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("f.yaml").write_text("auth: local\nrest-server: {jwt-secret: hunter2}\nwebportal:\n")
    return Path("f.yaml")


def test_a_bad_file_has_its_problems_printed_one_a_line_and_ends_with_2(bad: Path) -> None:
    done = run("check", bad)

    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "f.yaml:1:1: boards: unknown key; did you mean 'board'?",
        (
            "f.yaml:2:8: auth[0]: no auth plugin 'ldpa' is installed; installed: ldap, local; "
            "did you mean 'ldap'?"
        ),
    ]


def test_a_good_file_is_said_to_be_good_and_its_warnings_are_told(good: Path) -> None:
    done = run("check", good)

    assert (done.exit_code, done.stdout) == (0, "f.yaml: good\n")
    assert len(done.stderr.splitlines()) == 3
    assert "hunter2" not in done.output


def test_a_file_that_is_not_there_is_2(tmp_path: Path) -> None:
    done = run("check", tmp_path / "none.yaml")

    assert done.exit_code == 2
    assert done.stderr == f"cannot read {tmp_path / 'none.yaml'}: No such file or directory\n"


def test_without_a_file_the_defaults_are_checked() -> None:
    assert run("check").exit_code == 0


def test_what_is_in_force_is_shown_without_secrets(good: Path) -> None:
    done = run("show", good)
    document = yaml.safe_load(done.stdout)

    assert done.exit_code == 0
    assert document["rest-server"]["jwt-secret"] == ["********"]
    assert document["auth"] == [{"local": {}}]


def test_a_bad_file_is_not_shown(bad: Path) -> None:
    done = run("show", bad)

    assert (done.exit_code, done.stdout) == (2, "")


def test_the_example_is_good(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(run("example").stdout)

    assert run("check", tmp_path / "f.yaml").exit_code == 0


def test_the_example_of_one_plugin_is_its_section() -> None:
    assert run("example", "storage", "local").stdout.startswith("storage:\n")


def test_the_example_of_a_plugin_that_is_not_there_is_2() -> None:
    done = run("example", "storage", "locla")

    assert done.exit_code == 2
    assert done.stderr.startswith("jobyard: no storage plugin 'locla' is installed")


def test_a_kind_alone_asks_for_a_name() -> None:
    done = run("example", "auth")

    assert done.exit_code == 2
    assert "which auth plugin?" in done.stderr


def test_the_schema_is_json() -> None:
    assert "rest-server" in orjson.loads(run("schema").stdout)["properties"]

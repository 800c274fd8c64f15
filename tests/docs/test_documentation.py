import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest

import jobyard
from tests.docs.session import Outcome, Step, blocks, play, session_of

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
ADDRESS: Final = "http://127.0.0.1:9186"
SESSIONS: Final = [page for page in PAGES if session_of(page.read_text())]
CONFIGURATIONS: Final = [
    (page, block)
    for page in PAGES
    # Those of the pages for plugin authors choose the plugins that these pages make.
    if ROOT / "docs" / "plugins" not in page.parents
    for block in blocks(page.read_text(), "yaml")
]


def relative(page: object) -> str:
    return str(page.relative_to(ROOT)) if isinstance(page, Path) else ""


def test_the_pages_that_have_sessions() -> None:
    assert [relative(page) for page in SESSIONS] == [
        "README.md",
        "docs/callers/first-day.md",
        "docs/callers/lists.md",
    ]


@pytest.mark.parametrize("page", SESSIONS, ids=relative)
def test_a_session_does_what_its_page_shows(page: Path, gateway: str, tmp_path: Path) -> None:
    steps = [
        Step(step.command.replace(ADDRESS, gateway), step.shown)
        for step in session_of(page.read_text())
    ]
    outcomes = play(steps, tmp_path, timeout=120)

    bad = [outcome for outcome in outcomes if not outcome.good]
    assert list(map(told, bad)) == []


def told(outcome: Outcome) -> str:
    return f"$ {outcome.step.command}\n{outcome.output}\nexit code {outcome.exit_code}"


@pytest.mark.parametrize(("page", "block"), CONFIGURATIONS, ids=relative)
def test_a_shown_configuration_is_good(page: Path, block: str, tmp_path: Path) -> None:
    file = tmp_path / "services-configuration.yaml"
    file.write_text(block)
    done = subprocess.run(
        [sys.executable, "-m", "jobyard", "config", "check", str(file)],
        env={"JOBYARD_ADMIN_PASSWORD": "a good one", "JOBYARD_LDAP_PASSWORD": "another"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (0, relative(page)) == (done.returncode, relative(page)), done.stderr


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", page.read_text())

    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("job", sorted(ROOT.glob("examples/*/job.json")), ids=relative)
def test_an_example_is_named_as_its_folder(job: Path) -> None:
    assert job.parent.name == json.loads(job.read_text())["jobName"]


def test_the_version_is_the_same_everywhere() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    released = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert declared == jobyard.__version__
    assert released == [] or declared == released[0]

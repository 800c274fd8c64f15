"""The auth backends of this repository, held against the suite that plugin authors use."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Final, NoReturn

import pytest

from jobyard.database.store import SqlStore
from jobyard.errors import Unavailable
from jobyard.seams.provider import Seam
from jobyard.testing import AuthConformance, outcome_of, provider_named
from jobyard.testing.fakes.auth import FAKE_AUTH
from tests.conformance.fake_users import FakeFixtures
from tests.plugins.site import Site

PAGE: Final = Path(__file__).resolve().parents[2] / "docs/plugins/auth.md"


class TestLocal(AuthConformance):
    provider = provider_named(Seam.AUTH, "local")

    @pytest.fixture
    def outage(self) -> AbstractContextManager[object]:
        @contextmanager
        def without_database() -> Iterator[None]:
            async def gone(_: SqlStore, __: object) -> NoReturn:
                raise Unavailable("the database does not answer")

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(SqlStore, "read", gone)
                patch.setattr(SqlStore, "write", gone)
                yield

        return without_database()


class TestFake(FakeFixtures):
    provider = FAKE_AUTH


def _files_of_the_page() -> dict[str, str]:
    """Give what stands in a block of the page under a line that is a file's name alone."""
    found = re.findall(
        r"^`([\w.]+)`\n\n```\w+\n(.*?)```$", PAGE.read_text(), re.DOTALL | re.MULTILINE
    )
    return dict(found)


def test_the_plugin_of_the_page_is_whole_and_passes_the_suite(tmp_path: Path) -> None:
    files = _files_of_the_page()
    project = tomllib.loads(files["pyproject.toml"])["project"]
    [(name, module)] = project["entry-points"]["jobyard.auth"].items()
    # What a hash costs is the page's business.
    source = files[f"{module}.py"].replace("n=2**14", "n=2**4")
    site = Site(tmp_path)
    site.install(source, name=name, module=module, distribution=str(project["name"]))
    (tmp_path / "site" / "test_lines.py").write_text(files["test_lines.py"])

    with site.on_the_path():
        outcome = outcome_of(import_module("test_lines").TestLines)

    assert outcome.failures == {}
    assert "test_an_outage_is_never_an_unknown_user" in outcome.passed

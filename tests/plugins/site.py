"""A folder of installed distributions, as pip leaves them, with plugins that a test writes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from importlib import invalidate_caches
from pathlib import Path
from textwrap import dedent
from typing import Final

from attrs import frozen

from jobyard.config.loading import load
from jobyard.errors import ConfigError
from jobyard.registry import Registry
from jobyard.seams.provider import Seam

HEAD: Final = """
from contextlib import asynccontextmanager

import anyio
from attrs import frozen

from jobyard import errors, hookimpl
from jobyard.schema import option
from jobyard.seams import provider as seam


@frozen
class Settings:
    file: str = option(default="users", doc="Where it is.")


@asynccontextmanager
async def opened(settings, context):
    yield object()


@hookimpl
def jobyard_auth_providers():
    return [provider()]


def provider(name="paper", api=1, config=Settings, open=None):
    return seam.auth_provider(
        name=name, api=api, summary="Paper.", config=config, open=open or opened
    )
"""
"""A good provider ``paper`` of the auth seam; a test replaces what it breaks."""


@frozen
class Run:
    """Be how a command ended."""

    code: int
    out: str
    err: str


@frozen
class Site:
    """Be the folder, and one for a configuration beside it."""

    folder: Path

    def install(
        self,
        source: str,
        *,
        name: str = "paper",
        seam: Seam = Seam.AUTH,
        distribution: str = "acme-paper",
        module: str = "acme_paper",
    ) -> None:
        """Install a distribution 1.2 whose module announces one plugin."""
        info = self.folder / "site" / f"{module}-1.2.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n"
        )
        (info / "entry_points.txt").write_text(f"[{seam.entry_point_group}]\n{name} = {module}\n")
        (self.folder / "site" / f"{module}.py").write_text(dedent(source))

    def configure(self, text: str) -> None:
        """Write the configuration."""
        (self.folder / "conf.yaml").write_text(text)

    def command(self, *arguments: str) -> list[str]:
        """Give the command line that sees this site."""
        script = f"import sys; sys.path.append({str(self.folder / 'site')!r})"
        return [sys.executable, "-c", f"{script}\nfrom jobyard.cli import main\nmain()", *arguments]

    def run(self, *arguments: str) -> Run:
        """Run ``jobyard`` to its end."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Run(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def on_the_path(self) -> Iterator[None]:
        """Let this process see the site while the block runs."""
        place = str(self.folder / "site")
        before = {*sys.modules}
        sys.path.append(place)
        try:
            yield
        finally:
            sys.path.remove(place)
            for name in {*sys.modules} - before:
                if str(getattr(sys.modules[name], "__file__", None)).startswith(place):
                    del sys.modules[name]

    def problems(self) -> list[str]:
        """Give the lines that whoever loads the configuration is told."""
        invalidate_caches()
        with chdir(self.folder):
            try:
                load(Path("conf.yaml"), Registry(), {})
            except ConfigError as error:
                return str(error).splitlines()
        return []

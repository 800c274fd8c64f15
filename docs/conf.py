"""Build the documentation: ``sphinx-build -W docs docs/_build/html``."""

from __future__ import annotations

from importlib.metadata import version as version_of
from typing import Final

from sphinx.application import Sphinx

from jobyard.config.reference import reference
from jobyard.hook_reference import hook_reference

project = "Jobyard"
author = "The Jobyard authors"
project_copyright = "the Jobyard authors"
release = version_of("jobyard")
version = release

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
nitpicky = True

html_theme = "furo"
html_title = f"Jobyard {release}"
html_show_sphinx = False

REFERENCE_MARK: Final = "<!-- the reference is put here by conf.py -->"


def put_reference(_app: Sphinx, name: str, source: list[str]) -> None:
    """Put the references that the code itself gives where a page asks for them."""
    if name == "deployers/configuration":
        source[0] = source[0].replace(REFERENCE_MARK, reference())
    elif name == "plugins/observers":
        source[0] = source[0].replace(REFERENCE_MARK, hook_reference())


def setup(app: Sphinx) -> None:
    """Connect what this file adds to Sphinx."""
    app.connect("source-read", put_reference)

"""Jobyard: a REST gateway that takes jobs for shared GPU and CPU clusters."""

from __future__ import annotations

from jobyard._version import __version__
from jobyard.hookspecs import hookimpl

__all__ = ["__version__", "hookimpl"]

"""Fake plugins: entry points whose modules are made in a test."""

import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from importlib.metadata import Distribution, EntryPoint
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import attrs
import pytest
from attrs import frozen

import jobyard
from jobyard.registry import Registry
from jobyard.schema import option
from jobyard.seams.context import Context
from jobyard.seams.provider import Capability, Provider, Seam
from jobyard.seams.storage import StorageSettings
from jobyard.secret import Secret

HOOKS = {
    Seam.AUTH: "jobyard_auth_providers",
    Seam.SCHEDULING: "jobyard_scheduling_providers",
    Seam.STORAGE: "jobyard_storage_providers",
    Seam.OBSERVERS: "jobyard_observer_providers",
}


class FakeDistribution(Distribution):
    def __init__(self, name: str, version: str) -> None:
        self._text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"

    def read_text(self, filename: str) -> str | None:
        return self._text if filename == "METADATA" else None

    def locate_file(self, path: str | PathLike[str]) -> Path:
        return Path(path)


def entry_point(
    seam: Seam, name: str, value: str, distribution: str = "acme-plugins", version: str = "1.2"
) -> EntryPoint:
    point = EntryPoint(name, value, seam.entry_point_group)
    vars(point).update(dist=FakeDistribution(distribution, version))
    return point


def never_opened(_settings: object, _context: Context) -> AbstractAsyncContextManager[NoReturn]:
    raise AssertionError("nothing is opened here")


def provider(
    seam: Seam, name: str, config: type[attrs.AttrsInstance], api: int = 1
) -> Provider[object]:
    return Provider(
        seam=seam,
        name=name,
        api=api,
        summary=f"A fake {seam.value} called {name}.",
        config=config,
        capabilities=frozenset({Capability.USERS}),
        open=never_opened,
    )


def announcing(seam: Seam, announce: Callable[[], Iterable[object]]) -> ModuleType:
    module = ModuleType("fake")
    setattr(module, HOOKS[seam], jobyard.hookimpl(announce))
    return module


@frozen
class Nothing:
    pass


@frozen
class NoStorageOptions(StorageSettings):
    pass


@frozen
class Directory:
    urls: tuple[str, ...] = option(min_length=1, pattern=r"ldaps?://.+", doc="Where it is.")
    bind_password: Secret | None = option(default=None, doc="How to get in.")
    page: int = option(default=100, minimum=1, doc="Entries at once.")


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[..., EntryPoint]:
    """Install a fake plugin: put its module where an import finds it."""

    def install_one(
        seam: Seam, name: str, config: type[attrs.AttrsInstance] = Nothing, api: int = 1
    ) -> EntryPoint:
        value = f"fake_{seam.value}_{name}".replace("-", "_")
        module = announcing(seam, lambda: [provider(seam, name, config, api)])
        monkeypatch.setitem(sys.modules, value, module)
        return entry_point(seam, name, value)

    return install_one


@pytest.fixture
def registry(install: Callable[..., EntryPoint]) -> Registry:
    """Give a registry with the embedded names, a directory, and an observer."""
    return Registry(
        [
            install(Seam.AUTH, "local"),
            install(Seam.AUTH, "ldap", Directory),
            install(Seam.SCHEDULING, "local"),
            install(Seam.STORAGE, "local", NoStorageOptions),
            install(Seam.OBSERVERS, "notify", Nothing),
        ]
    )

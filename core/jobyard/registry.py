"""Find plugins by their entry points, and import the ones that were named, alone.

An entry point in the group ``jobyard.auth``, ``jobyard.scheduling``, ``jobyard.storage`` or
``jobyard.observers`` announces a provider under its name; its object is a pluggy plugin, which
is asked by its hook. A plugin that nobody chose is never imported, so it cannot break anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, metadata
from typing import Final, TypeVar

import pluggy
from attrs import frozen

from jobyard import hookspecs
from jobyard.errors import Incompatible, LoadError, PluginError
from jobyard.seams.provider import API_VERSIONS, AnyProvider, Provider, Seam
from jobyard.seams.storage import StorageSettings
from jobyard.wire.wording import nearest

T = TypeVar("T")

_HOOKS: Final[dict[Seam, str]] = {
    Seam.AUTH: "jobyard_auth_providers",
    Seam.SCHEDULING: "jobyard_scheduling_providers",
    Seam.STORAGE: "jobyard_storage_providers",
    Seam.OBSERVERS: "jobyard_observer_providers",
}
_EXTRAS: Final = {
    "httpx": "hdfs",
    "ldap": "ldap",
    "ldap3": "ldap",
    "kubernetes": "kubernetes",
    "lightkube": "kubernetes",
    "psycopg": "postgres",
    "gssapi": "kerberos",
    "kerberos": "kerberos",
    "krb5": "kerberos",
    "spnego": "kerberos",
}


@frozen
class Installed:
    """Be one announced plugin.

    ``chosen`` tells whether somebody asked for it; ``summary`` and ``capabilities`` are known
    once it was imported, and ``problem`` says why it cannot be used, if that is known.
    """

    seam: Seam
    name: str
    distribution: str
    version: str
    chosen: bool = False
    summary: str | None = None
    capabilities: tuple[str, ...] = ()
    problem: str | None = None


class Registry:
    """Know which plugins are installed, and load those that are asked for."""

    def __init__(self, entry_points: Iterable[EntryPoint] | None = None) -> None:
        found = _installed() if entry_points is None else tuple(entry_points)
        self._entries = _without_twins(found)
        self._loaded: dict[tuple[Seam, str], AnyProvider | PluginError] = {}
        self._chosen: set[tuple[Seam, str]] = set()

    def names(self, seam: Seam) -> tuple[str, ...]:
        """Give the names of a seam's plugins, sorted, without importing any."""
        return tuple(sorted({entry.name for entry in self._of(seam)}))

    def provider(self, seam: Seam, name: str) -> AnyProvider:
        """Give the provider of a name, importing its plugin the first time.

        Raises:
            LoadError: It is not installed, installed twice, or broken.
            Incompatible: It was written for another version of its seam.
        """
        self._chosen.add((seam, name))
        return self._probe(seam, name)

    def describe(self, *, probe: bool = False) -> tuple[Installed, ...]:
        """Describe every installed plugin, in the order of seams and names.

        With ``probe`` each is imported, so that all problems show; without it nothing is.
        """
        if probe:
            for seam in Seam:
                for name in self.names(seam):
                    self._outcome(seam, name)
        return tuple(
            self._describe(seam, entry)
            for seam in Seam
            for entry in sorted(self._of(seam), key=lambda entry: (entry.name, _origin(entry)))
        )

    def _of(self, seam: Seam) -> tuple[EntryPoint, ...]:
        return tuple(each for each in self._entries if each.group == seam.entry_point_group)

    def _probe(self, seam: Seam, name: str) -> AnyProvider:
        outcome = self._outcome(seam, name)
        if isinstance(outcome, PluginError):
            raise outcome
        return outcome

    def _outcome(self, seam: Seam, name: str) -> AnyProvider | PluginError:
        if (seam, name) not in self._loaded:
            try:
                self._loaded[seam, name] = _load(seam, self._entry(seam, name))
            except PluginError as error:
                self._loaded[seam, name] = error
        return self._loaded[seam, name]

    def _entry(self, seam: Seam, name: str) -> EntryPoint:
        found = [each for each in self._of(seam) if each.name == name]
        if len(found) == 1:
            return found[0]
        if found:
            both = " and ".join(_origin(entry) for entry in found)
            message = f"{both} both announce the {seam.value} plugin '{name}': uninstall one"
            raise LoadError(name, message)
        raise LoadError(name, self._unknown(seam, name))

    def _unknown(self, seam: Seam, name: str) -> str:
        names = self.names(seam)
        near = nearest(name, names)
        known = ", ".join(names) or "none"
        message = f"no {seam.value} plugin '{name[:200]}' is installed; installed: {known}"
        if near is not None:
            return f"{message}; did you mean '{near}'?"
        hint = _install(_EXTRAS.get(name))
        return message if hint is None else f"{message}; {hint}"

    def _describe(self, seam: Seam, entry: EntryPoint) -> Installed:
        outcome = self._loaded.get((seam, entry.name))
        provider = outcome if isinstance(outcome, Provider) else None
        distribution, version = _distribution(entry)
        return Installed(
            seam=seam,
            name=entry.name,
            distribution=distribution,
            version=version,
            chosen=(seam, entry.name) in self._chosen,
            summary=provider.summary if provider else None,
            capabilities=tuple(sorted(provider.capabilities)) if provider else (),
            problem=outcome.message if isinstance(outcome, PluginError) else None,
        )


def remedy(error: BaseException) -> str | None:
    """Say which extra brings a module that is missing, if one of Jobyard's own does."""
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return None
    return _install(_EXTRAS.get(error.name.partition(".")[0]))


def _install(extra: str | None) -> str | None:
    if extra is None or extra not in _extras():
        return None
    return f'try: pip install "jobyard[{extra}]"'


def _extras() -> frozenset[str]:
    try:
        return frozenset(metadata("jobyard").get_all("Provides-Extra") or ())
    except PackageNotFoundError:
        # Run from a source tree that is not installed.
        return frozenset()


def _installed() -> tuple[EntryPoint, ...]:
    return tuple(each for seam in Seam for each in entry_points(group=seam.entry_point_group))


def _without_twins(found: Iterable[EntryPoint]) -> tuple[EntryPoint, ...]:
    """Leave out what one distribution announces twice: it lies on the path twice."""
    unique = {(each.group, each.name, each.value, _distribution(each)[0]): each for each in found}
    return tuple(unique.values())


def _distribution(entry: EntryPoint) -> tuple[str, str]:
    if entry.dist is None:
        return "unknown", "unknown"
    return entry.dist.name, entry.dist.version


def _origin(entry: EntryPoint) -> str:
    name, version = _distribution(entry)
    return f"{name} {version}"


def _load(seam: Seam, entry: EntryPoint) -> AnyProvider:
    plugin: object = _foreign(entry, "cannot be imported", entry.load)
    announced = _foreign(entry, "cannot be asked what it provides", lambda: _ask(seam, plugin))
    for each in announced:
        if not isinstance(each, Provider):
            raise _broken(entry, f"announces {type(each).__name__} where a provider is expected")
    providers = [each for each in announced if isinstance(each, Provider)]
    named = [each for each in providers if each.name == entry.name]
    if len(named) != 1:
        what = ", ".join(repr(each.name) for each in providers) or "nothing"
        raise _broken(entry, f"announces {what} under the name '{entry.name}' in {entry.value}")
    _check(seam, entry, named[0])
    return named[0]


def _ask(seam: Seam, plugin: object) -> list[object]:
    # A manager of its own for each, so that no plugin answers in the name of another.
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin)
    manager.check_pending()
    answers: list[Iterable[object]] = getattr(manager.hook, _HOOKS[seam])()
    return [provider for answer in answers for provider in answer]


def _foreign(entry: EntryPoint, what: str, call: Callable[[], T]) -> T:
    try:
        return call()
    except (Exception, SystemExit) as error:
        cause = f"{type(error).__name__}: {error}"
        hint = remedy(error)
        message = f"{what}: {cause}" if hint is None else f"{what}: {cause}; {hint}"
        raise _broken(entry, message) from error


def _broken(entry: EntryPoint, message: str) -> LoadError:
    return LoadError(entry.name, f"the plugin '{entry.name}' of {_origin(entry)} {message}")


def _check(seam: Seam, entry: EntryPoint, provider: AnyProvider) -> None:
    if provider.seam is not seam:
        raise _broken(entry, f"is announced as {seam.value}, but provides {provider.seam.value}")
    if seam is Seam.STORAGE and not issubclass(provider.config, StorageSettings):
        raise _broken(entry, f"has settings that derive from no {StorageSettings.__name__}")
    speaks = API_VERSIONS[seam]
    if provider.api in {speaks, max(1, speaks - 1)}:
        return
    upgrade = "Jobyard" if provider.api > speaks else _distribution(entry)[0]
    raise Incompatible(
        entry.name,
        f"the plugin '{entry.name}' of {_origin(entry)} was written for version {provider.api} "
        f"of the {seam.value} seam, and this Jobyard speaks {speaks}: upgrade {upgrade}",
    )

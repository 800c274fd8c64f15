"""Load the configuration: the file, the settings in it, and the providers that it chooses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Generic, TypeVar, cast

import attrs
from attrs import evolve, field, frozen

from jobyard.config.advice import advise
from jobyard.config.choice import Choice
from jobyard.config.decode import Decoder, Failed, Surroundings, locate
from jobyard.config.document import EMPTY, LARGEST_FILE, MapNode, Place, compose
from jobyard.config.foreign import without_foreign
from jobyard.config.settings import Settings
from jobyard.config.shapes import section_of
from jobyard.errors import ConfigError, PluginError, Problem
from jobyard.registry import Registry
from jobyard.seams.auth import Authenticator
from jobyard.seams.provider import AnyProvider, Provider, Seam, narrowed
from jobyard.seams.scheduling import Scheduler
from jobyard.seams.storage import Storage
from jobyard.wire.wording import key_path

B = TypeVar("B")

_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - a configured gateway is there to be reached
_LOOPBACK: Final = "127.0.0.1"
_TOP: Final = Place(1, 1)


@frozen
class Chosen(Generic[B]):
    """Be a provider with the settings to open it with.

    ``label`` is its name where people and logs read it, unique within its seam.
    """

    provider: Provider[B]
    config: attrs.AttrsInstance
    label: str


@frozen
class Loaded:
    """Be all that was configured; ``notices`` are for whoever starts the gateway."""

    settings: Settings
    auth: tuple[Chosen[Authenticator], ...]
    scheduling: Chosen[Scheduler]
    storage: Chosen[Storage]
    observers: tuple[Chosen[object], ...] = ()
    notices: tuple[str, ...] = ()
    source: str | None = field(default=None)
    """The file that it comes from, if any."""


def load(path: Path | None, registry: Registry, env: Mapping[str, str]) -> Loaded:
    """Load a file, or with ``None`` the defaults, where everything is embedded.

    Raises:
        ConfigError: All that is wrong with the file, its providers' settings included.
    """
    source = "configuration" if path is None else str(path)
    root = EMPTY if path is None else compose(source, _content(source, path))
    root, notices = without_foreign(root)
    # A copy, since the environment itself chokes on names that it could not hold.
    surroundings = Surroundings(dict(env), Path() if path is None else path.absolute().parent)
    loader = _Loader(registry, surroundings)
    loaded = loader.load(root)
    if loaded is None:
        raise ConfigError(source, _in_order(loader.decoder.problems))
    warnings = (str(ConfigError(source, [each])) for each in _in_order(loader.decoder.warnings))
    server = loaded.settings.rest_server
    host = server.server_host or (_LOOPBACK if path is None else _EVERYWHERE)
    return evolve(
        loaded,
        settings=evolve(loaded.settings, rest_server=evolve(server, server_host=host)),
        notices=(*notices, *warnings),
        source=None if path is None else source,
    )


class _Loader:
    """Decode in two steps that report together: the settings, then the providers' own."""

    def __init__(self, registry: Registry, surroundings: Surroundings) -> None:
        self.decoder = Decoder(surroundings)
        self._registry = registry
        self._chosen: dict[str, Chosen[object]] = {}

    def load(self, root: MapNode) -> Loaded | None:
        """Give what is configured, or ``None`` where the decoder has problems to tell."""
        settings: Settings | None = None
        with suppress(Failed):
            settings = cast(Settings, self.decoder.section(root, section_of(Settings), ""))
        for choice in self.decoder.choices if settings is None else _choices(settings):
            self._choose(choice)
        if settings is not None:
            self._advise(settings, root)
        if settings is None or self.decoder.problems:
            return None
        return Loaded(
            settings=settings,
            auth=tuple(cast(Chosen[Authenticator], self._of(each)) for each in settings.auth),
            scheduling=cast(Chosen[Scheduler], self._of(settings.scheduling)),
            storage=cast(Chosen[Storage], self._of(settings.storage)),
            observers=tuple(self._of(choice) for choice in settings.observers),
        )

    def _choose(self, choice: Choice) -> None:
        seam = Seam(choice.path.partition("[")[0])
        place = choice.place or _TOP
        try:
            provider = self._registry.provider(seam, choice.name)
        except PluginError as error:
            self.decoder.problem(choice.path, error.message, place)
            return
        try:
            self._configure(choice, provider, place)
        except Failed:
            pass
        except (TypeError, NameError, AttributeError) as error:
            message = f"the settings of '{choice.name}' cannot be read from their class: {error}"
            self.decoder.problem(choice.path, message, place)

    def _configure(self, choice: Choice, provider: AnyProvider, place: Place) -> None:
        path = key_path(choice.path, choice.name)
        section = section_of(provider.config)
        config = self.decoder.section(evolve(choice.settings, place=place), section, path)
        seam = provider.seam
        rivals = {
            where: chosen
            for where, chosen in self._chosen.items()
            if chosen.provider.seam is seam and chosen.provider.name == provider.name
        }
        for where, chosen in rivals.items():
            if chosen.config == config:
                raise self.decoder.problem(choice.path, f"{where} is the same", place)
        label = provider.name if not rivals else f"{provider.name}-{len(rivals) + 1}"
        left = narrowed(cast(Provider[object], provider), config)
        self._chosen[choice.path] = Chosen(left, config, label)

    def _of(self, choice: Choice) -> Chosen[object]:
        return self._chosen[choice.path]

    def _advise(self, settings: Settings, root: MapNode) -> None:
        for advice in advise(settings):
            # The file may have the section under its other name.
            spelt = advice.path.replace("rest-server", "restserver", 1)
            written = root.get("restserver") is not None
            place = locate(root, spelt if written else advice.path)
            note = self.decoder.problem if advice.fatal else self.decoder.warning
            note(advice.path, advice.message, place)


def _choices(settings: Settings) -> Iterable[Choice]:
    return (*settings.auth, settings.scheduling, settings.storage, *settings.observers)


def _content(source: str, path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "that is no path"
        message = f"cannot read {source}: {why or type(error).__name__}"
        raise ConfigError(source, [Problem("", message)]) from error


def _in_order(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda each: (each.line or 0, each.column or 0))

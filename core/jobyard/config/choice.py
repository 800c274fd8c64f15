"""The choice of a provider, before anybody has looked whether there is one."""

from __future__ import annotations

from attrs import field, frozen

from jobyard.config.document import EMPTY, MapNode, Place


@frozen
class Choice:
    """Be the name of a provider and its settings as the file has them.

    The settings are decoded when the provider, and with it their class, is known. ``path`` is
    where the choice stands, such as ``auth[1]``; ``place`` is ``None`` where it is a default.
    """

    name: str
    settings: MapNode = field(default=EMPTY, repr=False)
    path: str = ""
    place: Place | None = None

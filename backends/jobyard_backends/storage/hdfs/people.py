"""Who somebody is in HDFS, and which folders are whose."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from jobyard.domain.identity import SYSTEM, Actor
from jobyard.seams.storage import NotPermitted

HOMES: Final = ("/user", "/Output", "/Container")
"""The folders whose folders belong to users."""


@frozen
class People:
    """Tell who is asked for: administrators and the gateway act as its own user, a superuser.

    Nobody acts under a ``reserved`` name, however it came to be an account: it would be taken
    for somebody whom no permission holds.
    """

    reserved: frozenset[str]

    def user(self, actor: Actor) -> str | None:
        """Give the user whom HDFS is told; ``None`` is the gateway's own.

        Raises:
            NotPermitted: The name is that of a superuser.
        """
        if actor.admin:
            return None
        if actor.account in self.reserved:
            message = f"Permission denied: {actor.account} is a user of HDFS itself"
            raise NotPermitted(message)
        return actor.account

    def owner(self, actor: Actor) -> str | None:
        """Give who has to be made the owner of what was made; ``None`` where that is so anyway."""
        return actor.account if actor.admin and actor != SYSTEM else None


def home_of(path: str, actor: Actor) -> str | None:
    """Give the folder of the actor's own in which a path lies, if it does."""
    if actor == SYSTEM:
        return None
    homes = (f"{root}/{actor.account}" for root in HOMES)
    return next((home for home in homes if f"{path}/".startswith(f"{home}/")), None)

"""YARN's API of services, on whichever ResourceManager is active."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol
from urllib.parse import quote

from jobyard.errors import Rejected
from jobyard_backends.scheduling.yarn.resource_manager.client import Question, ResourceManagers
from jobyard_backends.scheduling.yarn.services.service import Service, service

_PATH: Final = "/app/v1/services"
_NOT_FOUND: Final = 404
_TAKEN: Final = "is already taken"
_ABSENT: Final = ("doesn't exist", "not found")


class Services(Protocol):
    """Make, find and remove services, each as the user whose job it is.

    Each raises ``Unavailable`` where nobody knows.
    """

    async def create(self, document: Mapping[str, object], user: str) -> None:
        """Make a service, or raise ``Rejected``; one that is there is good."""
        ...

    async def find(self, name: str, user: str) -> Service | None:
        """Give a service, or ``None`` where there is none."""
        ...

    async def destroy(self, name: str, user: str) -> None:
        """End a service and forget it; one that is not there is good."""
        ...


class YarnServices:
    """Ask YARN; implements :class:`Services`."""

    def __init__(self, managers: ResourceManagers) -> None:
        self._managers = managers

    async def create(self, document: Mapping[str, object], user: str) -> None:
        """Make a service; one that is there is good.

        Raises:
            Rejected: YARN will not have it.
            Unavailable: Nobody knows whether it is there.
        """
        try:
            await self._managers.ask(
                Question("POST", _PATH, document=document, user=user, repeatable=False)
            )
        except Rejected as error:
            if _TAKEN not in error.message:
                raise

    async def find(self, name: str, user: str) -> Service | None:
        """Give a service, or ``None`` where there is none."""
        try:
            return service(await self._managers.read(_path(name), user=user))
        except Rejected as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    async def destroy(self, name: str, user: str) -> None:
        """End a service and forget it; one that is not there is good."""
        try:
            await self._managers.ask(Question("DELETE", _path(name), user=user))
        except Rejected as error:
            if error.status != _NOT_FOUND and not any(each in error.message for each in _ABSENT):
                raise


def _path(name: str) -> str:
    return f"{_PATH}/{quote(name, safe='')}"

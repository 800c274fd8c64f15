"""Users in memory with bad manners: they block, leak, tell, and do not let go."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import ClassVar

import anyio
from anyio.lowlevel import checkpoint

from jobyard.domain.identity import Identity, Lookup
from jobyard.errors import Conflict
from jobyard.seams.auth import CredentialsRejected, UserChange
from jobyard.secret import Secret
from jobyard.testing import FakeAuth
from tests.conformance.auth_mutants import caught_by


@caught_by("test_the_event_loop_is_never_blocked")
class BlocksWhileHashing(FakeAuth):
    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        end = time.thread_time() + 0.08
        while time.thread_time() < end:
            pass
        return await super().authenticate(username, password)


@caught_by("test_the_event_loop_is_never_blocked")
class BlocksWhileWaiting(FakeAuth):
    async def find(self, username: str) -> Lookup:
        time.sleep(0.08)  # noqa: ASYNC251 - that is what is wrong
        return await super().find(username)


@caught_by("test_a_use_leaves_nothing_open")
class LeaksATask(FakeAuth):
    _tasks: ClassVar[list[asyncio.Task[None]]] = []

    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        self._tasks.append(asyncio.create_task(anyio.sleep(60)))
        return await super().authenticate(username, password)


@caught_by("test_no_secret_is_told")
class TellsThePasswordInAnError(FakeAuth):
    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        try:
            return await super().authenticate(username, password)
        except CredentialsRejected as error:
            raise CredentialsRejected("no", detail=f"not {password.reveal()}") from error


@caught_by("test_no_secret_is_told")
class TellsThePasswordInACause(FakeAuth):
    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        try:
            return await super().authenticate(username, password)
        except CredentialsRejected:
            raise CredentialsRejected("no") from ValueError(password.reveal())


@caught_by("test_no_secret_is_told")
class LogsPasswords(FakeAuth):
    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        logging.getLogger("mutant").debug("%s has %s", username, password.reveal())
        return await super().authenticate(username, password)


@caught_by("test_no_secret_is_told_by_administration")
class TellsANewPasswordInAnError(FakeAuth):
    async def create(self, username: str, password: Secret, *, admin: bool) -> Identity:
        try:
            return await super().create(username, password, admin=admin)
        except Conflict as error:
            raise Conflict(f"{username}:{password.reveal()} is taken") from error


@caught_by("test_a_cancelled_call_leaves_the_backend_usable")
class SwallowsCancellation(FakeAuth):
    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        try:
            return await super().authenticate(username, password)
        except asyncio.CancelledError:
            return None


@caught_by("test_a_cancelled_call_leaves_the_backend_usable")
class KeepsALockWhenCancelled(FakeAuth):
    _locked = False

    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        if self._locked:
            raise CredentialsRejected("somebody else is logging in")
        self._locked = True
        try:
            found = await super().authenticate(username, password)
        except CredentialsRejected:
            self._locked = False
            raise
        self._locked = False
        return found


@caught_by("test_a_cancelled_change_is_done_or_not")
class ChangesInTwoSteps(FakeAuth):
    async def change(self, username: str, change: UserChange) -> Identity:
        user = self._people.pop(username.casefold())
        await checkpoint()
        self._people[username.casefold()] = user
        return await super().change(username, change)

"""What the rules of the auth seam share: somebody who is known, and what a log-in came to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

import pytest
from attrs import field, frozen

from jobyard.domain.identity import Identity
from jobyard.errors import NotFound
from jobyard.seams.auth import Authenticator, CredentialsRejected, UserAdmin
from jobyard.seams.provider import Capability, Seam
from jobyard.secret import Secret
from jobyard.testing.subject import Subject
from jobyard.testing.supplied import Supplied

AuthSubject = Subject[Any]
"""A subject whose backend is an ``Authenticator``, and whatever its capabilities say."""

STRANGER: Final = "nobody_of_that_name_81"
"""A name that no source under test may know."""

NAME: Final = "jobyard_known_1"
PASSWORD: Final = Secret("The right one, of 26 signs")


def _groups(names: Iterable[str]) -> frozenset[str]:
    return frozenset(names)


@frozen
class KnownUser:
    """Be somebody whom the backend under test knows and lets in.

    ``name`` is canonical, the one that the identity has; ``groups`` are all that the identity
    shall have.
    """

    name: str
    password: Secret
    groups: frozenset[str] = field(default=frozenset(), converter=_groups)


class AuthSuite(Supplied):
    """Have the fixtures of the auth seam; those below are there to be overridden."""

    seam = Seam.AUTH

    @pytest.fixture
    async def known(self, subject: AuthSubject) -> KnownUser:
        """Give somebody who may log in: one who is created, where the backend creates users.

        Whoever tests a backend that does not puts somebody into its source, and says who it is.
        """
        if not subject.has(Capability.MANAGE_USERS):
            pytest.fail(
                f"the auth provider '{subject.provider.name}' creates no users: override the "
                "fixture `known`, which gives a KnownUser that is in its source"
            )
        await subject.backend.create(NAME, PASSWORD, admin=False)
        return KnownUser(NAME, PASSWORD)

    @pytest.fixture
    def spellings(self) -> Sequence[str]:
        """Give other spellings of the known user's name that log the same user in.

        Spellings that differ in case alone need not be given.
        """
        return ()

    @pytest.fixture
    def disabled(self) -> KnownUser:
        """Give somebody whom the source knows and does not let in, with the right password."""
        raise NotImplementedError

    @pytest.fixture
    def outage(self) -> AbstractContextManager[object]:
        """Give a context manager that makes the backend's source unreachable while it is open."""
        raise NotImplementedError


async def tried(
    backend: Authenticator, name: str, password: str
) -> Identity | CredentialsRejected | None:
    """Try to log in, and give what it came to; every other error is raised."""
    try:
        return await backend.authenticate(name, Secret(password))
    except CredentialsRejected as error:
        return error


def let_in(outcome: Identity | CredentialsRejected | None, who: str) -> Identity:
    """Give the identity of a log-in that had to succeed."""
    assert isinstance(outcome, Identity), (
        f"{who} was not let in with the right password: {_said(outcome)}"
    )
    return outcome


def kept_out(outcome: Identity | CredentialsRejected | None, why: str) -> CredentialsRejected:
    """Give the refusal of a log-in that had to be refused."""
    assert isinstance(outcome, CredentialsRejected), (
        f"{why}: CredentialsRejected was expected, and not {_said(outcome)}"
    )
    return outcome


def _said(outcome: Identity | CredentialsRejected | None) -> str:
    if outcome is None:
        return "None, which says that the user is not this provider's"
    return repr(outcome)


async def without(admin: UserAdmin, *names: str) -> None:
    """Remove users, those that are there."""
    for name in names:
        try:
            await admin.remove(name)
        except NotFound:
            continue

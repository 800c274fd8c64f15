"""Rules of administration: what is made, changed and removed is so at once (``MANAGE_USERS``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import anyio
import pytest
from hypothesis import strategies as st

from jobyard.domain.identity import Found
from jobyard.errors import Conflict, NotFound, NotSupported
from jobyard.seams.auth import UserAdmin, UserChange
from jobyard.seams.provider import Capability
from jobyard.secret import Secret
from jobyard.testing.auth_suite import (
    NAME,
    PASSWORD,
    STRANGER,
    AuthSubject,
    AuthSuite,
    KnownUser,
    kept_out,
    let_in,
    tried,
    without,
)
from jobyard.testing.conformance import lacks, requires
from jobyard.testing.exploring import explore

NEW: Final = Secret("The next one, of 26 signs.")

_PEOPLE: Final = ("m_ann", "M_bob")
_WORDS: Final = ("the first password", "the second password")
_BEGIN: Final = [("create", name, _WORDS[0]) for name in _PEOPLE]
_STEP: Final = st.tuples(
    st.sampled_from(["create", "change", "remove"]),
    st.sampled_from(_PEOPLE),
    st.sampled_from(_WORDS),
)


class AdministrationRules(AuthSuite):
    """Hold ``create``, ``change`` and ``remove`` against the seam."""

    @lacks(Capability.MANAGE_USERS)
    async def test_users_cannot_be_managed(self, subject: AuthSubject) -> None:
        """What is not announced is not there, or says that it is not supported."""
        backend = subject.backend
        if isinstance(backend, UserAdmin):
            for call in (
                lambda: backend.create(STRANGER, PASSWORD, admin=False),
                lambda: backend.change(STRANGER, UserChange(admin=True)),
                lambda: backend.remove(STRANGER),
            ):
                with pytest.raises(NotSupported):
                    await call()

    @requires(Capability.MANAGE_USERS)
    async def test_whoever_was_created_can_log_in(self, subject: AuthSubject) -> None:
        """A created user is there at once, with the flag that was asked for."""
        for name, admin in (("new_user", False), ("New_admin", True)):
            made = await subject.backend.create(name, PASSWORD, admin=admin)

            assert (made.name, made.admin, made.enabled) == (name, admin, True)
            assert made.provider == subject.provider.name
            assert let_in(await tried(subject.backend, name, PASSWORD.reveal()), name) == made
            assert await subject.backend.find(name) == Found(made)

    @requires(Capability.MANAGE_USERS)
    async def test_a_name_that_is_taken_is_a_conflict(
        self, subject: AuthSubject, known: KnownUser
    ) -> None:
        """A second user of a name, in whatever case, is refused, and changes nothing."""
        for name in (known.name, known.name.upper()):
            with pytest.raises(Conflict):
                await subject.backend.create(name, NEW, admin=True)

        outcome = await tried(subject.backend, known.name, known.password.reveal())
        assert let_in(outcome, known.name).admin is not True
        outcome = await tried(subject.backend, known.name, NEW.reveal())
        kept_out(outcome, "the password of a creation that was refused")

    @requires(Capability.MANAGE_USERS)
    async def test_of_many_creations_at_once_one_is_done(self, subject: AuthSubject) -> None:
        """When many create one name at once, one gets it, and its password alone is right."""
        made: list[int] = []

        async def create(number: int) -> None:
            try:
                await subject.backend.create(NAME, Secret(f"password {number}"), admin=False)
            except Conflict:
                return
            made.append(number)

        async with anyio.create_task_group() as group:
            for number in range(8):
                group.start_soon(create, number)

        assert len(made) == 1, f"{len(made)} creations of one name succeeded"
        for number in range(8):
            outcome = await tried(subject.backend, NAME, f"password {number}")
            if number in made:
                let_in(outcome, NAME)
            else:
                kept_out(outcome, "the password of a creation that was refused")

    @requires(Capability.MANAGE_USERS)
    async def test_a_changed_password_is_the_only_one_at_once(
        self, subject: AuthSubject, known: KnownUser
    ) -> None:
        """After a change the new password gets in, the old one does not, and all else stays."""
        before = await subject.backend.find(known.name)

        changed = await subject.backend.change(known.name, UserChange(password=NEW))

        assert isinstance(before, Found)
        assert (changed.name, changed.admin) == (known.name, before.identity.admin)
        assert let_in(await tried(subject.backend, known.name, NEW.reveal()), known.name) == changed
        outcome = await tried(subject.backend, known.name, known.password.reveal())
        kept_out(outcome, "the password before the change")

    @requires(Capability.MANAGE_USERS)
    async def test_the_administrator_flag_is_set_and_taken_back(
        self, subject: AuthSubject, known: KnownUser
    ) -> None:
        """The flag changes alone: the password stays."""
        for admin in (True, False):
            changed = await subject.backend.change(known.name, UserChange(admin=admin))

            assert changed.admin is admin
            assert await subject.backend.find(known.name) == Found(changed)
            outcome = await tried(subject.backend, known.name, known.password.reveal())
            assert let_in(outcome, known.name) == changed

    @requires(Capability.MANAGE_USERS)
    async def test_a_change_of_nothing_changes_nothing(
        self, subject: AuthSubject, known: KnownUser
    ) -> None:
        """A change that says nothing leaves the user, and still gives the identity."""
        before = await subject.backend.find(known.name)

        assert Found(await subject.backend.change(known.name, UserChange())) == before
        let_in(await tried(subject.backend, known.name, known.password.reveal()), known.name)

    @requires(Capability.MANAGE_USERS)
    async def test_a_change_is_dated_if_users_are(
        self, subject: AuthSubject, known: KnownUser
    ) -> None:
        """The time of the last change never goes back, or the tokens before it would live on."""
        before = await subject.backend.find(known.name)
        changed = await subject.backend.change(known.name, UserChange(password=NEW))

        assert isinstance(before, Found)
        earlier = before.identity.credentials_changed_at
        assert (earlier is None) == (changed.credentials_changed_at is None)
        assert (changed.credentials_changed_at or 0) >= (earlier or 0)

    @requires(Capability.MANAGE_USERS)
    async def test_nobody_can_be_changed_who_is_not_there(self, subject: AuthSubject) -> None:
        """A change of nobody is NotFound, and makes nobody."""
        with pytest.raises(NotFound):
            await subject.backend.change(STRANGER, UserChange(password=NEW, admin=True))

        assert await tried(subject.backend, STRANGER, NEW.reveal()) is None

    @requires(Capability.MANAGE_USERS)
    async def test_nobody_can_be_removed_who_is_not_there(
        self, subject: AuthSubject, known: KnownUser
    ) -> None:
        """The removal of nobody is NotFound, the second one too, and removes nobody else."""
        with pytest.raises(NotFound):
            await subject.backend.remove(STRANGER)
        let_in(await tried(subject.backend, known.name, known.password.reveal()), known.name)

        await subject.backend.remove(known.name)
        with pytest.raises(NotFound):
            await subject.backend.remove(known.name)

    @requires(Capability.MANAGE_USERS)
    async def test_whoever_was_removed_is_gone(
        self, subject: AuthSubject, known: KnownUser
    ) -> None:
        """A removed user does not get in, is not found, and comes back with nothing of before."""
        await subject.backend.change(known.name, UserChange(admin=True))
        await subject.backend.remove(known.name)

        assert await tried(subject.backend, known.name, known.password.reveal()) is None
        assert not isinstance(await subject.backend.find(known.name), Found)

        again = await subject.backend.create(known.name, NEW, admin=False)
        assert again.admin is False
        outcome = await tried(subject.backend, known.name, known.password.reveal())
        kept_out(outcome, "the password of a namesake who was removed")

    @requires(Capability.MANAGE_USERS)
    async def test_any_sequence_of_changes_is_as_in_the_model(self, subject: AuthSubject) -> None:
        """Creations, changes and removals in any order leave the users that a table would."""

        async def check(steps: Sequence[tuple[str, str, str]]) -> None:
            await without(subject.backend, *_PEOPLE)
            model: dict[str, str] = {}
            for operation, name, password in (*_BEGIN, *steps):
                expected = _model(model, operation, name, password)
                assert await _done(subject.backend, operation, name, password) is expected
            for name in _PEOPLE:
                await _compare(subject, name, model.get(name))

        await explore(st.lists(_STEP, min_size=1, max_size=8), check, examples=15)


def _model(
    model: dict[str, str], operation: str, name: str, password: str
) -> type[Exception] | None:
    """Do a step to the model, and say how it fails if it does."""
    if operation == "create":
        if name in model:
            return Conflict
    elif name not in model:
        return NotFound
    if operation == "remove":
        del model[name]
    else:
        model[name] = password
    return None


async def _done(
    admin: UserAdmin, operation: str, name: str, password: str
) -> type[Exception] | None:
    try:
        if operation == "create":
            await admin.create(name, Secret(password), admin=False)
        elif operation == "change":
            await admin.change(name, UserChange(password=Secret(password)))
        else:
            await admin.remove(name)
    except Conflict:
        return Conflict
    except NotFound:
        return NotFound
    return None


async def _compare(subject: AuthSubject, name: str, password: str | None) -> None:
    """Hold one user against what the model says."""
    if password is None:
        assert await tried(subject.backend, name, _WORDS[0]) is None
        assert not isinstance(await subject.backend.find(name), Found)
        return
    for word in _WORDS:
        outcome = await tried(subject.backend, name, word)
        if word == password:
            assert Found(let_in(outcome, name)) == await subject.backend.find(name)
        else:
            kept_out(outcome, "another password")

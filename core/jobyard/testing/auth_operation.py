"""Rules of operation: outages, cancellation, restarts, secrets, and the event loop."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Final

import anyio
import pytest

from jobyard.domain.identity import Found, Identity
from jobyard.errors import BackendError, Conflict, JobyardError, NotFound, Unavailable
from jobyard.seams.auth import UserChange
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
)
from jobyard.testing.conformance import Reopen, lacks, requires
from jobyard.testing.probes import cancelled_at_each_await, never_blocks
from jobyard.testing.supplied import supplied

MARKER: Final = "xyzzy-\u2603-the-secret-of-this-test-4711"
"""A password that can be found wherever it leaks."""

_RECOVERY: Final = 20.0
"""Seconds within which a backend answers again whose source is back."""

Call = Callable[[], Awaitable[object]]


class OperationRules(AuthSuite):
    """Hold the backend's manners against the seam."""

    async def test_it_answers_a_ping(self, subject: AuthSubject) -> None:
        """A backend whose source is there says so."""
        assert await subject.backend.ping() is None

    @supplied("outage")
    async def test_an_outage_is_never_an_unknown_user(
        self, subject: AuthSubject, known: KnownUser, outage: AbstractContextManager[object]
    ) -> None:
        """While the source is gone every call says so, and a password is neither right nor wrong.

        ``None`` would have a weaker provider asked, and the user told that there is no such name.
        """
        with outage:
            for name, call in _calls(subject, known).items():
                await _unavailable(name, call)
            await _unavailable("a wrong password", lambda: _log_in(subject, known.name, MARKER))
            await _unavailable("an unknown user", lambda: _log_in(subject, STRANGER, MARKER))

        identity = await _answering(subject, known)
        assert await subject.backend.find(known.name) == Found(identity)

    async def test_a_cancelled_call_leaves_the_backend_usable(
        self, subject: AuthSubject, known: KnownUser
    ) -> None:
        """Cancelled at whichever await, a call ends at once, and the next one is served."""

        async def still_works() -> None:
            outcome = await tried(subject.backend, known.name, known.password.reveal())
            let_in(outcome, known.name)

        for call in _calls(subject, known).values():
            await cancelled_at_each_await(call, still_works=still_works)

    @requires(Capability.MANAGE_USERS)
    async def test_a_cancelled_change_is_done_or_not(
        self, subject: AuthSubject, known: KnownUser
    ) -> None:
        """Cancelled at whichever await, a change is whole: one of the two passwords is right."""
        words = (known.password.reveal(), "another password, of 31 signs..")

        async def change() -> None:
            for word in reversed(words):
                await subject.backend.change(known.name, UserChange(password=Secret(word)))

        await cancelled_at_each_await(change)

        outcomes = [await tried(subject.backend, known.name, word) for word in words]
        right = [each for each in outcomes if not isinstance(each, Exception)]
        assert len(right) == 1
        let_in(right[0], known.name)

    async def test_the_event_loop_is_never_blocked(
        self, subject: AuthSubject, known: KnownUser
    ) -> None:
        """Hashing and waiting are done in threads: others are served meanwhile."""

        async def many() -> None:
            async with anyio.create_task_group() as group:
                for word in (known.password.reveal(), "a wrong password", "another wrong one"):
                    group.start_soon(tried, subject.backend, known.name, word)
                    group.start_soon(tried, subject.backend, STRANGER, word)

        for call in (many, *_calls(subject, known).values()):
            await never_blocks(call)

    async def test_no_secret_is_told(
        self, subject: AuthSubject, known: KnownUser, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A password is in no error, identity or line of the log, whether right or wrong."""
        caplog.set_level(logging.DEBUG)
        right = known.password.reveal()
        told = [repr(await tried(subject.backend, known.name, right))]
        told += _texts(kept_out(await tried(subject.backend, known.name, MARKER), "wrong"))
        told.append(repr(await tried(subject.backend, STRANGER, MARKER)))
        told.append(repr(subject.backend))
        told += _logged(caplog)

        _silent(told, MARKER, right)

    @requires(Capability.MANAGE_USERS)
    async def test_no_secret_is_told_by_administration(
        self, subject: AuthSubject, known: KnownUser, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A new password is in no error and no line of the log, whether it was set or refused."""
        caplog.set_level(logging.DEBUG)
        secret = Secret(MARKER)
        told: list[str] = []
        with pytest.raises(Conflict) as conflict:
            await subject.backend.create(known.name, secret, admin=False)
        with pytest.raises(NotFound) as not_found:
            await subject.backend.change(STRANGER, UserChange(password=secret))
        told += [*_texts(conflict.value), *_texts(not_found.value)]
        told.append(repr(await subject.backend.change(known.name, UserChange(password=secret))))
        told += _logged(caplog)

        _silent(told, MARKER)

    async def test_a_use_leaves_nothing_open(self, reopen: Reopen) -> None:
        """A backend that was used leaves no task, thread, file, socket or process behind."""
        async with reopen() as subject:
            for password in ("some password", "another password"):
                assert await tried(subject.backend, STRANGER, password) is None
            await subject.backend.find(STRANGER)

    @requires(Capability.MANAGE_USERS)
    async def test_users_outlive_a_restart(self, reopen: Reopen) -> None:
        """What was created, changed and removed is so after a restart."""
        async with reopen() as before:
            made = await before.backend.create(NAME, PASSWORD, admin=True)
            await before.backend.create("changed_user", PASSWORD, admin=False)
            await before.backend.change("changed_user", UserChange(password=Secret(MARKER)))
            await before.backend.create("removed_user", PASSWORD, admin=False)
            await before.backend.remove("removed_user")
        async with reopen() as after:
            outcome = await tried(after.backend, NAME, PASSWORD.reveal())
            assert let_in(outcome, NAME) == made
            let_in(await tried(after.backend, "changed_user", MARKER), "changed_user")
            outcome = await tried(after.backend, "changed_user", PASSWORD.reveal())
            kept_out(outcome, "the password before the change and the restart")
            assert await tried(after.backend, "removed_user", PASSWORD.reveal()) is None

    @lacks(Capability.MANAGE_USERS)
    async def test_the_source_is_read_again_after_a_restart(
        self, known: KnownUser, reopen: Reopen
    ) -> None:
        """Whoever was known is known after a restart, as the same identity."""
        seen: list[object] = []
        for _ in range(2):
            async with reopen() as subject:
                outcome = await tried(subject.backend, known.name, known.password.reveal())
                seen.append(let_in(outcome, known.name))

        assert seen[0] == seen[1]


def _calls(subject: AuthSubject, known: KnownUser) -> dict[str, Call]:
    """Give the calls that change nothing, those of the capabilities too."""
    calls: dict[str, Call] = {
        "a log-in": lambda: _log_in(subject, known.name, known.password.reveal()),
        "a look-up": lambda: subject.backend.find(known.name),
        "a ping": subject.backend.ping,
    }
    if subject.has(Capability.USERS):
        calls["a listing"] = lambda: subject.backend.users(None, 10)
    return calls


async def _log_in(subject: AuthSubject, name: str, password: str) -> object:
    outcome: object = await subject.backend.authenticate(name, Secret(password))
    return outcome


async def _unavailable(what: str, call: Call) -> None:
    try:
        outcome = await call()
    except Unavailable as error:
        _silent(_texts(error), MARKER)
    except BackendError as error:
        pytest.fail(f"{what} during an outage: Unavailable was expected, and not {error!r}")
    else:
        pytest.fail(f"{what} during an outage: Unavailable was expected, and not {outcome!r}")


async def _answering(subject: AuthSubject, known: KnownUser) -> Identity:
    """Log in as soon as the backend answers again."""
    with anyio.fail_after(_RECOVERY):
        while True:
            try:
                outcome = await tried(subject.backend, known.name, known.password.reveal())
            except Unavailable:
                await anyio.sleep(0.05)
                continue
            return let_in(outcome, known.name)


def _texts(error: BaseException) -> list[str]:
    """Give all that an error says, the errors that it came of included."""
    texts = [str(error), repr(error), *getattr(error, "__notes__", ())]
    if isinstance(error, JobyardError):
        texts += [error.message, str(error.detail)]
    for origin in (error.__cause__, error.__context__):
        if origin is not None:
            texts += _texts(origin)
    return texts


def _logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [logging.Formatter().format(record) for record in caplog.records]


def _silent(told: list[str], *secrets: str) -> None:
    for text in told:
        for secret in secrets:
            assert secret not in text, "a password is told"
            assert repr(secret)[1:-1] not in text, "a password is told"

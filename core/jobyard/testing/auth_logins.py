"""Rules of log-ins: who is let in, who is refused, and who is not this provider's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import anyio
from hypothesis import strategies as st

from jobyard.domain.identity import USERNAME_PATTERN, Found, Gone, Identity, NotMine, is_username
from jobyard.seams.auth import CredentialsRejected, UserChange
from jobyard.seams.provider import Capability
from jobyard.secret import Secret
from jobyard.testing.auth_suite import (
    STRANGER,
    AuthSubject,
    AuthSuite,
    KnownUser,
    kept_out,
    let_in,
    tried,
)
from jobyard.testing.conformance import requires
from jobyard.testing.exploring import explore
from jobyard.testing.supplied import supplied

PASSWORDS: Final = st.text(min_size=1, max_size=1024)
"""Every password that can reach a backend (contract, section 2)."""

AT_ONCE: Final = 200

BLANK: Final = ("", " ", "    ", "\t", "\n", "\r\n", "\0", "\u00a0", "\u200b")

EXTREME: Final = (
    "x",
    "\u00e9",
    "e\u0301",
    "\U0001f511",
    "in the middle a \0 of it",
    " with blanks around ",
    "line\nafter\r\nline",
    ":colon:and$dollar${x}",
    "right to \u202eleft",
    "\u5bc6" * 1024,
    "\U0001f511" * 1024,
    "x" * 1024,
)


class LogInRules(AuthSuite):
    """Hold ``authenticate`` and ``find`` against the seam."""

    async def test_the_right_password_gives_the_identity(
        self, subject: AuthSubject, known: KnownUser
    ) -> None:
        """Whoever is known and has the right password gets in, under the canonical name."""
        outcome = await tried(subject.backend, known.name, known.password.reveal())

        identity = let_in(outcome, known.name)
        assert identity.name == known.name, (
            f"the canonical name is {known.name!r}, not {identity.name!r}"
        )
        assert identity.enabled

    async def test_the_canonical_name_matches_the_pattern(
        self, subject: AuthSubject, known: KnownUser, spellings: Sequence[str]
    ) -> None:
        """The canonical name is one that the core takes, however the user spelt it."""
        for name in (known.name, *spellings):
            outcome = await tried(subject.backend, name, known.password.reveal())

            identity = let_in(outcome, name)
            assert is_username(identity.name), (
                f"the canonical name {identity.name!r} does not match {USERNAME_PATTERN}"
            )

    async def test_the_identity_names_its_provider(
        self, subject: AuthSubject, known: KnownUser
    ) -> None:
        """An identity says which provider it is of, as the configuration names it."""
        outcome = await tried(subject.backend, known.name, known.password.reveal())

        assert let_in(outcome, known.name).provider == subject.provider.name

    async def test_the_groups_are_told(self, subject: AuthSubject, known: KnownUser) -> None:
        """An identity has all the user's groups, and no other."""
        outcome = await tried(subject.backend, known.name, known.password.reveal())

        assert let_in(outcome, known.name).groups == known.groups

    async def test_a_wrong_password_is_rejected(
        self, subject: AuthSubject, known: KnownUser
    ) -> None:
        """A wrong password is refused out loud: ``None`` would let the next provider be asked."""
        for password in _near(known):
            outcome = await tried(subject.backend, known.name, password)
            kept_out(outcome, f"a wrong password, near to the right one ({password!r})")

    async def test_an_empty_or_blank_password_never_gets_in(
        self, subject: AuthSubject, known: KnownUser
    ) -> None:
        """Nothing is no password, though some directories take it for an anonymous log-in."""
        for password in BLANK:
            outcome = await tried(subject.backend, known.name, password)
            kept_out(outcome, f"a blank password ({password!r})")
            assert await tried(subject.backend, STRANGER, password) is None

    async def test_an_unknown_user_is_not_this_providers(self, subject: AuthSubject) -> None:
        """A name that nobody has is the next provider's: ``None``, and never found."""
        for password in ("some password", "another password"):
            assert await tried(subject.backend, STRANGER, password) is None
        assert isinstance(await subject.backend.find(STRANGER), NotMine | Gone)

    async def test_find_agrees_with_authenticate(
        self, subject: AuthSubject, known: KnownUser
    ) -> None:
        """A look-up tells the same of a user as a log-in does."""
        outcome = await tried(subject.backend, known.name, known.password.reveal())

        assert await subject.backend.find(known.name) == Found(let_in(outcome, known.name))

    @supplied("disabled")
    async def test_a_disabled_user_does_not_get_in(
        self, subject: AuthSubject, disabled: KnownUser
    ) -> None:
        """Whoever is disabled is refused, or let in as somebody who is not enabled."""
        outcome = await tried(subject.backend, disabled.name, disabled.password.reveal())
        found = await subject.backend.find(disabled.name)

        assert outcome is not None, "None says that the user is not this provider's"
        assert isinstance(outcome, CredentialsRejected) or not outcome.enabled
        assert isinstance(found, Gone) or (isinstance(found, Found) and not found.identity.enabled)

    async def test_any_other_text_as_the_password_is_rejected(
        self, subject: AuthSubject, known: KnownUser
    ) -> None:
        """No text of 1 to 1024 characters gets in, or makes a log-in fail in another way."""

        async def check(password: str) -> None:
            if password != known.password.reveal():
                outcome = await tried(subject.backend, known.name, password)
                kept_out(outcome, f"a password of {len(password)} characters")

        for each in EXTREME:
            await check(each)
        await explore(PASSWORDS, check, examples=30)

    @requires(Capability.MANAGE_USERS)
    async def test_any_text_may_be_the_password(
        self, subject: AuthSubject, known: KnownUser
    ) -> None:
        """A password is any text of 1 to 1024 characters, and all of it counts."""

        async def check(password: str) -> None:
            await subject.backend.change(known.name, UserChange(password=Secret(password)))
            let_in(await tried(subject.backend, known.name, password), known.name)
            for other in (password[:-1] + _another(password[-1]), password + "x"):
                outcome = await tried(subject.backend, known.name, other)
                kept_out(outcome, f"of {len(password)} characters the last is another, or one more")

        for each in EXTREME:
            await check(each)
        await explore(PASSWORDS, check, examples=10)

    async def test_many_log_ins_at_once_are_all_right(
        self, subject: AuthSubject, known: KnownUser
    ) -> None:
        """Of two hundred log-ins at once none gets the answer of another."""
        right = known.password.reveal()
        expected: list[str] = []
        came: list[str] = ["" for _ in range(AT_ONCE)]

        async def log_in(number: int, name: str, password: str) -> None:
            came[number] = _kind(await tried(subject.backend, name, password), known)

        async with anyio.create_task_group() as group:
            for number in range(AT_ONCE):
                name, password, kind = (
                    (known.name, right, "let in"),
                    (STRANGER, right, "unknown"),
                    (known.name, f"{right}{number}", "rejected"),
                )[number % 3]
                expected.append(kind)
                group.start_soon(log_in, number, name, password)

        assert came == expected


def _kind(outcome: Identity | CredentialsRejected | None, known: KnownUser) -> str:
    if outcome is None:
        return "unknown"
    if isinstance(outcome, CredentialsRejected):
        return "rejected"
    return "let in" if outcome.name == known.name else f"let in as {outcome.name}"


def _near(known: KnownUser) -> Iterable[str]:
    """Give passwords that are nearly the right one, and some that are favourites."""
    right = known.password.reveal()
    near = {
        "entirely another one",
        right[:-1],
        right[1:],
        right * 2,
        right.swapcase(),
        f"{right}x",
        f"x{right}",
        f"{right} ",
        f" {right}",
        f"{right}\n",
        # Not with NUL alone behind it: for HMAC, and so for PBKDF2 and scrypt, that is the same.
        f"{right}\0x",
        known.name,
        "*",
        "%",
    }
    return sorted(near - {right, ""})


def _another(character: str) -> str:
    return "y" if character == "x" else "x"

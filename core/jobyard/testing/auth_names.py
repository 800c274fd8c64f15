"""Rules of names: whatever is typed as a name is a name, and never a query, a path or a pattern."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Final

from hypothesis import strategies as st

from jobyard.domain.identity import Found, Identity, is_username
from jobyard.testing.auth_suite import AuthSubject, AuthSuite, KnownUser, let_in, tried
from jobyard.testing.exploring import explore
from jobyard.testing.supplied import supplied

SIGNIFICANT: Final = "*?%_()|&!=<>~\\/'\"`;:,#$@+-.{}[]^ \t\r\n\0\x1b"
"""What means something in a filter, a statement, a path, a file of lines, or a shell."""

LONG: Final = 10_000


class NameRules(AuthSuite):
    """Hold the backend's reading of names against the seam."""

    async def test_no_hostile_name_gets_in(
        self, subject: AuthSubject, known: KnownUser, spellings: Sequence[str]
    ) -> None:
        """Wildcards, injections, traversals and cut names are names that nobody has."""
        check = _check(subject, known, spellings)
        for name in _hostile(known.name):
            await check(name)

    async def test_no_text_but_the_name_gets_in(
        self, subject: AuthSubject, known: KnownUser, spellings: Sequence[str]
    ) -> None:
        """No name, whatever it is made of, gets in or fails in a way that the seam has not."""
        check = _check(subject, known, spellings)
        await explore(st.text(max_size=300), check, examples=30)

    async def test_nothing_around_or_inside_the_name_gets_in(
        self, subject: AuthSubject, known: KnownUser, spellings: Sequence[str]
    ) -> None:
        """A known name with something more, or made of significant characters, is another name."""
        check = _check(subject, known, spellings)
        for each in SIGNIFICANT:
            for name in (f"{each}{known.name}", f"{known.name}{each}", each.join(known.name)):
                await check(name)
        few = st.text(max_size=6)
        around = st.builds(lambda before, after: f"{before}{known.name}{after}", few, few)
        significant = st.text(alphabet=SIGNIFICANT + known.name, max_size=40)
        await explore(around | significant, check, examples=40)

    async def test_names_that_differ_in_case_are_one(
        self, subject: AuthSubject, known: KnownUser
    ) -> None:
        """Another case of a name is nobody, or the same user under the same canonical name."""
        for name in _cases(known.name):
            outcome = await tried(subject.backend, name, known.password.reveal())
            found = await subject.backend.find(name)

            if outcome is None:
                assert not isinstance(found, Found), f"{name} is found, and is nobody at log-in"
            else:
                identity = let_in(outcome, name)
                assert identity.name == known.name, (
                    f"{name} became {identity.name!r}, where {known.name!r} is canonical"
                )
                assert found == Found(identity)

    @supplied("spellings")
    async def test_every_spelling_is_the_same_user(
        self, subject: AuthSubject, known: KnownUser, spellings: Sequence[str]
    ) -> None:
        """A log-in and a look-up under another spelling give the same identity."""
        expected = let_in(
            await tried(subject.backend, known.name, known.password.reveal()), known.name
        )
        for name in spellings:
            outcome = await tried(subject.backend, name, known.password.reveal())

            assert let_in(outcome, name) == expected
            assert await subject.backend.find(name) == Found(expected)


def _check(
    subject: AuthSubject, known: KnownUser, spellings: Sequence[str]
) -> Callable[[str], Coroutine[object, object, None]]:
    """Give the check that a name lets nobody in but those whose name it is."""

    async def check(name: str) -> None:
        outcome = await tried(subject.backend, name, known.password.reveal())
        found = await subject.backend.find(name)
        if isinstance(outcome, Identity):
            mine = name in spellings or name.casefold() == known.name.casefold()
            assert mine, f"{name!r} got in as {outcome.name}"
            assert outcome.name == known.name
            assert found == Found(outcome)
        elif isinstance(found, Found):
            # Somebody else's name, by chance: then the password had to be refused.
            assert outcome is not None, f"{name!r} is found, and is nobody at log-in"
            assert is_username(found.identity.name)
            assert found.identity.name != known.name, f"{name!r} is found as {known.name}"

    return check


def _cases(name: str) -> Iterable[str]:
    cases = {name.upper(), name.lower(), name.swapcase(), name.capitalize()}
    return sorted(cases - {name})


def _hostile(name: str) -> Iterable[str]:
    """Give names that have fooled somebody: directories, databases, files and shells."""
    return [
        "",
        *("*", f"{name}*", f"{name[:2]}*", f"*{name[2:]}", "?" * len(name), "%", f"{name[:2]}%"),
        *("*)(uid=*", f"{name})(uid=*", f"{name})(|(uid=*))", f")(cn={name}", "\\2a", "\\00"),
        *(f"uid={name}", f"uid={name},dc=example", f"{name},dc=example", f"{name}@", f"@{name}"),
        *(f"{name}'--", "' OR '1'='1", f"{name}' OR 'a'='a", '" OR ""="', f"{name};--", "\\'"),
        *(f"../{name}", f"x/../{name}", f"./{name}", f"{name}/", f"/{name}", "/etc/passwd"),
        *(f"{name}:", f"{name}:x", f"{name}:0:0", f"#{name}", f"{name}#", f"{name}\n{name}"),
        *(f"{name}\n", f"\n{name}", f"{name}\r\n", f"{name}\0", f"{name}\0x", f"\0{name}", "\0"),
        *(f"{name} ", f" {name}", f"{name}\t", f"{name}\u00a0", f"\ufeff{name}", f"{name}\u200b"),
        *(f"$({name})", f"`{name}`", f"${{{name}}}", f"{{{name}}}", f"{name}&", f"%2e{name}"),
        _wide(name),
        name * 2,
        name * LONG,
        "x" * LONG,
        "(" * LONG,
    ]


def _wide(name: str) -> str:
    """Spell a name in full-width characters, which a normalisation makes the plain ones."""
    return "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in name)

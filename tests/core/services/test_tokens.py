from __future__ import annotations

from collections.abc import AsyncIterator

import jwt
import pytest
from attrs import evolve

from jobyard.domain.identity import Actor, Identity
from jobyard.errors import UnauthorizedUser, UnknownError
from jobyard.seams.auth import UserChange
from jobyard.secret import Secret
from jobyard.services import account_rows, tokens
from jobyard.services.accounts import LoggedIn
from jobyard.services.signing import Signer, UserClaims
from tests.accounts import ADMIN, KEY, PASSWORD, Directory, Town, town
from tests.databases import Database, HandClock

NOW = 1_700_000_000
CAROL_SELF = Actor("carol")
CAROL = Identity("directory", "carol", credentials_changed_at=(NOW - 100) * 1000 + 700)


@pytest.fixture
async def here(sqlite_database: Database) -> AsyncIterator[Town]:
    async with (
        sqlite_database.open() as store,
        town(
            store,
            sqlite_database.state_dir,
            clock=HandClock(NOW),
            directory=Directory(CAROL),
            secrets=(KEY, Secret("an older one")),
        ) as opened,
    ):
        await opened.add("alice")
        yield opened


async def token(here: Town, name: str = "alice", lifetime: int = 3600) -> str:
    actor = await here.accounts.log_in(name, PASSWORD, "192.0.2.1")
    return await here.tokens.issue(actor, lifetime)


async def refused(here: Town, text: str | None) -> None:
    with pytest.raises(UnauthorizedUser):
        await here.tokens.authenticate(text)


def foreign(key: Secret = KEY, /, **claims: object) -> str:
    good: dict[str, object] = {"username": "alice", "admin": True, "iat": NOW, "exp": NOW + 60}
    return f"Bearer {jwt.encode(good | claims, key.reveal().ljust(32, chr(0)), algorithm='HS256')}"


async def test_a_token_is_its_users(here: Town) -> None:
    text = await token(here)

    assert await here.tokens.authenticate(f"Bearer {text}") == Actor("alice")
    claims = jwt.decode(
        text, KEY.reveal(), algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False}
    )
    assert claims == {
        "username": "alice",
        "admin": False,
        "iat": NOW,
        "exp": NOW + 3600,
        "epoch": NOW * 1000,
    }


async def test_a_token_is_issued_in_whole_seconds(here: Town) -> None:
    here.clock.seconds += 0.7
    text = await token(here)

    claims = jwt.decode(text, options={"verify_signature": False})
    assert (claims["iat"], claims["exp"]) == (NOW, NOW + 3600)
    assert type(claims["iat"]) is int


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR", "  Bearer  "])
async def test_the_scheme_is_read_in_any_case(here: Town, scheme: str) -> None:
    header = f"{scheme} {await token(here)} "

    assert await here.tokens.authenticate(header) == Actor("alice")


async def test_without_a_bearer_token_nobody_is_known(here: Town) -> None:
    text = await token(here)

    for header in (None, "", "Bearer", "Bearer ", text, f"Basic {text}", f"Bearer{text}"):
        await refused(here, header)
    await refused(here, f"Bearer {text} {text}")
    await refused(here, "Bearer \ud800")


async def test_a_token_ends_also_when_it_is_remembered(here: Town) -> None:
    header = f"Bearer {await token(here, lifetime=60)}"

    here.clock.seconds += 59
    await here.tokens.authenticate(header)
    here.clock.seconds += 1
    await refused(here, header)
    await refused(here, header)


async def test_the_administrator_flag_is_the_accounts_and_not_the_tokens(here: Town) -> None:
    assert await here.tokens.authenticate(foreign(admin=True)) == Actor("alice", admin=False)


@pytest.mark.parametrize("change", [UserChange(password=Secret("new one")), UserChange(admin=True)])
async def test_a_change_of_password_or_flag_ends_the_tokens_within_the_same_millisecond(
    here: Town, change: UserChange
) -> None:
    header = f"Bearer {await token(here)}"
    await here.tokens.authenticate(header)

    await here.users.change(ADMIN, "alice", change)

    await refused(here, header)


async def test_a_change_by_another_process_counts_at_once(here: Town) -> None:
    header = f"Bearer {await token(here)}"
    await here.tokens.authenticate(header)

    await here.store.write(account_rows.end_tokens("alice", here.clock.now()))

    await refused(here, header)


async def test_a_removed_users_token_fits_no_namesake(here: Town) -> None:
    header = f"Bearer {await token(here)}"
    await here.users.remove(ADMIN, "alice")
    await refused(here, header)

    here.clock.seconds += 1
    await here.add("alice")

    await refused(here, header)


@pytest.mark.parametrize("name", ["nobody", "Alice", "ALICE", "Carol"])
async def test_names_are_those_of_accounts_to_the_letter(here: Town, name: str) -> None:
    await refused(here, foreign(username=name))
    await refused(here, foreign(username=name, epoch=NOW * 1000))


@pytest.mark.parametrize("epoch", [0, -1, NOW * 1000 + 1, NOW * 1000 - 1, 2**70])
async def test_another_epoch_is_refused(here: Town, epoch: int) -> None:
    assert await here.tokens.authenticate(foreign(epoch=NOW * 1000)) == Actor("alice")
    await refused(here, foreign(epoch=epoch))


async def test_a_token_without_an_epoch_is_held_against_the_change_in_whole_seconds(
    here: Town,
) -> None:
    here.clock.seconds += 10.7
    await here.users.change(ADMIN, "alice", UserChange(password=Secret("new one")))

    for good in (NOW + 10, NOW + 10.2, NOW + 11):
        assert await here.tokens.authenticate(foreign(iat=good)) == Actor("alice")
    for bad in (NOW + 9, NOW + 9.9, NOW, 0, -5):
        await refused(here, foreign(iat=bad))


async def test_another_issuer_may_bring_a_user_of_a_directory_who_was_never_here(
    here: Town,
) -> None:
    header = foreign(username="carol")

    assert await here.tokens.authenticate(header) == Actor("carol")
    await refused(here, foreign(username="carol", iat=NOW - 101))
    assert await here.tokens.authenticate(foreign(username="carol", iat=NOW - 100)) == CAROL_SELF


async def test_another_issuers_token_of_a_known_user_does_without_the_directory(
    here: Town,
) -> None:
    await token(here, "carol")
    here.directory.down = True

    assert await here.tokens.authenticate(foreign(username="carol")) == CAROL_SELF


@pytest.mark.parametrize(
    "claims",
    [
        {"iat": None},
        {"exp": None},
        {"exp": NOW},
        {"nbf": NOW + 1},
        {"username": None},
        {"aud": "jobyard:storage"},
    ],
    ids=str,
)
async def test_what_the_signer_refuses_is_refused_each_time(
    here: Town, claims: dict[str, object]
) -> None:
    await refused(here, foreign(**claims))
    await refused(here, foreign(**claims))


async def test_secrets_are_rotated(here: Town) -> None:
    assert await here.tokens.authenticate(foreign(Secret("an older one"))) == Actor("alice")
    await refused(here, foreign(Secret("a forgotten one")))


async def test_a_user_of_a_directory_who_is_gone_is_refused_within_the_time_of_a_recheck(
    here: Town,
) -> None:
    header = f"Bearer {await token(here, 'carol')}"
    here.directory.people.clear()

    here.clock.seconds += 59
    assert await here.tokens.authenticate(header) == Actor("carol")
    here.clock.seconds += 1
    await refused(here, header)
    here.directory.put(CAROL)
    await refused(here, header)


async def test_an_administrator_in_a_directory_that_is_down_is_none_for_a_while(
    here: Town,
) -> None:
    here.directory.put(evolve(CAROL, admin=True))
    header = f"Bearer {await token(here, 'carol')}"
    assert await here.tokens.authenticate(header) == Actor("carol", admin=True)
    here.directory.down = True

    here.clock.seconds += 300
    assert await here.tokens.authenticate(header) == Actor("carol", admin=False)
    here.clock.seconds += 1
    with pytest.raises(UnknownError, match=r"auth\.directory"):
        await here.tokens.authenticate(header)


async def test_a_log_in_and_its_token_are_of_one_epoch(here: Town) -> None:
    actor = await here.accounts.log_in("alice", PASSWORD, "192.0.2.1")
    await here.users.change(ADMIN, "alice", UserChange(password=Secret("new one")))

    await refused(here, f"Bearer {await here.tokens.issue(actor, 60)}")


async def test_a_token_can_be_issued_for_whoever_is_there(here: Town) -> None:
    text = await here.tokens.issue(Actor("alice"), 60)

    assert await here.tokens.authenticate(f"Bearer {text}") == Actor("alice")
    with pytest.raises(UnauthorizedUser):
        await here.tokens.issue(Actor("nobody"), 60)
    await refused(here, f"Bearer {await here.tokens.issue(LoggedIn('nobody'), 60)}")


async def test_only_so_many_tokens_are_remembered_and_none_by_its_text(
    here: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "REMEMBERED", 3)
    headers = [f"Bearer {await token(here, lifetime=60 + each)}" for each in range(6)]

    for header in headers:
        await here.tokens.authenticate(header)

    assert len(here.tokens._verified) == 3
    assert await here.tokens.authenticate(headers[0]) == Actor("alice")
    assert not any(header[7:].encode() in here.tokens._verified for header in headers)


async def test_the_tokens_that_were_used_last_are_not_verified_again(
    here: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "REMEMBERED", 2)
    verified: list[str] = []
    verify = Signer.read_user

    def counted(signer: Signer, text: str) -> UserClaims:
        verified.append(text)
        return verify(signer, text)

    monkeypatch.setattr(Signer, "read_user", counted)
    one, two, three = [await token(here, lifetime=60 + each) for each in range(3)]
    for text in (one, two, one, three, one, three, two):
        assert await here.tokens.authenticate(f"Bearer {text}") == Actor("alice")

    assert verified == [one, two, three, two]


async def test_a_change_that_a_recheck_finds_ends_the_very_token_that_caused_it(
    here: Town,
) -> None:
    header = f"Bearer {await token(here, 'carol')}"
    here.directory.put(evolve(CAROL, admin=True))
    here.clock.seconds += 60

    await refused(here, header)

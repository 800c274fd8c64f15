from __future__ import annotations

import time
from collections.abc import AsyncIterator

import httpx
import jwt
import orjson
import pytest

from jobyard.config.settings import AccountSettings
from jobyard.domain.identity import Identity
from jobyard.routes.tokens import token_schema
from jobyard.seams.provider import Capability
from jobyard.wire.requests import TOKEN_REQUEST, WIDE_TOKEN_REQUEST
from tests.accounts import KEY, PASSWORD, Directory, Town, town
from tests.databases import Database, HandClock

NOW = 1_700_000_000
CAROL = Identity("directory", "carol")
GUEST = {
    "code": "UnauthorizedUserError",
    "message": "Guest is not allowed to do this operation.",
}
TOKEN_ROUTES = [
    ("PUT", "/user"),
    ("DELETE", "/user"),
    ("PUT", "/user/alice/virtualClusters"),
    ("GET", "/user"),
    ("GET", "/user/alice"),
]


@pytest.fixture
async def here(sqlite_database: Database) -> AsyncIterator[Town]:
    async with (
        sqlite_database.open() as store,
        town(
            store,
            sqlite_database.state_dir,
            clock=HandClock(NOW),
            directory=Directory(CAROL),
            settings=AccountSettings(login_throttle="5/minute"),
        ) as opened,
    ):
        await opened.add("alice")
        await opened.add("root", admin=True)
        yield opened


@pytest.fixture
async def client(here: Town) -> AsyncIterator[httpx.AsyncClient]:
    async with here.client() as opened:
        yield opened


def says(answer: httpx.Response, status: int, code: str, message: str) -> None:
    assert answer.status_code == status
    assert answer.content == orjson.dumps({"code": code, "message": message})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


def log_in(username: str = "alice", password: str = PASSWORD.reveal()) -> dict[str, object]:
    return {"username": username, "password": password}


async def test_a_log_in_answers_the_token_and_whose_it_is(client: httpx.AsyncClient) -> None:
    for name, admin in (("alice", False), ("root", True), ("carol", False)):
        answer = await client.post("/token", json=log_in(name))

        token = answer.json()["token"]
        assert answer.status_code == 200
        assert answer.content == orjson.dumps(
            {"token": token, "user": name, "admin": admin, "hasGitHubPAT": False}
        )
        assert answer.headers["cache-control"] == "no-store"
        asked = await client.get("/whoami", headers={"authorization": f"Bearer {token}"})
        assert asked.json() == {"account": name, "admin": admin}


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [({}, 86_400), ({"expiration": 60}, 60), ({"expiration": "604800"}, 604_800)],
)
async def test_a_token_lasts_as_long_as_was_asked_for(
    client: httpx.AsyncClient, sent: dict[str, object], seconds: int
) -> None:
    answer = await client.post("/token", json=log_in() | sent)

    claims = jwt.decode(answer.json()["token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == seconds
    assert claims["iat"] == NOW
    assert set(claims) == {"username", "admin", "iat", "exp", "epoch"}


async def test_a_form_is_read_too(client: httpx.AsyncClient) -> None:
    answer = await client.post("/token", data={**log_in(), "expiration": "60"})

    assert answer.status_code == 200


async def test_an_unknown_user_is_400_with_the_name(client: httpx.AsyncClient) -> None:
    for name in ("nobody", "Alice", "_"):
        answer = await client.post("/token", json=log_in(name))

        says(answer, 400, "NoUserError", f"User {name} is not found.")


async def test_a_wrong_password_is_400_with_the_contracts_spelling(
    client: httpx.AsyncClient,
) -> None:
    for name in ("alice", "carol"):
        answer = await client.post("/token", json=log_in(name, "wrong one"))

        says(answer, 400, "IncorrectPassworkError", "Password is incorrect.")


async def test_a_directory_that_is_down_is_500_and_named_and_no_unknown_user(
    here: Town, client: httpx.AsyncClient
) -> None:
    here.directory.down = True

    for name in ("nobody", "carol"):
        answer = await client.post("/token", json=log_in(name))

        says(answer, 500, "UnknownError", "auth.directory: nobody answers")
        assert int(answer.headers["retry-after"]) >= 1


async def test_too_many_failures_are_429(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        await client.post("/token", json=log_in("alice", "wrong one"))

    answer = await client.post("/token", json=log_in())

    says(
        answer,
        429,
        "TooManyRequestsError",
        "Too many failed log-ins; wait before the next one.",
    )
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    later = time.time() + 60
    monkeypatch.setattr(time, "time", lambda: later)
    assert (await client.post("/token", json=log_in())).status_code == 200


async def test_with_uniform_errors_an_unknown_user_is_a_wrong_password(
    here: Town, sqlite_database: Database
) -> None:
    settings = AccountSettings(uniform_login_errors=True)
    async with (
        town(here.store, sqlite_database.state_dir, settings=settings) as uniform,
        uniform.client() as client,
    ):
        answers = [
            await client.post("/token", json=log_in(name, "wrong one"))
            for name in ("nobody", "alice")
        ]

    for answer in answers:
        says(answer, 400, "IncorrectPassworkError", "Password is incorrect.")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"password": "long enough"}, "username"),
        ({"username": "alice"}, "password"),
        (log_in("al ice"), "username"),
        (log_in(""), "username"),
        (log_in("alice\n"), "username"),
        (log_in("alice", "short"), "password"),
        (log_in() | {"expiration": 59}, "expiration"),
        (log_in() | {"expiration": 604_801}, "expiration"),
        (log_in() | {"expiration": 60.5}, "expiration"),
        (log_in() | {"expiration": True}, "expiration"),
        (log_in() | {"more": 1}, "more"),
    ],
    ids=str,
)
async def test_a_bad_field_is_400_and_named(
    client: httpx.AsyncClient, body: dict[str, object], field: str
) -> None:
    answer = await client.post("/token", json=body)

    assert answer.status_code == 400
    assert answer.json()["code"] == "InvalidParametersError"
    assert answer.json()["message"].startswith(f"{field}: ")


async def test_no_password_comes_back(client: httpx.AsyncClient) -> None:
    for body in (log_in("alice", "s3cret, and wrong"), log_in("alice", "s3cr")):
        assert "s3cr" not in (await client.post("/token", json=body)).text


@pytest.mark.parametrize(("method", "path"), TOKEN_ROUTES)
async def test_without_a_token_every_route_of_users_is_401_before_its_body_is_read(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    for headers in ({}, {"authorization": "Bearer x"}, {"authorization": "Basic YTpi"}):
        answer = await client.request(
            method, path, headers={"content-type": "application/json", **headers}, content=b"{not"
        )

        says(answer, 401, "UnauthorizedUserError", GUEST["message"])


def forged(key: str = KEY.reveal(), **claims: object) -> str:
    good: dict[str, object] = {
        "username": "root",
        "admin": True,
        "iat": NOW,
        "exp": NOW + 600,
        "epoch": NOW * 1000,
    }
    kept = {name: value for name, value in (good | claims).items() if value is not None}
    return jwt.encode(kept, key, algorithm="HS256")


@pytest.mark.parametrize(
    "token",
    [
        jwt.encode({"username": "root", "iat": NOW, "exp": NOW + 600}, "", algorithm="none"),
        forged("another key of enough bytes, for whom that helps"),
        forged(nbf=NOW + 1),
        forged(username=None),
        forged(exp=None),
        forged(iat=None),
        forged(exp=NOW),
        forged(username="gone"),
        forged(epoch=NOW * 1000 - 1),
        forged(epoch=None, iat=NOW - 1),
    ],
)
async def test_every_bad_token_is_401(client: httpx.AsyncClient, token: str) -> None:
    good = await client.get("/whoami", headers={"authorization": f"bearer {forged()}"})
    assert good.json() == {"account": "root", "admin": True}

    answer = await client.get("/whoami", headers={"authorization": f"Bearer {token}"})

    says(answer, 401, "UnauthorizedUserError", GUEST["message"])


async def test_a_token_that_is_no_ascii_is_401(client: httpx.AsyncClient) -> None:
    answer = await client.get("/whoami", headers=[(b"authorization", b"Bearer \xff\xfe.\xe4.x")])

    says(answer, 401, "UnauthorizedUserError", GUEST["message"])


async def test_a_directory_that_is_down_for_too_long_is_500_and_never_401(
    here: Town, client: httpx.AsyncClient
) -> None:
    headers = await here.bearer("carol")
    here.directory.down = True
    here.clock.seconds += 300
    assert (await client.get("/whoami", headers=headers)).status_code == 200

    here.clock.seconds += 1

    answer = await client.get("/whoami", headers=headers)
    says(answer, 500, "UnknownError", "auth.directory: nobody answers")


async def test_where_a_provider_has_names_of_its_own_they_are_let_through(here: Town) -> None:
    here.directory.put(Identity("directory", "c@example.org"))

    class Renaming(Directory):
        async def authenticate(self, username: str, password: object) -> Identity | None:
            return CAROL if username == "carol@example.org" else None

    here.directory.authenticate = Renaming().authenticate  # type: ignore[method-assign]
    async with here.client(Capability.USERS, Capability.WIDE_CREDENTIALS) as client:
        answer = await client.post("/token", json=log_in("carol@example.org", "x"))
        unknown = await client.post("/token", json=log_in("dora@example.org", "x"))

    assert answer.json()["user"] == "carol"
    says(unknown, 400, "NoUserError", "User dora@example.org is not found.")


def test_one_wide_provider_makes_the_schema_wide() -> None:
    assert token_schema([]) is TOKEN_REQUEST
    assert token_schema([Capability.USERS, Capability.MANAGE_USERS]) is TOKEN_REQUEST
    assert token_schema([Capability.USERS, Capability.WIDE_CREDENTIALS]) is WIDE_TOKEN_REQUEST

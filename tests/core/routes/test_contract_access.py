"""Who may call what: every route of the served document, tried by everybody (sections 1 to 6)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final, cast

import jwt
import pytest

from jobyard.clock import SystemClock
from tests.core.routes.contract_cluster import Cluster, job, served
from tests.databases import HandClock
from tests.gateways import PASSWORD, Caller, Gateway, Told, told

GUEST: Final = Told(401, "UnauthorizedUserError", "Guest is not allowed to do this operation.")
NOT_ADMIN: Final = Told(403, "ForbiddenUserError", "Non-admin is not allow to do this operation.")
VALUES: Final = {
    "{username}": "alice",
    "{jobName}": "one",
    "{vcName}": "vc1",
    "{role}": "main",
    "{index}": "0",
}
ALWAYS_PUBLIC: Final = {
    ("POST", "/token"),
    ("GET", "/"),
    ("GET", "/info"),
    ("GET", "/openapi.json"),
}
SIGNED: Final = "/ssh/key"
READS: Final = ("/jobs", "/user/{username}/jobs", "/virtual-clusters")
SECRET: Final = "a secret that is long enough to sign with, by any algorithm at all "


@pytest.fixture
def clock() -> HandClock:
    return HandClock(SystemClock().now() // 1000)


@pytest.fixture
async def gateway(
    tmp_path_factory: pytest.TempPathFactory, clock: HandClock
) -> AsyncIterator[Gateway]:
    folder = tmp_path_factory.mktemp("open")
    server = f', jwt-secret: ["{SECRET}"]'
    async with served(folder, Cluster(), clock=clock, server=server) as gateway:
        yield gateway


async def routes(gateway: Gateway) -> list[tuple[str, str]]:
    """Give method and path of every documented route below the root."""
    document = (await gateway.guest.get("/openapi.json")).json()

    def walk() -> Iterator[tuple[str, str]]:
        for path, operations in document["paths"].items():
            for method in operations.keys() & {"get", "put", "post", "delete"}:
                if path.startswith("/api/v1"):
                    yield method.upper(), path.removeprefix("/api/v1")

    found = sorted(walk())
    assert len(found) > 30
    return found


def filled(path: str) -> str:
    for name, value in VALUES.items():
        path = path.replace(name, value)
    assert "{" not in path
    return path


def is_read(method: str, path: str) -> bool:
    about_a_job = "jobs/{jobName}" in path and not path.endswith("/logs")
    return method == "GET" and (path.startswith(READS) or about_a_job)


async def test_what_needs_a_token_says_so_before_it_looks_at_the_body(gateway: Gateway) -> None:
    headers = {"Content-Type": "application/json"}
    for method, path in await routes(gateway):
        logs = path.endswith("/logs")
        if (method, path) in ALWAYS_PUBLIC or (is_read(method, path) and not logs):
            continue
        for guest in (gateway.guest, Caller(gateway.http, "no.valid.token")):
            answer = await guest.call(method, filled(path), content=b"{no json", headers=headers)
            assert told(answer) == GUEST, (method, path)
            assert answer.headers["www-authenticate"] == "Bearer"


async def test_reading_is_everybodys_and_a_bad_token_does_not_hinder_it(gateway: Gateway) -> None:
    alice = await gateway.user("alice")
    await alice.good("POST", "/user/alice/jobs", job())
    await gateway.admin.good("PUT", "/virtual-clusters/vc1", {"vcCapacity": 10})
    for method, path in await routes(gateway):
        if is_read(method, path) and SIGNED not in path and not path.endswith("/logs"):
            for guest in (gateway.guest, Caller(gateway.http, "no.valid.token")):
                answer = await guest.call(method, filled(path))
                assert answer.status_code in {200, 404}, (path, answer.text)
                assert answer.status_code == 200 or path.endswith("/ssh") or "/jobs/{j" in path


async def test_where_guests_are_kept_out_every_read_needs_a_token(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("closed")
    async with served(folder, Cluster(), server=", anonymous-read: false") as gateway:
        for method, path in await routes(gateway):
            if (method, path) in ALWAYS_PUBLIC or SIGNED in path:
                continue
            assert told(await gateway.guest.call(method, filled(path))) == GUEST, path
        for path in ("/", "", "//", "/info", "/openapi.json", "//docs", "//healthz", "//readyz"):
            assert (await gateway.guest.get(path)).status_code == 200
        assert (await gateway.guest.call("OPTIONS", "/jobs")).status_code == 204
        login = {"username": "admin", "password": "secret of the admin"}
        assert (await gateway.guest.call("POST", "/token", login)).status_code == 200
        for path in ("//rest-server/api/v1/jobs", "//api/v1//jobs/"):
            assert told(await gateway.guest.get(path)) == GUEST


async def test_what_is_for_administrators_is_refused_to_others_word_for_word(
    gateway: Gateway,
) -> None:
    alice = await gateway.user("alice")
    user = {"username": "other", "password": PASSWORD}
    calls: list[tuple[str, str, dict[str, object] | None]] = [
        ("PUT", "/user", {**user, "modify": False}),
        ("PUT", "/user", {**user, "modify": True}),
        ("PUT", "/user", {"username": "alice", "modify": True, "admin": True}),
        ("DELETE", "/user", {"username": "other"}),
        ("PUT", "/user/alice/virtualClusters", {"virtualClusters": "default"}),
        ("GET", "/user", None),
        ("GET", "/user/other", None),
        ("GET", "/user/admin", None),
        ("PUT", "/virtual-clusters/default", {"vcCapacity": 1}),
        ("DELETE", "/virtual-clusters/default", None),
        ("PUT", "/virtual-clusters/vc1/status", {"vcStatus": "running"}),
        ("GET", "/plugins", None),
    ]
    for method, path, body in calls:
        assert told(await alice.call(method, path, body)) == NOT_ADMIN, (method, path)


async def test_a_user_name_that_is_none_is_invalid_on_every_route(gateway: Gateway) -> None:
    for method, path in await routes(gateway):
        if "{username}" in path:
            bad = filled(path.replace("{username}", "a%20b"))
            answer = told(await gateway.admin.call(method, bad))
            assert (answer.status, answer.code) == (400, "InvalidParametersError"), bad
            assert answer.message.startswith("username: ")


async def test_every_changing_route_refuses_a_body_that_is_no_json(gateway: Gateway) -> None:
    document = (await gateway.guest.get("/openapi.json")).json()
    headers = {"Content-Type": "application/json"}
    for method, path in await routes(gateway):
        operation = cast("dict[str, Any]", document["paths"][f"/api/v1{path}"][method.lower()])
        if "requestBody" in operation:
            url = filled(path).replace("alice", "admin")
            answer = await gateway.admin.call(method, url, content=b'{\n  "a" 1}', headers=headers)
            said = told(answer)
            assert (said.status, said.code) == (400, "InvalidParametersError"), url
            assert "line 2 column 7" in said.message


# ------------------------------------------------------------------------------------- tokens


def signed(clock: HandClock, key: str = SECRET, algorithm: str = "HS256", **claims: object) -> str:
    now = int(clock.seconds)
    good = {"username": "alice", "admin": False, "iat": now, "exp": now + 600, **claims}
    kept = {name: value for name, value in good.items() if value is not None}
    return jwt.encode(kept, key, algorithm=algorithm)


async def test_only_a_good_token_of_this_secret_lets_in(gateway: Gateway, clock: HandClock) -> None:
    alice = await gateway.user("alice")
    own = jwt.decode(cast("str", alice.token), SECRET, algorithms=["HS256"])
    now = int(clock.seconds)
    assert own.keys() == {"username", "admin", "iat", "exp", "epoch"}
    assert (own["username"], own["admin"], own["exp"] - own["iat"]) == ("alice", False, 86_400)

    bad = {
        "none": jwt.encode({**own}, "", algorithm="none"),
        "another algorithm": signed(clock, algorithm="HS512", epoch=own["epoch"]),
        "another key": signed(clock, key="another secret of more than enough bytes"),
        "not yet": signed(clock, nbf=now + 5),
        "over": signed(clock, iat=now - 10, exp=now),
        "no name": signed(clock, username=None),
        "no end": signed(clock, exp=None),
        "no begin": signed(clock, iat=None),
        "nobody": signed(clock, username="nobody"),
        "another's case": signed(clock, username="Alice"),
        "another epoch": signed(clock, epoch=own["epoch"] + 1),
        "before the last change": signed(clock, iat=now - 60),
    }
    for why, token in bad.items():
        stranger = Caller(gateway.http, token)
        assert told(await stranger.get("/user/alice")) == GUEST, why
    for token in (signed(clock, epoch=own["epoch"]), signed(clock)):
        assert (await Caller(gateway.http, token).get("/user/alice")).status_code == 200
    for scheme in ("bearer", "BEARER", "BeArEr"):
        headers = {"Authorization": f"{scheme} {alice.token}"}
        answer = await gateway.guest.call("GET", "/user/alice", headers=headers)
        assert answer.status_code == 200


async def test_a_change_of_password_or_flag_or_a_removal_ends_the_tokens(
    gateway: Gateway, clock: HandClock
) -> None:
    changes: list[tuple[str, dict[str, object]]] = [
        ("PUT", {"username": "alice", "password": "another one", "modify": True}),
        ("PUT", {"username": "alice", "admin": True, "modify": True}),
        ("DELETE", {"username": "alice"}),
    ]
    for method, body in changes:
        alice = await gateway.user("alice")
        without_epoch = Caller(gateway.http, signed(clock))
        clock.seconds += 2
        assert (await alice.get("/user/alice")).status_code == 200
        assert (await without_epoch.get("/user/alice")).status_code == 200

        await gateway.admin.good(method, "/user", body)

        for ended in (alice, without_epoch):
            answer = await ended.call("POST", "/user/alice/jobs", job())
            assert told(answer) == GUEST, body
        if method == "PUT":
            demoted = {"username": "alice", "admin": False, "modify": True}
            await gateway.admin.good("PUT", "/user", demoted)
            await gateway.admin.good("DELETE", "/user", {"username": "alice"})


async def test_the_administrators_flag_of_a_token_counts_for_nothing(
    gateway: Gateway, clock: HandClock
) -> None:
    await gateway.user("alice")

    boasting = Caller(gateway.http, signed(clock, admin=True))
    assert told(await boasting.get("/user")) == NOT_ADMIN

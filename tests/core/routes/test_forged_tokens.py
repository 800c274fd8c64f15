"""Tokens that nobody here issued, and those that are no longer good, by HTTP (section 2)."""

from __future__ import annotations

import base64
import hmac
from collections.abc import AsyncIterator, Mapping
from typing import Final, cast

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jobyard.clock import SystemClock
from tests.core.routes.contract_cluster import Cluster, job, served
from tests.databases import HandClock
from tests.gateways import PASSWORD, Caller, Gateway, Told, told

GUEST: Final = Told(401, "UnauthorizedUserError", "Guest is not allowed to do this operation.")
NOT_ADMIN: Final = Told(403, "ForbiddenUserError", "Non-admin is not allow to do this operation.")
SECRET: Final = "a secret that is long enough to sign with, by any algorithm at all "
OLDER: Final = "the secret of before, which is still good for tokens of last week "
RSA_KEY: Final = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC: Final = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture
def clock() -> HandClock:
    return HandClock(SystemClock().now() // 1000)


@pytest.fixture
async def gateway(
    tmp_path_factory: pytest.TempPathFactory, clock: HandClock
) -> AsyncIterator[Gateway]:
    folder = tmp_path_factory.mktemp("tokens")
    server = f', jwt-secret: ["{SECRET}", "{OLDER}"]'
    async with served(folder, Cluster(), clock=clock, server=server) as gateway:
        yield gateway


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def by_hand(header: Mapping[str, object], claims: Mapping[str, object], key: bytes) -> str:
    """Sign with HMAC what a careful library would not."""
    body = ".".join(_base64(orjson.dumps(dict(part))) for part in (header, claims))
    return f"{body}.{_base64(hmac.digest(key, body.encode(), 'sha256'))}"


def claims_of(caller: Caller) -> dict[str, object]:
    found: dict[str, object] = jwt.decode(
        cast("str", caller.token), SECRET, algorithms=["HS256"], options={"verify_exp": False}
    )
    return found


async def refused(gateway: Gateway, token: str, why: object) -> None:
    """Expect a token to be no better than none, where one is needed."""
    caller = Caller(gateway.http, token)
    for method, path, body in (
        ("GET", "/user/alice", None),
        ("GET", "/user", None),
        ("POST", "/user/alice/jobs", job("forged")),
        ("PUT", "/virtual-clusters/vc1", {"vcCapacity": 1}),
    ):
        assert told(await caller.call(method, path, body)) == GUEST, (why, method, path)
    assert (await gateway.guest.get("/user/alice/jobs/forged")).status_code == 404


async def good(gateway: Gateway, token: str) -> None:
    assert (await Caller(gateway.http, token).get("/user/alice")).status_code == 200


# ------------------------------------------------------------------------------------ forged


async def test_no_other_algorithm_lets_in_whatever_key_comes_with_it(gateway: Gateway) -> None:
    claims = claims_of(await gateway.user("alice"))
    own = jwt.PyJWK.from_dict({"kty": "oct", "k": _base64(b"k" * 32), "alg": "HS256"})
    public = orjson.loads(jwt.algorithms.RSAAlgorithm.to_jwk(RSA_KEY.public_key()))
    await good(gateway, by_hand({"alg": "HS256"}, claims, SECRET.encode()))

    for algorithm, key in (
        ("RS256", RSA_KEY),
        ("PS256", RSA_KEY),
        ("ES256", ec.generate_private_key(ec.SECP256R1())),
        ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
    ):
        for headers in ({}, {"jwk": public}, {"jku": "https://x.test/k"}, {"kid": "0"}):
            token = jwt.encode(claims, key, algorithm=algorithm, headers=headers)
            await refused(gateway, token, (algorithm, headers))
    for algorithm in ("HS384", "HS512"):
        await refused(gateway, jwt.encode(claims, SECRET, algorithm=algorithm), algorithm)
    embedded = {"jwk": {"kty": "oct", "k": _base64(b"k" * 32)}}
    await refused(gateway, jwt.encode(claims, own.key, headers=embedded), "a key of its own")


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None, "hs256", 0])
async def test_no_algorithm_or_a_misspelt_one_lets_nobody_in(
    gateway: Gateway, algorithm: object
) -> None:
    claims = claims_of(await gateway.user("alice"))
    head, body = _base64(orjson.dumps({"alg": algorithm})), _base64(orjson.dumps(claims))

    await refused(gateway, f"{head}.{body}.", "no signature")
    await refused(gateway, f"{head}.{body}", "two parts")
    await refused(gateway, by_hand({"alg": algorithm}, claims, SECRET.encode()), "signed well")


async def test_no_key_that_an_attacker_may_guess_signs_for_this_gateway(gateway: Gateway) -> None:
    claims = claims_of(await gateway.user("alice"))

    for key in (b"", b"\0", b"\0" * 32, b"secret", b"undefined", b"null", PUBLIC, PUBLIC.strip()):
        for kid in ({}, {"kid": "/dev/null"}, {"kid": "../../jwt-secret"}, {"kid": "' OR 1=1"}):
            token = by_hand({"alg": "HS256", "typ": "JWT", **kid}, claims, key)
            await refused(gateway, token, (key[:20], kid))


async def test_a_claim_that_is_changed_under_an_old_signature_is_refused(gateway: Gateway) -> None:
    alice = await gateway.user("alice")
    head, _, signature = cast("str", alice.token).split(".")
    changes: list[dict[str, object]] = [
        {"username": "admin"},
        {"admin": True},
        {"exp": 2**40},
        {"epoch": 0},
    ]
    for changed in changes:
        body = _base64(orjson.dumps(claims_of(alice) | changed))
        await refused(gateway, f"{head}.{body}.{signature}", changed)
        await refused(gateway, f"{head}.{body}.", changed)


@pytest.mark.parametrize("missing", ["username", "iat", "exp"])
async def test_a_token_without_a_claim_is_refused(gateway: Gateway, missing: str) -> None:
    claims = claims_of(await gateway.user("alice"))

    values: list[dict[str, object]] = [
        {},
        {missing: None},
        {missing: ""},
        {missing: []},
        {missing: True},
    ]
    for value in values:
        kept = {name: each for name, each in claims.items() if name != missing} | value
        await refused(gateway, by_hand({"alg": "HS256"}, kept, SECRET.encode()), value)


async def test_a_token_of_another_time_is_refused(gateway: Gateway, clock: HandClock) -> None:
    claims, now = claims_of(await gateway.user("alice")), int(clock.seconds)

    for times in (
        {"nbf": now + 1},
        {"nbf": now + 10**9},
        {"nbf": "soon"},
        {"exp": now},
        {"exp": now - 86_400},
        {"iat": now + 3600},
        {"iat": now + 10**9, "exp": now + 2 * 10**9},
    ):
        await refused(gateway, jwt.encode(claims | times, SECRET), times)
    await good(gateway, jwt.encode(claims | {"nbf": now}, SECRET))


async def test_a_token_ends_when_it_said(gateway: Gateway, clock: HandClock) -> None:
    await gateway.user("alice")
    login = {"username": "alice", "password": PASSWORD, "expiration": 60}
    document = await gateway.guest.good("POST", "/token", login)
    token = cast("dict[str, str]", document)["token"]

    clock.seconds += 59
    await good(gateway, token)
    clock.seconds += 1
    await refused(gateway, token, "over")


async def test_signed_texts_of_another_purpose_are_no_tokens_of_users(gateway: Gateway) -> None:
    claims = claims_of(await gateway.user("alice"))

    for audience in ("jobyard:storage", "jobyard:link:ssh-key", "somebody", None, ["alice"], ""):
        await refused(gateway, jwt.encode(claims | {"aud": audience}, SECRET), audience)


async def test_a_token_counts_in_its_header_alone(gateway: Gateway) -> None:
    token = cast("str", (await gateway.user("alice")).token)

    for query in ("token", "access_token", "delegation", "Authorization"):
        assert told(await gateway.guest.get(f"/user/alice?{query}={token}")) == GUEST
    for headers in (
        {"Cookie": f"token={token}; access_token={token}"},
        {"X-Access-Token": token},
        {"Proxy-Authorization": f"Bearer {token}"},
        {"Authorization": token},
        {"Authorization": f"Token {token}"},
        {"Authorization": f"Bearer, {token}"},
    ):
        assert told(await gateway.guest.call("GET", "/user/alice", headers=headers)) == GUEST


async def test_the_secrets_of_before_verify_and_only_the_first_signs(gateway: Gateway) -> None:
    claims = claims_of(await gateway.user("alice"))  # which are read with the first secret

    await good(gateway, jwt.encode(claims, OLDER))
    await refused(gateway, jwt.encode(claims, f"{OLDER}."), "a forgotten one")


# --------------------------------------------------------------------------- no longer good


async def test_a_demoted_administrators_token_ends_and_a_new_one_has_no_rights(
    gateway: Gateway, clock: HandClock
) -> None:
    await gateway.user("alice")
    change: dict[str, object] = {"username": "alice", "modify": True}
    await gateway.admin.good("PUT", "/user", change | {"admin": True})
    alice = await gateway.log_in("alice")
    without_epoch = {name: each for name, each in claims_of(alice).items() if name != "epoch"}
    old = Caller(gateway.http, jwt.encode(without_epoch, SECRET))
    for caller in (alice, old):
        assert (await caller.get("/user")).status_code == 200
    clock.seconds += 1

    await gateway.admin.good("PUT", "/user", change | {"admin": False})

    await refused(gateway, cast("str", alice.token), "demoted")
    await refused(gateway, cast("str", old.token), "demoted, without epoch")
    assert told(await (await gateway.log_in("alice")).get("/user")) == NOT_ADMIN


async def test_a_removed_users_token_fits_no_namesake_with_the_same_password(
    gateway: Gateway, clock: HandClock
) -> None:
    alice = await gateway.user("alice")
    await gateway.admin.good("DELETE", "/user", {"username": "alice"})
    await refused(gateway, cast("str", alice.token), "gone")
    clock.seconds += 1

    namesake = await gateway.user("alice")

    await refused(gateway, cast("str", alice.token), "another's")
    await good(gateway, cast("str", namesake.token))


async def test_a_changed_password_ends_tokens_and_the_old_password_also_when_it_is_changed_back(
    gateway: Gateway, clock: HandClock
) -> None:
    alice = await gateway.user("alice")
    change = {"username": "alice", "modify": True}
    await alice.good("PUT", "/user", {**change, "password": "another one"})

    await refused(gateway, cast("str", alice.token), "changed by herself")
    old = {"username": "alice", "password": PASSWORD}
    assert told(await gateway.guest.call("POST", "/token", old)).code == "IncorrectPassworkError"
    again = await gateway.log_in("alice", "another one")
    clock.seconds += 1
    await again.good("PUT", "/user", {**change, "password": PASSWORD})
    await refused(gateway, cast("str", alice.token), "changed back")
    await refused(gateway, cast("str", again.token), "changed back")
    await good(gateway, cast("str", (await gateway.log_in("alice")).token))


async def test_without_an_epoch_the_second_of_the_change_decides(
    gateway: Gateway, clock: HandClock
) -> None:
    alice = await gateway.user("alice")
    claims = {name: each for name, each in claims_of(alice).items() if name != "epoch"}
    clock.seconds += 10
    change = {"username": "alice", "modify": True, "password": "another one"}
    await gateway.admin.good("PUT", "/user", change)
    now = int(clock.seconds)

    for issued in (now - 1, now - 10, 0):
        await refused(gateway, jwt.encode(claims | {"iat": issued}, SECRET), issued)
    for issued in (now, now + 1):
        await good(gateway, jwt.encode(claims | {"iat": issued}, SECRET))


async def test_a_change_of_grants_alone_leaves_the_tokens(gateway: Gateway) -> None:
    alice = await gateway.user("alice")
    await gateway.admin.good("PUT", "/virtual-clusters/vc1", {"vcCapacity": 10})
    await gateway.admin.good("PUT", "/user/alice/virtualClusters", {"virtualClusters": "vc1"})

    await good(gateway, cast("str", alice.token))


async def test_an_administrators_own_new_password_ends_the_old_token(gateway: Gateway) -> None:
    change = {"username": "admin", "modify": True, "password": "another one"}
    await gateway.admin.good("PUT", "/user", change)

    assert told(await gateway.admin.get("/user")) == GUEST
    again = await gateway.log_in("admin", "another one")
    assert (await again.get("/user")).status_code == 200

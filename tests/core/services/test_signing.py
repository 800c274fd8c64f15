from __future__ import annotations

import base64
import hmac
import json

import jwt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jobyard.errors import ForbiddenUser, UnauthorizedUser
from jobyard.secret import Secret
from jobyard.services.signing import LARGEST_SKEW, BadSignature, Signer, UserClaims
from tests.databases import HandClock

KEY = Secret("k" * 40)
OTHER = Secret("another key, of which nobody here has heard")
NOW = 1_700_000_000
CLOCK = HandClock(NOW)
SIGNER = Signer((KEY,), CLOCK)
CLAIMS = UserClaims("alice", False, NOW, NOW + 60, epoch=7)
TOKEN = SIGNER.sign_user(CLAIMS)
GOOD: dict[str, object] = {
    "username": "alice",
    "admin": False,
    "iat": NOW,
    "exp": NOW + 60,
    "epoch": 7,
}


def encoded(claims: dict[str, object], key: Secret = KEY, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, key.reveal(), algorithm=algorithm)


def refused(token: str, signer: Signer = SIGNER) -> None:
    with pytest.raises(UnauthorizedUser) as caught:
        signer.read_user(token)
    assert caught.value.message == "Guest is not allowed to do this operation."


def test_a_token_says_what_was_signed() -> None:
    assert SIGNER.read_user(TOKEN) == CLAIMS


def test_a_token_has_the_contracts_claims_and_no_others() -> None:
    claims = jwt.decode(TOKEN, KEY.reveal(), algorithms=["HS256"], options={"verify_exp": False})

    assert claims == GOOD
    assert jwt.get_unverified_header(TOKEN) == {"alg": "HS256", "typ": "JWT"}


def test_the_first_secret_signs_and_all_verify() -> None:
    rotated = Signer((OTHER, KEY), CLOCK)

    assert rotated.read_user(TOKEN) == CLAIMS
    assert rotated.read_user(rotated.sign_user(CLAIMS)) == CLAIMS
    refused(rotated.sign_user(CLAIMS))


def test_short_secrets_sign_and_verify() -> None:
    short = Signer((Secret("abc"),), CLOCK)
    head, body, signature = (token := short.sign_user(CLAIMS)).split(".")

    assert short.read_user(token) == CLAIMS
    assert _base64(hmac.digest(b"abc", f"{head}.{body}".encode(), "sha256")) == signature


@pytest.mark.parametrize("secrets", [(), (Secret(""),), (KEY, Secret(""))])
def test_no_secret_and_an_empty_one_are_refused(secrets: tuple[Secret, ...]) -> None:
    with pytest.raises(ValueError, match="no secret"):
        Signer(secrets, CLOCK)


def test_no_secret_shows_in_the_repr() -> None:
    assert KEY.reveal() not in repr(SIGNER)


@pytest.mark.parametrize("missing", ["username", "iat", "exp"])
def test_tokens_without_a_claim_are_refused(missing: str) -> None:
    refused(encoded({name: value for name, value in GOOD.items() if name != missing}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"exp": NOW},
        {"exp": NOW - 1},
        {"exp": True},
        {"exp": "soon"},
        {"exp": float("inf")},
        {"exp": None},
        {"iat": float("nan")},
        {"iat": None},
        {"iat": NOW + 3600},
        {"nbf": NOW + 1},
        {"nbf": "later"},
        {"username": ""},
        {"username": "no name"},
        {"username": None},
        {"username": 7},
        {"username": ["alice"]},
        {"epoch": None},
        {"epoch": True},
        {"epoch": "7"},
        {"epoch": 7.0},
        {"aud": "somebody"},
        {"aud": None},
        {"aud": "jobyard:storage"},
    ],
    ids=str,
)
def test_tokens_with_a_wrong_claim_are_refused(wrong: dict[str, object]) -> None:
    good, bad = GOOD, GOOD | wrong

    assert SIGNER.read_user(hand_made(good)) == CLAIMS
    refused(hand_made(bad))


def hand_made(
    claims: dict[str, object], header: object = None, key: bytes = KEY.reveal().encode()
) -> str:
    """Sign what a careful library would not."""
    head = {"alg": "HS256", "typ": "JWT"} if header is None else header
    parts = [_base64(json.dumps(part).encode()) for part in (head, claims)]
    signed = hmac.digest(key, ".".join(parts).encode(), "sha256")
    return ".".join([*parts, _base64(signed)])


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@pytest.mark.parametrize("moment", [{"nbf": NOW}, {"nbf": NOW - 5}, {"iat": NOW + LARGEST_SKEW}])
def test_a_token_is_valid_from_the_moment_it_names(moment: dict[str, object]) -> None:
    assert SIGNER.read_user(encoded(GOOD | moment)).username == "alice"


def test_other_issuers_may_have_no_epoch_and_claims_of_their_own() -> None:
    claims = {"username": "alice", "admin": True, "iat": NOW - 0.5, "exp": NOW + 60, "sub": 7}

    assert SIGNER.read_user(encoded(claims)) == UserClaims("alice", True, NOW - 0.5, NOW + 60, None)


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_other_algorithms_are_refused(algorithm: str) -> None:
    long = Secret("k" * 64)

    refused(encoded(GOOD, long, algorithm), Signer((long,), CLOCK))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None, "HS256 ", 7])
def test_no_algorithm_is_refused(algorithm: object) -> None:
    body = TOKEN.split(".")[1]
    head = _base64(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())

    refused(f"{head}.{body}.")
    refused(f"{head}.{body}.{TOKEN.split('.')[2]}")
    refused(hand_made(GOOD, {"alg": algorithm}))


def test_another_key_is_refused() -> None:
    refused(encoded(GOOD, OTHER))


@pytest.mark.parametrize(
    "header",
    [[], 7, {"alg": "HS256", "b64": False, "crit": ["b64"]}, {"alg": "HS256", "crit": ["x"]}],
    ids=str,
)
def test_strange_headers_are_refused(header: object) -> None:
    refused(hand_made(GOOD, header))


@pytest.mark.parametrize("nested", ["[", '{"a":'])
def test_deeply_nested_headers_are_refused(nested: str) -> None:
    head = _base64((nested * (6000 // len(nested)))[:6000].encode())

    refused(f"{head}.e30.e30")


def test_endless_tokens_are_refused() -> None:
    refused(encoded(GOOD | {"more": "x" * 10_000}))


@given(st.data())
def test_a_token_that_was_changed_anywhere_is_refused(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(TOKEN) - 1))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
    to = data.draw(st.sampled_from(alphabet).filter(lambda each: each != TOKEN[at]))
    changed = f"{TOKEN[:at]}{to}{TOKEN[at + 1 :]}"
    # The last character of base64 has bits that mean nothing.
    spare = at == len(TOKEN) - 1 and _decoded(changed) == _decoded(TOKEN)

    if not spare:
        refused(changed)


def _decoded(token: str) -> bytes:
    last = token.rpartition(".")[2]
    return base64.urlsafe_b64decode(last + "=" * (-len(last) % 4))


@given(st.text(max_size=200))
def test_no_text_is_taken_for_a_token(text: str) -> None:
    refused(text)


CLAIM = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20))


@given(
    st.dictionaries(
        st.sampled_from(["username", "admin", "iat", "exp", "epoch", "aud", "nbf", "sub", "x"]),
        CLAIM,
    )
)
def test_whatever_the_claims_only_a_good_user_token_is_read(claims: dict[str, object]) -> None:
    try:
        found = SIGNER.read_user(hand_made(claims))
    except UnauthorizedUser:
        return

    assert "aud" not in claims
    assert found.username == claims["username"]
    assert found.expires_at > NOW
    assert found.epoch == claims.get("epoch")


@given(st.dictionaries(st.sampled_from(list(GOOD)), CLAIM), st.binary(max_size=80))
def test_no_claims_by_another_key_are_read(changes: dict[str, object], key: bytes) -> None:
    assume(key.rstrip(b"\0") != KEY.reveal().encode())

    refused(hand_made(GOOD | changes, key=key))


def test_a_link_is_for_its_subject_alone() -> None:
    link = SIGNER.sign_link("ssh-key", "s1", 300)

    SIGNER.check_link("ssh-key", "s1", link)
    for purpose, subject in [("ssh-key", "s2"), ("other", "s1"), ("ssh-key", "")]:
        with pytest.raises(ForbiddenUser):
            SIGNER.check_link(purpose, subject, link)


def test_an_empty_subject_is_nobodys() -> None:
    with pytest.raises(ForbiddenUser):
        SIGNER.check_link("ssh-key", "", SIGNER.sign_link("ssh-key", "", 300))


def test_a_link_ends() -> None:
    clock = HandClock(NOW)
    signer = Signer((KEY,), clock)
    link = signer.sign_link("ssh-key", "s1", 300)

    clock.seconds += 299
    signer.check_link("ssh-key", "s1", link)
    clock.seconds += 1
    with pytest.raises(ForbiddenUser, match="expired"):
        signer.check_link("ssh-key", "s1", link)


def test_no_token_is_taken_for_one_of_another_purpose() -> None:
    link = SIGNER.sign_link("ssh-key", "alice", 300)
    storage = SIGNER.sign("jobyard:storage", "alice", 300, {"username": "alice", "epoch": 7})

    for token in (link, storage):
        refused(token)
    for token in (TOKEN, storage, encoded(GOOD | {"sub": "alice"})):
        with pytest.raises(ForbiddenUser):
            SIGNER.check_link("ssh-key", "alice", token)
    for token in (TOKEN, link, encoded(GOOD | {"sub": "alice"})):
        with pytest.raises(BadSignature):
            SIGNER.read("jobyard:storage", token)

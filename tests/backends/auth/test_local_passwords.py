from __future__ import annotations

import argon2
import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st

from jobyard.secret import Secret
from jobyard_backends.auth.local import passwords
from jobyard_backends.auth.local.passwords import Passwords, Verdict

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


async def test_a_hash_is_argon2id_with_owasps_parameters() -> None:
    hashed = await Passwords().hash(Secret("secret"))

    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert "secret" not in hashed


async def test_two_hashes_of_one_password_differ() -> None:
    hasher = Passwords()

    assert await hasher.hash(Secret("secret")) != await hasher.hash(Secret("secret"))


@given(TEXT, TEXT)
@settings(max_examples=15, deadline=None)
async def test_the_right_password_is_right_and_no_other(right: str, other: str) -> None:
    hasher = Passwords()
    hashed = await hasher.hash(Secret(right))

    assert await hasher.verify(hashed, Secret(right)) == Verdict(right=True)
    assert (await hasher.verify(hashed, Secret(other))).right == (right == other)


async def test_no_password_is_right_for_nobody_and_the_work_is_that_of_a_real_hash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hasher, verified = Passwords(), []
    real = await hasher.hash(Secret("secret"))

    def watching(self: PasswordHasher, kept: str, password: str) -> bool:
        verified.append(kept)
        return original(self, kept, password)

    original = PasswordHasher.verify
    monkeypatch.setattr(PasswordHasher, "verify", watching)

    assert await hasher.verify(None, Secret("secret")) == Verdict(right=False)
    (dummy,) = verified
    assert argon2.extract_parameters(dummy) == argon2.extract_parameters(real)


async def test_a_hash_of_other_parameters_is_made_anew() -> None:
    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("secret")
    hasher = Passwords()

    verdict = await hasher.verify(old, Secret("secret"))

    assert verdict.right
    assert verdict.rehashed is not None
    assert await hasher.verify(verdict.rehashed, Secret("secret")) == Verdict(right=True)
    assert await hasher.verify(old, Secret("other")) == Verdict(right=False)


@pytest.mark.parametrize("broken", ["", "plain text", "$argon2id$v=19$m=19456,t=2,p=1$AAAA"])
async def test_a_hash_that_cannot_be_read_lets_nobody_in(broken: str) -> None:
    assert await Passwords().verify(broken, Secret(broken)) == Verdict(right=False)


def test_hashing_leaves_a_processor_to_the_loop() -> None:
    assert passwords.THREADS == 2


async def test_nobody_is_let_in_even_by_the_password_that_the_dummy_has() -> None:
    hasher = Passwords()
    hasher._dummy = await hasher.hash(Secret("secret"))

    assert await hasher.verify(None, Secret("secret")) == Verdict(right=False)

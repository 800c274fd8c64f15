# ruff: noqa: ASYNC240 - small files, of the test's own
from __future__ import annotations

import stat
from pathlib import Path

import anyio
import pytest

from jobyard.secret import Secret
from jobyard.services.state_secrets import (
    UnusableSecret,
    forget_password,
    jwt_secrets,
    keep_password,
    new_password,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_configured_secrets_are_taken_and_none_is_made(tmp_path: Path) -> None:
    secrets = (Secret("one"), Secret("two"))

    assert await jwt_secrets(secrets, tmp_path) == secrets
    assert list(tmp_path.iterdir()) == []


async def test_a_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    (first,) = await jwt_secrets((), tmp_path)
    (second,) = await jwt_secrets((), tmp_path)

    assert first == second
    assert len(first.reveal().encode()) >= 32
    assert [path.name for path in tmp_path.iterdir()] == ["jwt-secret"]
    assert mode(tmp_path / "jwt-secret") == 0o600


async def test_of_many_starts_at_once_all_have_one_secret(tmp_path: Path) -> None:
    found: list[tuple[Secret, ...]] = []

    async def start() -> None:
        found.append(await jwt_secrets((), tmp_path))

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(start)

    assert len(set(found)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["jwt-secret"]


async def test_two_state_directories_have_two_secrets(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    assert await jwt_secrets((), tmp_path / "a") != await jwt_secrets((), tmp_path / "b")


async def test_a_secret_that_others_can_read_is_locked_up(tmp_path: Path) -> None:
    path = tmp_path / "jwt-secret"
    path.write_text("kept\n")
    path.chmod(0o644)

    assert await jwt_secrets((), tmp_path) == (Secret("kept"),)
    assert mode(path) == 0o600


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
async def test_a_file_without_a_secret_is_told_with_its_name(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "jwt-secret").write_bytes(content)

    with pytest.raises(UnusableSecret, match="jwt-secret"):
        await jwt_secrets((), tmp_path)


async def test_a_folder_that_cannot_be_used_is_told_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(UnusableSecret, match="jwt-secret"):
        await jwt_secrets((), tmp_path / "missing")
    with pytest.raises(UnusableSecret, match="admin-password"):
        await keep_password(tmp_path / "missing", Secret("x"))


async def test_a_password_replaces_an_older_one_and_can_be_forgotten(tmp_path: Path) -> None:
    await keep_password(tmp_path, Secret("old"))
    path = await keep_password(tmp_path, Secret("new"))

    assert path.read_text() == "new\n"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]

    await forget_password(tmp_path)
    await forget_password(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_passwords_are_long_and_differ() -> None:
    made = {new_password().reveal() for _ in range(100)}

    assert len(made) == 100
    assert all(len(each) >= 20 for each in made)

"""Who may ask for files."""

from __future__ import annotations

import httpx
import pytest

from jobyard.seams.storage import (
    Storage,
)
from tests.core.routes.file_gateway import OPERATIONS, Gateway, refusal


@pytest.mark.parametrize(
    ("method", "operation"), [(m, o) for m, each in OPERATIONS.items() for o in each]
)
async def test_nobody_gets_anything_without_a_valid_token(
    gateway: Gateway, method: str, operation: str
) -> None:
    expected = (401, "SecurityException", "Guest is not allowed to do this operation.")
    for token, query in (
        (None, {}),
        ("no-token", {}),
        (None, {"delegation": "no-token"}),
        (None, {"user.name": "root"}),
    ):
        answer = await gateway.ask(method, "/f", operation, token=token, step="data", **query)
        assert refusal(answer) == expected
    answer = await gateway.client.request(
        method, f"/webhdfs/v1/f?op={operation}", headers={"Authorization": "Basic YTpi"}
    )
    assert refusal(answer) == expected


@pytest.mark.parametrize(
    "given",
    [
        {"headers": {"Authorization": "bearer alice-token"}},
        {"headers": {"Authorization": "Bearer task-token"}},
        {"params": {"delegation": "alice-token"}},
        {"params": {"delegation": "task-token", "user.name": "bob"}},
        {"headers": {"Authorization": "Bearer alice-token"}, "params": {"doas": "alice"}},
    ],
)
async def test_tokens_of_users_and_of_their_tasks_are_taken(
    gateway: Gateway, given: dict[str, dict[str, str]]
) -> None:
    params = {"op": "GETHOMEDIRECTORY", **given.get("params", {})}

    answer = await gateway.client.get(
        "/webhdfs/v1/", params=params, headers=given.get("headers", {})
    )

    assert answer.json() == {"Path": "/user/alice"}


async def test_a_bad_header_is_not_made_good_by_the_query(gateway: Gateway) -> None:
    answer = await gateway.ask(
        "GET", "/", "GETHOMEDIRECTORY", token="no-token", delegation="alice-token"
    )

    assert refusal(answer)[0] == 401


async def test_nobody_acts_as_another(gateway: Gateway) -> None:
    answer = await gateway.ask("GET", "/", "GETHOMEDIRECTORY", doas="alice")

    assert refusal(answer) == (
        403,
        "AuthorizationException",
        "User: root is not allowed to impersonate alice",
    )


async def test_a_name_is_trusted_only_where_that_is_configured(storage: Storage) -> None:
    trusting = Gateway(storage, trust_user_name=True)

    async def ask(name: str) -> httpx.Response:
        return await trusting.ask("GET", "/", "GETHOMEDIRECTORY", token=None, **{"user.name": name})

    assert (await ask("alice")).json() == {"Path": "/user/alice"}
    assert refusal(await ask("1bad!name"))[:2] == (400, "IllegalArgumentException")
    assert refusal(await ask(""))[:2] == (401, "SecurityException")


async def test_a_trusted_name_has_no_rights_of_administrators(storage: Storage) -> None:
    trusting = Gateway(storage, trust_user_name=True)

    answer = await trusting.ask("PUT", "/d", "MKDIRS", token=None, **{"user.name": "root"})

    assert refusal(answer)[:2] == (403, "AccessControlException")


async def test_users_do_not_write_to_one_another(gateway: Gateway) -> None:
    await gateway.put("/user/alice/f", b"alice's", token="alice-token", permission="600")

    written = await gateway.put("/user/alice/g", token="bob-token")
    assert refusal(written) == (
        403,
        "AccessControlException",
        (
            "Permission denied: user=bob, access=WRITE_EXECUTE, "
            'inode="/user/alice":alice:alice:drwxr-xr-x'
        ),
    )
    read = await gateway.ask("GET", "/user/alice/f", "OPEN", token="bob-token", step="data")
    assert refusal(read)[:2] == (403, "AccessControlException")

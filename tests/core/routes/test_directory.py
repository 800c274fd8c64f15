"""Users of a directory, on a whole gateway (contract, sections 2 and 3)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from jobyard.domain.identity import Identity
from tests.accounts import PASSWORD, Directory
from tests.gateways import Caller, Gateway, Told, auth_double, running, told

GUEST = Told(401, "UnauthorizedUserError", "Guest is not allowed to do this operation.")
CONFIGURATION = """
rest-server: {default-pai-admin-password: secret of the admin}
auth: [local, double]
accounts:
  recheck: 0
  stale-for: 0
  admins: {groups: [operators]}
  virtual-cluster-groups: {vc1: [team1]}
"""


@pytest.fixture
def directory() -> Directory:
    return Directory(
        Identity("double", "carol", frozenset({"team1"})),
        Identity("double", "olga", frozenset({"operators"})),
    )


@pytest.fixture
async def gateway(tmp_path: Path, directory: Directory) -> AsyncIterator[Gateway]:
    async with running(tmp_path, CONFIGURATION, auth_double(directory)) as gateway:
        yield gateway


@pytest.fixture
async def carol(gateway: Gateway) -> Caller:
    return await gateway.log_in("carol", PASSWORD.reveal())


async def test_groups_make_administrators_and_grant_virtual_clusters(
    gateway: Gateway, carol: Caller
) -> None:
    olga = await gateway.log_in("olga", PASSWORD.reveal())
    await olga.good("PUT", "/virtual-clusters/vc1", {"vcCapacity": 20})
    role = {"name": "main", "command": "true"}
    job = {"jobName": "x", "image": "none", "virtualCluster": "vc1", "taskRoles": [role]}
    await carol.good("POST", "/user/carol/jobs", job)

    shown = cast("dict[str, str]", await carol.good("GET", "/user/carol"))
    assert (shown["admin"], shown["virtualCluster"]) == ("false", "default,vc1")


async def test_who_left_the_directory_has_no_token_any_more(
    directory: Directory, carol: Caller
) -> None:
    assert (await carol.get("/user/carol")).status_code == 200
    del directory.people["carol"]

    assert told(await carol.get("/user/carol")) == GUEST


async def test_who_lost_the_group_is_no_administrator_any_more(
    gateway: Gateway, directory: Directory
) -> None:
    olga = await gateway.log_in("olga", PASSWORD.reveal())
    assert (await olga.get("/user")).status_code == 200
    directory.put(Identity("double", "olga"))

    assert told(await olga.get("/user")) == GUEST
    again = await gateway.log_in("olga", PASSWORD.reveal())
    message = "Non-admin is not allow to do this operation."
    assert told(await again.get("/user")) == Told(403, "ForbiddenUserError", message)


async def test_a_directory_that_is_down_is_never_an_unknown_user(
    gateway: Gateway, directory: Directory, carol: Caller
) -> None:
    directory.down = True
    log_in = await gateway.guest.call(
        "POST", "/token", {"username": "carol", "password": PASSWORD.reveal()}
    )
    answer = told(log_in)

    assert (answer.status, answer.code) == (500, "UnknownError")
    assert "auth.double" in answer.message
    assert int(log_in.headers["retry-after"]) > 0
    assert told(await carol.get("/user/carol")).status == 500
    assert (await carol.get("/jobs")).status_code == 200


async def test_users_of_a_directory_are_managed_there(gateway: Gateway, carol: Caller) -> None:
    del carol
    change = {"username": "carol", "password": "another one", "modify": True}
    for response in (
        await gateway.admin.call("PUT", "/user", change),
        await gateway.admin.call("DELETE", "/user", {"username": "carol"}),
    ):
        message = "Users are managed in the directory 'double', not here."
        assert told(response) == Told(403, "ForbiddenUserError", message)


async def test_a_directorys_name_in_another_case_is_found_in_a_path(
    gateway: Gateway, carol: Caller
) -> None:
    del carol
    shown = cast("dict[str, str]", await gateway.admin.good("GET", "/user/Carol"))

    assert shown["username"] == "carol"

"""A whole gateway in front of a real directory, with ``auth: [local, ldap]``."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import cast

import pytest

from jobyard.secret import Secret
from tests.backends.auth.ldap.world import spelt
from tests.gateways import Gateway, Told, running, told
from tests.slapd import PASSWORD, Slapd, dn_of, group, group_dn, person, running_slapd

GUEST = Told(401, "UnauthorizedUserError", "Guest is not allowed to do this operation.")
NOT_ADMIN = Told(403, "ForbiddenUserError", "Non-admin is not allow to do this operation.")
MANAGED = Told(403, "ForbiddenUserError", "Users are managed in the directory 'ldap', not here.")
CONFIGURATION = """
rest-server: {{default-pai-admin-password: secret of the admin}}
auth:
  - local
  - ldap: {ldap}
accounts:
  recheck: 0
  stale-for: 0
  login-throttle: off
  admins: {{groups: ["{operators}"]}}
  virtual-cluster-groups: {{vc1: ["{team}"]}}
"""


@pytest.fixture
def filled() -> Iterator[Slapd]:
    with running_slapd() as server:
        server.add(
            person("carol"),
            person("olga"),
            person("dot.ted"),
            group("team", dn_of("carol")),
            group("seniors", dn_of("olga")),
            group("operators", group_dn("seniors")),
        )
        yield server


def configuration(server: Slapd, **more: object) -> str:
    settings = server.settings(nested_groups="expand", name_map={".": "_"}, **more)
    return CONFIGURATION.format(
        ldap=json.dumps(spelt(settings)), operators=group_dn("operators"), team=group_dn("team")
    )


@pytest.fixture
async def gateway(filled: Slapd, tmp_path: Path) -> AsyncIterator[Gateway]:
    async with running(tmp_path, configuration(filled)) as gateway:
        yield gateway


async def shown(gateway: Gateway, path: str) -> dict[str, str]:
    return cast("dict[str, str]", await gateway.admin.good("GET", path))


async def test_groups_three_deep_make_administrators_and_grant_virtual_clusters(
    gateway: Gateway,
) -> None:
    olga = await gateway.log_in("Olga", PASSWORD.reveal())
    await olga.good("PUT", "/virtual-clusters/vc1", {"vcCapacity": 20})
    await gateway.log_in("carol ", PASSWORD.reveal())

    carol = await shown(gateway, "/user/CAROL")

    assert (carol["username"], carol["admin"]) == ("carol", "false")
    assert carol["virtualCluster"] == "default,vc1"


async def test_names_that_only_a_directory_has_are_taken_and_become_canonical(
    gateway: Gateway,
) -> None:
    credentials = {"username": "Dot.Ted", "password": PASSWORD.reveal()}
    document = await gateway.guest.good("POST", "/token", credentials)

    assert cast("dict[str, object]", document)["user"] == "dot_ted"
    assert (await shown(gateway, "/user/dot_ted"))["username"] == "dot_ted"


async def test_every_case_is_one_user_with_one_namespace(gateway: Gateway) -> None:
    role = {"name": "main", "command": "true"}
    job = {"jobName": "x", "image": "none", "taskRoles": [role]}
    for name in ("carol", "CAROL", "Carol "):
        caller = await gateway.log_in(name, PASSWORD.reveal())
        response = await caller.call("POST", "/user/carol/jobs", job)
        assert response.status_code in {202, 409}

    assert response.status_code == 409


async def test_a_wrong_password_and_an_unknown_name_are_told_as_the_contract_says(
    gateway: Gateway,
) -> None:
    for name, code, message in (
        ("carol", "IncorrectPassworkError", "Password is incorrect."),
        ("nobody", "NoUserError", "User nobody is not found."),
        ("carol)(uid=*", "NoUserError", "User carol)(uid=* is not found."),
    ):
        body = {"username": name, "password": "a wrong one"}
        assert told(await gateway.guest.call("POST", "/token", body)) == Told(400, code, message)


async def test_tokens_of_whoever_left_or_was_disabled_end(filled: Slapd, gateway: Gateway) -> None:
    carol = await gateway.log_in("carol", PASSWORD.reveal())
    olga = await gateway.log_in("olga", PASSWORD.reveal())
    assert (await carol.get("/user/carol")).status_code == 200

    filled.change(dn_of("carol"), pwdAccountLockedTime="000001010000Z")
    assert told(await carol.get("/user/carol")) == GUEST
    filled.remove(dn_of("olga"))
    assert told(await olga.get("/user/olga")) == GUEST


async def test_who_lost_the_group_is_no_administrator_any_more(
    filled: Slapd, gateway: Gateway
) -> None:
    olga = await gateway.log_in("olga", PASSWORD.reveal())
    assert (await olga.get("/user")).status_code == 200

    filled.change_list(group_dn("seniors"), "member", [dn_of("carol")])
    assert told(await olga.get("/user")) == GUEST
    again = await gateway.log_in("olga", PASSWORD.reveal())
    assert told(await again.get("/user")) == NOT_ADMIN


async def test_a_directory_that_is_down_is_an_error_and_keeps_local_users_in(
    filled: Slapd, gateway: Gateway
) -> None:
    carol = await gateway.log_in("carol", PASSWORD.reveal())
    filled.stop()
    for name in ("carol", "never_seen"):
        body = {"username": name, "password": PASSWORD.reveal()}
        response = await gateway.guest.call("POST", "/token", body)
        answer = told(response)

        assert (answer.status, answer.code) == (500, "UnknownError")
        assert "auth.ldap" in answer.message
        assert "localhost" not in answer.message
        assert int(response.headers["retry-after"]) > 0
    assert told(await carol.get("/user/carol")).status == 500
    assert (await gateway.admin.get("/user")).status_code == 200


async def test_users_of_the_directory_are_managed_there(gateway: Gateway) -> None:
    await gateway.log_in("carol", PASSWORD.reveal())
    change = {"username": "carol", "password": "another one", "modify": True}
    for response in (
        await gateway.admin.call("PUT", "/user", change),
        await gateway.admin.call("DELETE", "/user", {"username": "carol"}),
    ):
        assert told(response) == MANAGED

    await gateway.admin.good("PUT", "/virtual-clusters/vc2", {"vcCapacity": 10})
    names = {"virtualClusters": "vc2"}
    await gateway.admin.good("PUT", "/user/carol/virtualClusters", names)
    assert (await shown(gateway, "/user/carol"))["virtualCluster"] == "default,vc1,vc2"


@pytest.mark.parametrize("everybody", [False, True])
async def test_listed_is_who_was_seen_or_everybody(
    filled: Slapd, tmp_path: Path, *, everybody: bool
) -> None:
    async with running(tmp_path, configuration(filled, list_users=everybody)) as gateway:
        await gateway.log_in("carol", PASSWORD.reveal())
        document = await gateway.admin.good("GET", "/user")
        listed = {each["username"]: each for each in cast("list[dict[str, str]]", document)}

    assert listed.keys() == {"admin", "carol", *({"olga", "dot_ted"} if everybody else ())}
    assert listed["carol"]["virtualCluster"] == "default,vc1"
    if everybody:
        assert listed["olga"]["admin"] == "true"


async def test_a_name_that_the_directory_has_too_stays_the_local_users(
    filled: Slapd, gateway: Gateway
) -> None:
    filled.add(person("admin"))
    body = {"username": "admin", "password": PASSWORD.reveal()}

    assert told(await gateway.guest.call("POST", "/token", body)).code == "IncorrectPassworkError"


async def test_no_password_is_in_the_log(
    filled: Slapd, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    secret = Secret("xyzzy of 4711")
    await gateway.log_in("carol", PASSWORD.reveal())
    for name in ("carol", "nobody"):
        body = {"username": name, "password": secret.reveal()}
        await gateway.guest.call("POST", "/token", body)

    for password in (secret, PASSWORD, cast("Secret", filled.settings()["bind-password"])):
        assert password.reveal() not in caplog.text

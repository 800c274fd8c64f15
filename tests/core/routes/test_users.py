from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import orjson
import pytest
from attrs import frozen

from jobyard.domain.identity import Identity
from jobyard.secret import Secret
from tests.accounts import PASSWORD, Directory, Town, town
from tests.databases import Database

CAROL = Identity("directory", "carol")
NOT_ADMIN = "Non-admin is not allow to do this operation."
Headers = dict[str, str]


@frozen
class World:
    town: Town
    client: httpx.AsyncClient
    root: Headers
    alice: Headers

    async def ask(
        self, method: str, path: str, headers: Headers, body: object = None
    ) -> httpx.Response:
        return await self.client.request(method, path, headers=headers, json=body)

    async def known(self, name: str, password: str = PASSWORD.reveal()) -> bool:
        body = {"username": name, "password": password}
        return (await self.client.post("/token", json=body)).status_code == 200


@pytest.fixture
async def world(sqlite_database: Database) -> AsyncIterator[World]:
    async with (
        sqlite_database.open() as store,
        town(store, sqlite_database.state_dir, directory=Directory(CAROL)) as here,
        here.client() as client,
    ):
        await here.add("root", admin=True)
        await here.add("alice")
        await here.add("bob")
        yield World(here, client, await here.bearer("root"), await here.bearer("alice"))


def says(answer: httpx.Response, status: int, code: str, message: str) -> None:
    assert answer.status_code == status
    assert answer.content == orjson.dumps({"code": code, "message": message})


def done(answer: httpx.Response, status: int, message: str) -> None:
    assert answer.status_code == status
    assert answer.content == orjson.dumps({"message": message})


def shown(name: str, admin: str, clusters: str) -> dict[str, object]:
    return {"username": name, "admin": admin, "virtualCluster": clusters, "hasGithubPAT": False}


def user(name: str, **more: object) -> dict[str, object]:
    return {"username": name, "password": PASSWORD.reveal(), **more}


# --------------------------------------------------------------------------------- PUT /user


@pytest.mark.parametrize(
    "more", [{}, {"modify": False}, {"admin": False, "modify": "false"}], ids=str
)
async def test_an_administrator_creates_a_user(world: World, more: dict[str, object]) -> None:
    answer = await world.ask("PUT", "/user", world.root, user("dora", **more))

    done(answer, 201, "update successfully")
    made = await world.ask("GET", "/user/dora", world.root)
    assert made.content == orjson.dumps(shown("dora", "false", "default"))
    assert await world.known("dora")


async def test_an_administrator_creates_another_whatever_the_scheduler_says(world: World) -> None:
    world.town.clusters.down = True

    answer = await world.ask("PUT", "/user", world.root, user("dora", admin=True))

    done(answer, 201, "update successfully")
    world.town.clusters.down = False
    made = await world.ask("GET", "/user/dora", world.root)
    assert made.content == orjson.dumps(shown("dora", "true", "default,vc1,vc2"))


async def test_a_form_creates_a_user(world: World) -> None:
    body = {"username": "dora", "password": "right one", "admin": "true", "modify": "false"}

    answer = await world.client.put("/user", headers=world.root, data=body)

    done(answer, 201, "update successfully")
    assert (await world.ask("GET", "/user/dora", world.root)).json()["admin"] == "true"


@pytest.mark.parametrize("name", ["alice", "root", "carol"])
async def test_a_name_that_exists_is_409(world: World, name: str) -> None:
    answer = await world.ask("PUT", "/user", world.root, user(name))

    says(answer, 409, "ConflictUserError", f"User name {name} already exists.")


async def test_a_name_that_differs_in_case_alone_is_409(world: World) -> None:
    answer = await world.ask("PUT", "/user", world.root, user("ALICE"))

    says(answer, 409, "ConflictUserError", "User name ALICE already exists.")


@pytest.mark.parametrize("name", ["dora", "nobody", "Alice"])
async def test_modifying_a_missing_user_is_404(world: World, name: str) -> None:
    answer = await world.ask("PUT", "/user", world.root, user(name, modify=True))

    says(answer, 404, "NoUserError", f"User {name} is not found.")


@pytest.mark.parametrize(
    "body",
    [
        user("dora"),
        user("alice"),
        user("bob", modify=True),
        user("nobody", modify=True),
        user("alice", modify=True, admin=True),
        user("Alice", modify=True),
        {"username": "alice", "modify": True, "admin": True},
    ],
    ids=str,
)
async def test_whoever_is_no_administrator_changes_nobody_else(
    world: World, body: dict[str, object]
) -> None:
    answer = await world.ask("PUT", "/user", world.alice, body)

    says(answer, 403, "ForbiddenUserError", NOT_ADMIN)


async def test_a_user_changes_the_own_password_and_the_token_ends(world: World) -> None:
    body = {"username": "alice", "password": "a new one", "modify": True}

    done(await world.ask("PUT", "/user", world.alice, body), 201, "update successfully")

    assert await world.known("alice", "a new one")
    assert not await world.known("alice")
    again = await world.ask("GET", "/user/alice", world.alice)
    says(again, 401, "UnauthorizedUserError", "Guest is not allowed to do this operation.")


@pytest.mark.parametrize("password", [{}, {"password": ""}, {"password": None}], ids=str)
async def test_a_change_may_leave_the_password(world: World, password: dict[str, object]) -> None:
    body = {"username": "alice", "modify": True, "admin": True, **password}

    done(await world.ask("PUT", "/user", world.root, body), 201, "update successfully")

    assert (await world.ask("GET", "/user/alice", world.root)).json()["admin"] == "true"
    assert await world.known("alice")


async def test_a_change_may_leave_the_flag_and_one_of_nothing_keeps_the_token(
    world: World,
) -> None:
    for body in (user("root", modify=True), {"username": "alice", "modify": True}):
        done(await world.ask("PUT", "/user", world.root, body), 201, "update successfully")
        world = World(world.town, world.client, await world.town.bearer("root"), world.alice)

    assert (await world.ask("GET", "/user/root", world.root)).json()["admin"] == "true"
    assert (await world.ask("GET", "/user/alice", world.alice)).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"password": "right one"}, "username"),
        (user("no name"), "username"),
        (user(""), "username"),
        ({"username": "dora"}, "password"),
        ({"username": "dora", "password": ""}, "password"),
        ({"username": "dora", "password": "short"}, "password"),
        ({"username": "alice", "password": "short", "modify": True}, "password"),
        (user("dora", admin="maybe"), "admin"),
        (user("dora", modify=7), "modify"),
        (user("dora", color="red"), "color"),
    ],
    ids=str,
)
async def test_a_bad_field_is_400_and_named(
    world: World, body: dict[str, object], field: str
) -> None:
    answer = await world.ask("PUT", "/user", world.root, body)

    assert answer.status_code == 400
    assert answer.json()["code"] == "InvalidParametersError"
    assert answer.json()["message"].startswith(f"{field}: ")


async def test_validation_comes_before_permission(world: World) -> None:
    for method, path in (
        ("PUT", "/user"),
        ("DELETE", "/user"),
        ("PUT", "/user/bob/virtualClusters"),
    ):
        answer = await world.ask(method, path, world.alice, {})

        assert answer.status_code == 400


async def test_a_user_of_a_directory_is_not_changed_here(world: World) -> None:
    message = "Users are managed in the directory 'directory', not here."
    carol = await world.town.bearer("carol")
    for headers in (world.root, carol):
        answer = await world.ask("PUT", "/user", headers, user("carol", modify=True))

        says(answer, 403, "ForbiddenUserError", message)
    removed = await world.ask("DELETE", "/user", world.root, {"username": "carol"})
    says(removed, 403, "ForbiddenUserError", message)


# ------------------------------------------------------------------------------ DELETE /user


async def test_an_administrator_removes_a_user_whose_token_ends(world: World) -> None:
    answer = await world.ask("DELETE", "/user", world.root, {"username": "alice"})

    done(answer, 200, "remove successfully")
    gone = await world.ask("GET", "/user/alice", world.root)
    says(gone, 404, "NoUserError", "User alice is not found.")
    says(
        await world.ask("GET", "/user/alice", world.alice),
        401,
        "UnauthorizedUserError",
        "Guest is not allowed to do this operation.",
    )


@pytest.mark.parametrize("name", ["alice", "root", "nobody"])
async def test_whoever_is_no_administrator_removes_nobody(world: World, name: str) -> None:
    answer = await world.ask("DELETE", "/user", world.alice, {"username": name})

    says(answer, 403, "ForbiddenUserError", NOT_ADMIN)


async def test_an_administrator_is_not_removed(world: World) -> None:
    answer = await world.ask("DELETE", "/user", world.root, {"username": "root"})

    says(answer, 403, "RemoveAdminError", "Admin root is not allowed to remove.")
    assert await world.known("root")


@pytest.mark.parametrize("name", ["nobody", "Alice"])
async def test_a_missing_user_is_not_removed(world: World, name: str) -> None:
    answer = await world.ask("DELETE", "/user", world.root, {"username": name})

    says(answer, 404, "NoUserError", f"User {name} is not found.")


async def test_a_namesake_has_neither_token_nor_virtual_clusters(world: World) -> None:
    await world.ask("PUT", "/user/alice/virtualClusters", world.root, {"virtualClusters": "vc1"})
    await world.ask("DELETE", "/user", world.root, {"username": "alice"})
    world.town.clock.seconds += 0.001
    await world.ask("PUT", "/user", world.root, user("alice"))

    made = await world.ask("GET", "/user/alice", world.root)

    assert made.json() == shown("alice", "false", "default")
    assert (await world.ask("GET", "/user/alice", world.alice)).status_code == 401


# ------------------------------------------------------ PUT /user/:username/virtualClusters


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("vc1,vc2", "default,vc1,vc2"),
        ("vc2, vc1,default,vc2", "default,vc1,vc2"),
        ("vc2", "default,vc2"),
        ("default", "default"),
        ("", "default"),
        (",,", "default"),
    ],
)
async def test_an_administrator_replaces_what_is_assigned(
    world: World, sent: str, expected: str
) -> None:
    path = "/user/alice/virtualClusters"
    await world.ask("PUT", path, world.root, {"virtualClusters": "vc1"})

    answer = await world.ask("PUT", path, world.root, {"virtualClusters": sent})

    done(answer, 201, "update user virtual clusters successfully")
    after = await world.ask("GET", "/user/alice", world.alice)
    assert after.content == orjson.dumps(shown("alice", "false", expected))


async def test_an_unknown_virtual_cluster_is_400_and_changes_nothing(world: World) -> None:
    path = "/user/alice/virtualClusters"
    await world.ask("PUT", path, world.root, {"virtualClusters": "vc1"})

    answer = await world.ask("PUT", path, world.root, {"virtualClusters": "vc2,nowhere"})

    says(answer, 400, "NoVirtualClusterError", "Virtual cluster nowhere is not found.")
    after = await world.ask("GET", "/user/alice", world.root)
    assert after.json()["virtualCluster"] == "default,vc1"


async def test_whoever_is_no_administrator_assigns_nothing(world: World) -> None:
    for name in ("alice", "bob", "root", "nobody"):
        answer = await world.ask(
            "PUT", f"/user/{name}/virtualClusters", world.alice, {"virtualClusters": "vc1"}
        )

        says(answer, 403, "ForbiddenUserError", NOT_ADMIN)


async def test_a_missing_user_is_assigned_nothing(world: World) -> None:
    answer = await world.ask(
        "PUT", "/user/nobody/virtualClusters", world.root, {"virtualClusters": "vc1"}
    )

    says(answer, 404, "NoUserError", "User nobody is not found.")


async def test_an_administrators_own_list_is_not_kept(world: World) -> None:
    answer = await world.ask(
        "PUT", "/user/root/virtualClusters", world.root, {"virtualClusters": "vc1"}
    )

    assert answer.status_code == 403
    assert answer.json()["code"] == "ForbiddenUserError"


async def test_a_user_of_a_directory_can_be_assigned_virtual_clusters(world: World) -> None:
    answer = await world.ask(
        "PUT", "/user/carol/virtualClusters", world.root, {"virtualClusters": "vc1"}
    )

    done(answer, 201, "update user virtual clusters successfully")
    after = await world.ask("GET", "/user/carol", world.root)
    assert after.json() == shown("carol", "false", "default,vc1")


async def test_a_scheduler_that_is_down_is_500_and_changes_nothing(world: World) -> None:
    world.town.clusters.down = True

    answer = await world.ask(
        "PUT", "/user/alice/virtualClusters", world.root, {"virtualClusters": "vc1"}
    )

    says(answer, 500, "UnknownError", "scheduling.test does not answer.")
    after = await world.ask("GET", "/user/alice", world.root)
    assert after.json()["virtualCluster"] == "default"


@pytest.mark.parametrize("body", [{}, {"virtualClusters": 7}, {"virtualClusters": None}], ids=str)
async def test_a_list_that_is_no_text_is_400(world: World, body: dict[str, object]) -> None:
    answer = await world.ask("PUT", "/user/alice/virtualClusters", world.root, body)

    assert answer.status_code == 400
    assert answer.json()["message"].startswith("virtualClusters: ")


# -------------------------------------------------------------------------------- GET /user


async def test_an_administrator_sees_all_users_by_name(world: World) -> None:
    answer = await world.ask("GET", "/user", world.root)

    assert answer.status_code == 200
    assert answer.content == orjson.dumps(
        [
            shown("alice", "false", "default"),
            shown("bob", "false", "default"),
            shown("root", "true", "default,vc1,vc2"),
        ]
    )


async def test_whoever_is_no_administrator_sees_no_list(world: World) -> None:
    answer = await world.ask("GET", "/user", world.alice)

    says(answer, 403, "ForbiddenUserError", NOT_ADMIN)


async def test_a_user_sees_the_own_entry(world: World) -> None:
    answer = await world.ask("GET", "/user/alice", world.alice)

    assert answer.status_code == 200
    assert answer.content == orjson.dumps(shown("alice", "false", "default"))


@pytest.mark.parametrize("name", ["bob", "root", "nobody", "Alice"])
async def test_a_user_sees_nobody_else_not_even_that_there_is_none(world: World, name: str) -> None:
    answer = await world.ask("GET", f"/user/{name}", world.alice)

    says(answer, 403, "ForbiddenUserError", NOT_ADMIN)


async def test_an_administrator_sees_that_there_is_none(world: World) -> None:
    answer = await world.ask("GET", "/user/nobody", world.root)

    says(answer, 404, "NoUserError", "User nobody is not found.")


async def test_a_name_in_the_path_that_is_none_is_400(world: World) -> None:
    for path in ("/user/no%20name", "/user/a%2Fb", "/user/%C3%A4"):
        answer = await world.ask("GET", path, world.root)

        assert answer.status_code == 400
        assert answer.json()["code"] == "InvalidParametersError"


async def test_passwords_show_nowhere(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    secret = "hunter2hunter2"
    texts = [
        (await world.ask("PUT", "/user", world.root, user("dora") | {"password": secret})).text,
        (await world.ask("PUT", "/user", world.root, user("dora") | {"password": secret})).text,
        (await world.ask("PUT", "/user", world.alice, user("x") | {"password": secret})).text,
        (await world.client.post("/token", json={"username": "dora", "password": secret})).text,
        (await world.ask("GET", "/user", world.root)).text,
        caplog.text,
    ]

    assert await world.known("dora", secret)
    assert not any(secret in text for text in texts)
    assert "hunter2" not in repr(Secret(secret))

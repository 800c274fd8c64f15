"""Users (contract, section 3)."""

from __future__ import annotations

from typing import Final

from jobyard.errors import (
    ConflictUser,
    ForbiddenUser,
    NoUser,
    NoVirtualCluster,
    RemoveAdmin,
)
from jobyard.routes.endpoint import Answer, Call, Endpoint, Success, json_answer, message_answer
from jobyard.seams.auth import UserChange
from jobyard.secret import Secret
from jobyard.services.users import Users, UserView
from jobyard.wire import answers
from jobyard.wire.answer_schemas import Message, User
from jobyard.wire.requests import USER_REMOVAL, USER_REQUEST, USER_VIRTUAL_CLUSTERS

_USER_LIST: Final = {"type": "array", "items": {"$ref": "#/components/schemas/User"}}


class UserRoutes:
    """Show and change users."""

    def __init__(self, users: Users) -> None:
        self._users = users

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the routes."""
        return (*self._shown(), *self._changed())

    def _shown(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint(
                method="GET",
                path="/user",
                handler=self.everybody,
                summary="List the users",
                tag="users",
                success=(Success(200, "All users, by name.", _USER_LIST),),
                errors=(ForbiddenUser,),
            ),
            Endpoint(
                method="GET",
                path="/user/{username}",
                handler=self.show,
                summary="Show a user",
                tag="users",
                success=(Success(200, "The user.", User),),
                errors=(ForbiddenUser, NoUser),
            ),
        )

    def _changed(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint(
                method="PUT",
                path="/user",
                handler=self.put,
                summary="Create or change a user",
                tag="users",
                body=USER_REQUEST,
                success=(Success(201, "It was done.", Message),),
                errors=(ForbiddenUser, NoUser, ConflictUser),
            ),
            Endpoint(
                method="DELETE",
                path="/user",
                handler=self.remove,
                summary="Remove a user",
                tag="users",
                body=USER_REMOVAL,
                success=(Success(200, "It was done.", Message),),
                errors=(ForbiddenUser, RemoveAdmin, NoUser),
            ),
            Endpoint(
                method="PUT",
                path="/user/{username}/virtualClusters",
                handler=self.assign,
                summary="Replace the virtual clusters that are assigned to a user",
                tag="users",
                body=USER_VIRTUAL_CLUSTERS,
                success=(Success(201, "It was done.", Message),),
                errors=(NoVirtualCluster, ForbiddenUser, NoUser),
            ),
        )

    async def everybody(self, call: Call) -> Answer:
        """Answer all users, for administrators (N)."""
        return json_answer([_encoded(each) for each in await self._users.everybody(call.user)])

    async def show(self, call: Call) -> Answer:
        """Answer one user, for administrators and that user."""
        return json_answer(_encoded(await self._users.show(call.user, call.path["username"])))

    async def put(self, call: Call) -> Answer:
        """Create a user, or with ``modify`` change one (S)."""
        body = await call.body(USER_REQUEST)
        if body.modify:
            change = UserChange(password=body.new_password, admin=body.admin)
            await self._users.change(call.user, body.username, change)
        else:
            password = body.new_password or Secret("")  # the schema asks for one
            await self._users.create(call.user, body.username, password, admin=bool(body.admin))
        return message_answer("update successfully", 201)

    async def remove(self, call: Call) -> Answer:
        """Remove a user (S)."""
        body = await call.body(USER_REMOVAL)
        await self._users.remove(call.user, body.username)
        return message_answer("remove successfully")

    async def assign(self, call: Call) -> Answer:
        """Replace what is assigned to a user; ``default`` is always there (S, R)."""
        body = await call.body(USER_VIRTUAL_CLUSTERS)
        await self._users.assign(call.user, call.path["username"], body.names())
        return message_answer("update user virtual clusters successfully", 201)


def _encoded(user: UserView) -> answers.Json:
    return answers.user(user.name, admin=user.admin, virtual_clusters=user.virtual_clusters)

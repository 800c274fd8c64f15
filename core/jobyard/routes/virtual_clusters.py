"""Virtual clusters (contract, section 5)."""

from __future__ import annotations

import re
from typing import Final

import orjson

from jobyard.domain.virtual_cluster import QuotaState, VirtualClusterState
from jobyard.errors import (
    ForbiddenUser,
    InvalidParameters,
    NoDefaultVirtualCluster,
    NoEnoughQuota,
    NoVirtualCluster,
    Problem,
    RemoveRunningVirtualCluster,
)
from jobyard.packing import Packed
from jobyard.routes.conditional import tagged
from jobyard.routes.endpoint import (
    Access,
    Answer,
    Call,
    Endpoint,
    Success,
    message_answer,
)
from jobyard.services.quotas import Quotas
from jobyard.wire import answers
from jobyard.wire.answer_schemas import Message, VirtualCluster
from jobyard.wire.requests import VIRTUAL_CLUSTER_REQUEST, VIRTUAL_CLUSTER_STATUS_REQUEST
from jobyard.wire.wording import shorten

NAME_PATTERN: Final = "[A-Za-z0-9_]+"
_NAME: Final = re.compile(NAME_PATTERN)
_ONE: Final = "/virtual-clusters/{vcName}"
_ALL: Final = {
    "type": "object",
    "additionalProperties": {"$ref": "#/components/schemas/VirtualCluster"},
}


class VirtualClusterRoutes:
    """Show virtual clusters to everybody, and let administrators change them."""

    def __init__(self, *, quotas: Quotas) -> None:
        self._quotas = quotas

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the routes."""
        return (
            Endpoint(
                method="GET",
                path="/virtual-clusters",
                handler=self.list,
                summary="List virtual clusters",
                tag="virtual clusters",
                access=Access.READ,
                success=(Success(200, "The virtual clusters by name.", _ALL),),
                conditional=True,
            ),
            Endpoint(
                method="GET",
                path=_ONE,
                handler=self.read,
                summary="Show one virtual cluster",
                tag="virtual clusters",
                access=Access.READ,
                success=(Success(200, "The virtual cluster.", VirtualCluster),),
                conditional=True,
                errors=(NoVirtualCluster,),
            ),
            *self._changes(),
        )

    def _changes(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint(
                method="PUT",
                path=_ONE,
                handler=self.update,
                summary="Make a virtual cluster, or change its share",
                tag="virtual clusters",
                body=VIRTUAL_CLUSTER_REQUEST,
                success=(Success(201, "It is so.", Message),),
                errors=(ForbiddenUser, NoEnoughQuota, NoDefaultVirtualCluster),
            ),
            Endpoint(
                method="DELETE",
                path=_ONE,
                handler=self.remove,
                summary="Remove a virtual cluster without jobs",
                tag="virtual clusters",
                success=(Success(201, "It is gone.", Message),),
                errors=(ForbiddenUser, NoVirtualCluster, RemoveRunningVirtualCluster),
            ),
            Endpoint(
                method="PUT",
                path=f"{_ONE}/status",
                handler=self.set_status,
                summary="Let a virtual cluster accept jobs, or stop it from it",
                tag="virtual clusters",
                body=VIRTUAL_CLUSTER_STATUS_REQUEST,
                success=(Success(201, "It is so.", Message),),
                errors=(ForbiddenUser, NoVirtualCluster),
            ),
        )

    async def list(self, call: Call) -> Answer:
        """Answer all virtual clusters by name (S)."""
        view = await self._quotas.view()
        return tagged(
            call.request, view.forms.get(None, lambda: Packed(_all(view.state))), stale=view.stale
        )

    async def read(self, call: Call) -> Answer:
        """Answer one virtual cluster (S)."""
        name = _name(call)
        view = await self._quotas.view()
        cluster = view.state.get(name)
        if cluster is None:
            raise NoVirtualCluster(name)
        packed = view.forms.get(
            name, lambda: Packed(orjson.dumps(answers.virtual_cluster(cluster)))
        )
        return tagged(call.request, packed, stale=view.stale)

    async def update(self, call: Call) -> Answer:
        """Make a virtual cluster or change its share (S)."""
        body = await call.body(VIRTUAL_CLUSTER_REQUEST)
        name = _name(call)
        call.require_admin()
        await self._quotas.update(name, body.vc_capacity, body.max_capacity)
        return message_answer(
            f"Update vc: {name} to capacity: {body.vc_capacity} successfully.", 201
        )

    async def remove(self, call: Call) -> Answer:
        """Remove a virtual cluster (S)."""
        name = _name(call)
        call.require_admin()
        await self._quotas.remove(name)
        return message_answer(f"Remove vc: {name} successfully.", 201)

    async def set_status(self, call: Call) -> Answer:
        """Set whether a virtual cluster accepts new jobs (S)."""
        body = await call.body(VIRTUAL_CLUSTER_STATUS_REQUEST)
        name = _name(call)
        call.require_admin()
        await self._quotas.set_state(name, VirtualClusterState(body.vc_status))
        return message_answer(
            f"Update vc: {name} to status: {body.vc_status.value} successfully.", 201
        )


def _all(state: QuotaState) -> bytes:
    clusters = {each.share.name: answers.virtual_cluster(each) for each in state.clusters}
    return orjson.dumps(clusters)


def _name(call: Call) -> str:
    name = call.path["vcName"]
    if _NAME.fullmatch(name) is None:
        message = f"{shorten(name)} is no virtual cluster's name; ^{NAME_PATTERN}$ is expected"
        raise InvalidParameters([Problem("vcName", message)])
    return name

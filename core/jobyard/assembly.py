"""Put a gateway together: the database, the backends behind their guards, services, routes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Final, TypeVar

import anyio
from starlette.requests import Request

from jobyard.config.loading import Chosen
from jobyard.database.instance import DatabaseBusy, ExclusiveLock, exclusive_lock
from jobyard.database.migrating import CORE
from jobyard.database.ports import SqlPortLedger
from jobyard.database.store import open_store
from jobyard.deployment import Deployment, Guards
from jobyard.errors import Unavailable
from jobyard.front import Front
from jobyard.gateway import Gateway
from jobyard.resilience import Guarded
from jobyard.routes.dispatch import Dispatcher
from jobyard.routing import every_endpoint
from jobyard.seams.context import Context
from jobyard.seams.provider import Capability
from jobyard.seams.scheduling import Scheduler
from jobyard.services.account_rows import SqlAccountLedger
from jobyard.services.backends import held_open
from jobyard.services.background import Background, background
from jobyard.services.guarded_storage import GuardedStorage
from jobyard.services.signing import Signer
from jobyard.services.state_secrets import jwt_secrets
from jobyard.wire.body import read_document

B = TypeVar("B")

LOG: Final = logging.getLogger("jobyard.start")

PATIENCE: Final = 15.0
"""Seconds that the start waits for a backend to open."""

_LOCK_CHECK: Final = 5.0


async def assemble(stack: AsyncExitStack, deployment: Deployment) -> Front:
    """Open everything, in the order in which it is needed; the stack closes it in reverse.

    Raises:
        JobyardError: What :func:`jobyard.app.create_app` says.
    """
    settings = deployment.settings
    store = await stack.enter_async_context(
        open_store(settings.database, deployment.state_dir, timeout=deployment.timeout)
    )
    await store.migrate(CORE)
    configured = settings.rest_server.jwt_secret
    signer = Signer(await jwt_secrets(configured, deployment.state_dir), deployment.clock)
    gateway = Gateway(deployment, Guards.of(deployment), store, signer)
    await _open_backends(stack, gateway)
    await gateway.begin(await stack.enter_async_context(background()))
    return Front(
        Dispatcher(
            every_endpoint(gateway),
            authenticate=gateway.tokens.authenticate,
            anonymous_read=settings.rest_server.anonymous_read,
            read_body=partial(_read_body, settings.rest_server.max_body),
        ),
        deployment.clock,
        timeout=deployment.timeout,
        cors_origins=settings.rest_server.cors_origins,
    )


async def _read_body(
    limit: int, request: Request, defaults: Mapping[str, object]
) -> tuple[object, bool]:
    document, is_form = await read_document(request, limit)
    return ({**defaults, **document} if isinstance(document, dict) else document), is_form


async def _open_backends(stack: AsyncExitStack, gateway: Gateway) -> None:
    """Open the storage first, since the others are given it, and those who only hear last."""
    loaded, guards = gateway.deployment.loaded, gateway.guards
    tasks = await stack.enter_async_context(background())

    async def open_one(chosen: Chosen[B], guard: Guarded[B]) -> None:
        context = await _context(gateway, guard.name, tasks)
        held = held_open(chosen, guard, context, tasks, patience=PATIENCE)
        await stack.enter_async_context(held)

    await open_one(loaded.storage, guards.storage)
    for chosen, guard in zip(loaded.auth, guards.auth, strict=True):
        await open_one(chosen, guard)
    if Capability.REPLICAS not in loaded.scheduling.provider.capabilities:
        await _claim(stack, gateway, tasks)
    await open_one(loaded.scheduling, guards.scheduling)
    for observer, ear in zip(loaded.observers, guards.observers, strict=True):
        await open_one(observer, ear)


async def _context(gateway: Gateway, name: str, tasks: Background) -> Context:
    folder = gateway.deployment.state_dir / name
    await anyio.Path(folder).mkdir(mode=0o700, exist_ok=True)
    return Context(
        storage=GuardedStorage(gateway.guards.storage),
        store=gateway.store,
        ports=SqlPortLedger(gateway.store),
        leadership=gateway.leadership,
        clock=gateway.deployment.clock,
        state_dir=folder,
        public_url=gateway.deployment.public_url,
        job_tokens=gateway.job_tokens,
        accounts=SqlAccountLedger(),
        tasks=tasks,
        hidden=(gateway.deployment.state_dir.resolve(),),
    )


async def _claim(stack: AsyncExitStack, gateway: Gateway, tasks: Background) -> None:
    """Keep other gateways on the database away from a scheduler that only one may run.

    SQLite lies in a state directory, which only one gateway uses.
    """
    url, guard = gateway.deployment.settings.database, gateway.guards.scheduling
    if url is None or gateway.store.dialect == "sqlite":
        return
    lock = await stack.enter_async_context(
        exclusive_lock(url, guard.name, timeout=gateway.deployment.timeout)
    )
    tasks.spawn(f"the lock of {guard.name}", partial(_hold, lock, guard))


async def _hold(lock: ExclusiveLock, guard: Guarded[Scheduler]) -> None:
    while True:
        await anyio.sleep(_LOCK_CHECK)
        try:
            await lock.check()
        except DatabaseBusy as error:
            LOG.critical("%s is given up: %s", guard.name, error.message)
            guard.closed(error.message)
            return
        except Unavailable as error:
            LOG.warning("the lock of %s cannot be checked: %s", guard.name, error.message)

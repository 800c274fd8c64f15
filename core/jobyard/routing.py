"""Every route of a gateway."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TypeVar

from jobyard.config.loading import Chosen, Loaded
from jobyard.database.store import SqlStore
from jobyard.domain.identity import Actor
from jobyard.gateway import Gateway
from jobyard.resilience import Guarded
from jobyard.routes.documentation import DocumentationRoutes
from jobyard.routes.endpoint import Endpoint
from jobyard.routes.files import FileRoutes
from jobyard.routes.index import IndexRoutes
from jobyard.routes.job_documents import JobDocumentRoutes
from jobyard.routes.job_lists import JobListRoutes
from jobyard.routes.jobs import JobRoutes
from jobyard.routes.logs import LogRoutes
from jobyard.routes.operations import BackendInfo, OperationRoutes, Policy
from jobyard.routes.submissions import SubmissionRoutes
from jobyard.routes.tokens import TokenRoutes, token_schema
from jobyard.routes.users import UserRoutes
from jobyard.routes.virtual_clusters import VirtualClusterRoutes
from jobyard.seams.enforcement import Enforcement, Enforcing
from jobyard.seams.provider import Capability, Seam
from jobyard.seams.scheduling import Scheduler
from jobyard.services.guarded_storage import GuardedStorage
from jobyard.services.readiness import Pingable, Readiness, Watched

B = TypeVar("B")


def every_endpoint(gateway: Gateway) -> tuple[Endpoint, ...]:
    """Give the routes of all groups, their document among them."""
    endpoints = (
        *IndexRoutes().endpoints(),
        *_users(gateway),
        *_jobs(gateway),
        *VirtualClusterRoutes(quotas=gateway.quotas).endpoints(),
        *_operations(gateway).endpoints(),
        *_files(gateway).endpoints(),
    )
    documentation = DocumentationRoutes(
        endpoints,
        addresses=gateway.addresses,
        anonymous_read=gateway.deployment.settings.rest_server.anonymous_read,
    )
    return (*endpoints, *documentation.endpoints())


def _users(gateway: Gateway) -> tuple[Endpoint, ...]:
    chosen = gateway.deployment.loaded.auth
    capabilities = {each for auth in chosen for each in auth.provider.capabilities}
    tokens = TokenRoutes(
        log_in=gateway.accounts.log_in,
        issue=gateway.tokens.issue,
        addresses=gateway.addresses,
        schema=token_schema(capabilities),
    )
    return (*tokens.endpoints(), *UserRoutes(gateway.users).endpoints())


def _jobs(gateway: Gateway) -> tuple[Endpoint, ...]:
    scheduling, addresses = gateway.guards.scheduling, gateway.addresses
    server = gateway.deployment.settings.rest_server
    legacy = Capability.LEGACY in gateway.deployment.loaded.scheduling.provider.capabilities
    submissions = SubmissionRoutes(
        submissions=gateway.submissions, idempotency=gateway.idempotency, addresses=addresses
    )
    jobs = JobRoutes(
        board=gateway.board, lifecycle=gateway.lifecycle, addresses=addresses, legacy=legacy
    )
    documents = JobDocumentRoutes(
        board=gateway.board,
        store=gateway.store,
        scheduling=scheduling,
        links=gateway.signer,
        addresses=addresses,
        legacy=legacy,
    )
    logs = LogRoutes(
        board=gateway.board,
        scheduling=scheduling,
        anonymous=server.anonymous_logs,
        legacy=legacy,
    )
    lists = JobListRoutes(board=gateway.board, addresses=addresses)
    groups = (submissions, lists, jobs, documents, logs)
    return tuple(endpoint for group in groups for endpoint in group.endpoints())


def _files(gateway: Gateway) -> FileRoutes:
    async def storage_user(token: str) -> Actor:
        return Actor((await gateway.job_tokens.storage_user(token)).username)

    return FileRoutes(
        storage=GuardedStorage(gateway.guards.storage),
        addresses=gateway.addresses,
        authenticate=gateway.tokens.authenticate,
        storage_user=storage_user,
        trust_user_name=gateway.deployment.settings.webhdfs.trust_user_name,
    )


def _operations(gateway: Gateway) -> OperationRoutes:
    deployment, guards = gateway.deployment, gateway.guards
    server = deployment.settings.rest_server
    database = Guarded[SqlStore]("database", deployment.clock, timeout=deployment.timeout)
    database.opened(gateway.store)
    watched: tuple[Watched[Pingable], ...] = (
        database,
        *guards.auth,
        guards.scheduling,
        guards.storage,
    )
    return OperationRoutes(
        readiness=Readiness(watched, deployment.clock),
        chosen=_chosen(deployment.loaded),
        policy=Policy(
            max_body=server.max_body,
            upstream_timeout=server.upstream_timeout,
            anonymous_read=server.anonymous_read,
            anonymous_logs=server.anonymous_logs,
        ),
        enforcement=partial(_enforcement, guards.scheduling),
        describe=partial(deployment.registry.describe, probe=True),
        identify=gateway.tokens.authenticate,
        addresses=gateway.addresses,
    )


def _enforcement(scheduling: Guarded[Scheduler]) -> Sequence[Enforcement]:
    backend: object = scheduling.backend
    if isinstance(backend, Enforcing):
        return backend.enforcement()
    return ()


def _chosen(loaded: Loaded) -> tuple[BackendInfo, ...]:
    def info(seam: Seam, chosen: Chosen[B]) -> BackendInfo:
        capabilities = frozenset(each.value for each in chosen.provider.capabilities)
        return BackendInfo(seam, chosen.provider.name, capabilities)

    return (
        *(info(Seam.AUTH, each) for each in loaded.auth),
        info(Seam.SCHEDULING, loaded.scheduling),
        info(Seam.STORAGE, loaded.storage),
    )

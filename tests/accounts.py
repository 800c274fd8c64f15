"""Users for tests: a directory in memory, and everything that knows users put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import cast

import httpx
import pytest
from attrs import frozen
from starlette.requests import Request

from jobyard.config.settings import AccountSettings
from jobyard.domain.identity import Actor, Found, Gone, Identity, Lookup, NotMine
from jobyard.errors import Unavailable, UnknownError
from jobyard.front import Front
from jobyard.resilience import Guarded
from jobyard.routes.address import Addresses
from jobyard.routes.dispatch import Dispatcher
from jobyard.routes.endpoint import Access, Answer, Call, Endpoint, json_answer
from jobyard.routes.tokens import TokenRoutes, token_schema
from jobyard.routes.users import UserRoutes
from jobyard.seams.auth import Authenticator, CredentialsRejected
from jobyard.seams.context import Context, JobTokens, Leadership, PortLedger, Store, TaskOwner
from jobyard.seams.provider import Capability
from jobyard.seams.storage import Storage
from jobyard.secret import Secret
from jobyard.services.account_rows import SqlAccountLedger
from jobyard.services.accounts import Accounts
from jobyard.services.auth_chain import AuthChain, Member
from jobyard.services.observers import Observers
from jobyard.services.signing import Signer
from jobyard.services.tokens import Tokens
from jobyard.services.users import Users
from jobyard.wire.body import read_document
from jobyard_backends.auth.local import open_backend, passwords
from tests.databases import HandClock

PASSWORD = Secret("right one")
WRONG = Secret("wrong one")
ADMIN = Actor("admin", admin=True)
KEY = Secret("k" * 40)


class Directory:
    """A directory that knows whom the test says, in any case of the name, and may be down."""

    def __init__(self, *users: Identity) -> None:
        self.people = {user.name.casefold(): user for user in users}
        self.passwords: dict[str, str] = {}
        self.down = False
        self.asked = 0

    def put(self, user: Identity) -> None:
        self.people[user.name.casefold()] = user

    def _answer(self) -> None:
        self.asked += 1
        if self.down:
            raise Unavailable("nobody answers")

    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        self._answer()
        found = self.people.get(username.casefold())
        if found is None:
            return None
        if password.reveal() != self.passwords.get(username, PASSWORD.reveal()):
            raise CredentialsRejected("data 52e")
        return found

    async def find(self, username: str) -> Lookup:
        self._answer()
        found = self.people.get(username.casefold())
        return NotMine() if found is None else Found(found)

    async def ping(self) -> None:
        self._answer()


class Forgetful(Directory):
    """A directory that says so where a user was removed."""

    async def find(self, username: str) -> Lookup:
        found = await super().find(username)
        return Gone() if isinstance(found, NotMine) else found


class Clusters:
    """The virtual clusters that there are, or none that can be told."""

    def __init__(self, *names: str) -> None:
        self.names: list[str] = list(names)
        self.down = False
        self.asked = 0

    async def existing(self) -> Sequence[str]:
        self.asked += 1
        if self.down:
            raise UnknownError("scheduling.test does not answer.", retry_after=5)
        return list(self.names)


@frozen
class Town:
    """Be everything that knows users, around one store."""

    store: Store
    clock: HandClock
    state_dir: Path
    directory: Directory
    clusters: Clusters
    signer: Signer
    accounts: Accounts
    users: Users
    tokens: Tokens

    async def add(self, name: str, *, admin: bool = False, password: Secret = PASSWORD) -> None:
        await self.users.create(ADMIN, name, password, admin=admin)

    async def bearer(self, name: str, *, password: Secret = PASSWORD) -> dict[str, str]:
        actor = await self.accounts.log_in(name, password, "192.0.2.1")
        return {"authorization": f"Bearer {await self.tokens.issue(actor, 3600)}"}

    def client(self, *capabilities: Capability) -> httpx.AsyncClient:
        addresses = Addresses(public_url=None, fallback="http://localhost")
        tokens = TokenRoutes(
            log_in=self.accounts.log_in,
            issue=self.tokens.issue,
            addresses=addresses,
            schema=token_schema(capabilities),
        )
        whoami = Endpoint("GET", "/whoami", _whoami, "Say who asks", "test", Access.TOKEN)
        dispatcher = Dispatcher(
            (*tokens.endpoints(), *UserRoutes(self.users).endpoints(), whoami),
            authenticate=self.tokens.authenticate,
            anonymous_read=True,
            read_body=_read_body,
        )
        front = Front(dispatcher, self.clock, timeout=10)
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(front), base_url="http://localhost/api/v1"
        )


async def _whoami(call: Call) -> Answer:
    return json_answer({"account": call.user.account, "admin": call.user.admin})


async def _read_body(request: Request, defaults: object) -> tuple[object, bool]:
    return await read_document(request, 1024 * 1024)


def context(store: Store, clock: HandClock, state_dir: Path) -> Context:
    """Give a context for a backend of users, which needs little of it."""
    return Context(
        storage=cast("Storage", None),
        store=store,
        ports=cast("PortLedger", None),
        leadership=cast("Leadership", None),
        clock=clock,
        state_dir=state_dir,
        public_url="http://localhost",
        job_tokens=cast("JobTokens", None),
        accounts=SqlAccountLedger(),
        tasks=cast("TaskOwner", None),
    )


def member(
    name: str, backend: Authenticator, clock: HandClock, *capabilities: Capability
) -> Member:
    guard = Guarded[Authenticator](f"auth.{name}", clock, timeout=10)
    guard.opened(backend)
    return Member(name, guard, frozenset(capabilities))


@asynccontextmanager
async def town(
    store: Store,
    state_dir: Path,
    *,
    order: Sequence[str] = ("local", "directory"),
    settings: AccountSettings | None = None,
    directory: Directory | None = None,
    clock: HandClock | None = None,
    secrets: tuple[Secret, ...] = (KEY,),
    observers: Observers | None = None,
) -> AsyncIterator[Town]:
    """Open a town whose providers are asked in an order."""
    clock = clock or HandClock()
    directory = directory or Directory()
    clusters = Clusters("default", "vc1", "vc2")
    async with AsyncExitStack() as stack:
        # What a hash costs is tested where it is made.
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(passwords, "MEMORY_KIB", 8)
        backend = await stack.enter_async_context(open_backend(context(store, clock, state_dir)))
        manages = (Capability.USERS, Capability.MANAGE_USERS)
        members = {
            "local": member("local", backend, clock, *manages),
            "directory": member("directory", directory, clock),
        }
        accounts = Accounts(
            settings=settings or AccountSettings(),
            chain=AuthChain([members[name] for name in order]),
            store=store,
            observers=observers or Observers(),
            clock=clock,
        )
        signer = Signer(secrets, clock)
        users = Users(accounts=accounts, clusters=clusters, store=store, clock=clock)
        tokens = Tokens(signer=signer, accounts=accounts, clock=clock)
        yield Town(store, clock, state_dir, directory, clusters, signer, accounts, users, tokens)

"""The services of one gateway, made from one another in the order in which they need each other."""

from __future__ import annotations

import contextlib
import logging
import secrets
from typing import Final

import anyio

from jobyard.database.leadership import SqlLeadership
from jobyard.database.store import SqlStore
from jobyard.deployment import Deployment, Guards
from jobyard.errors import UnknownError
from jobyard.routes.address import Addresses
from jobyard.services.accounts import Accounts
from jobyard.services.auth_chain import AuthChain, Member
from jobyard.services.background import Background
from jobyard.services.board import Board
from jobyard.services.first_administrator import ensure_administrator
from jobyard.services.idempotency import Idempotency
from jobyard.services.job_tokens import SignedJobTokens
from jobyard.services.lifecycle import Lifecycle
from jobyard.services.memory import Changes
from jobyard.services.observers import GuardedObserver, Observers
from jobyard.services.quotas import Quotas
from jobyard.services.reconciling import Reconciling
from jobyard.services.recovery import Recovery
from jobyard.services.signing import Signer
from jobyard.services.submission import Submissions
from jobyard.services.submission_rules import SubmissionRules
from jobyard.services.tokens import Tokens
from jobyard.services.users import Users

LOG: Final = logging.getLogger("jobyard.start")

_ADMINISTRATOR_PAUSE: Final = 5.0
"""Seconds between two tries to find out whether there is an administrator."""


class Gateway:
    """Hold the services; none of them does anything before :meth:`begin`."""

    def __init__(
        self, deployment: Deployment, guards: Guards, store: SqlStore, signer: Signer
    ) -> None:
        self.deployment = deployment
        self.guards = guards
        self.store = store
        self.signer = signer
        self.addresses = _addresses(deployment)
        self.job_tokens = SignedJobTokens(signer, store)
        self.leadership = SqlLeadership(
            store, role=guards.scheduling.name, holder=secrets.token_hex(8)
        )
        self.observers = Observers([GuardedObserver(guard) for guard in guards.observers])
        self.accounts = self._accounts()
        self.tokens = Tokens(signer=signer, accounts=self.accounts, clock=deployment.clock)
        self.changes = Changes()
        self.quotas = self._quotas()
        self.users = Users(
            accounts=self.accounts, clusters=self.quotas, store=store, clock=deployment.clock
        )
        self.board = self._board()
        self.lifecycle = Lifecycle(
            store=store, scheduling=guards.scheduling, board=self.board, clock=deployment.clock
        )
        self.idempotency = Idempotency(store, deployment.clock)
        self.submissions = self._submissions()

    async def begin(self, tasks: Background) -> None:
        """Make what the first start makes, settle what a crash left, and go on with both."""
        recovery = Recovery(
            store=self.store,
            scheduling=self.guards.scheduling,
            board=self.board,
            clock=self.deployment.clock,
            fs_uri=self.deployment.fs_uri,
            grace=self.deployment.timeout,
            observers=self.observers,
            prepare=self.submissions.prepare,
        )
        await self._ensure_administrator(tasks)
        await recovery.load()
        tasks.spawn("recovery", recovery.run)
        tasks.spawn("reconciling", Reconciling(self.guards.scheduling, self.leadership).run)
        if self.observers:
            tasks.spawn("the observers' board", self.board.watch)

    async def _ensure_administrator(self, tasks: Background) -> None:
        server = self.deployment.settings.rest_server

        async def ensure() -> None:
            made = await ensure_administrator(
                accounts=self.accounts,
                users=self.users,
                username=server.default_pai_admin_username,
                password=server.default_pai_admin_password,
                state_dir=self.deployment.state_dir,
            )
            if made is not None and made.password_file is not None:
                self.deployment.announce(
                    f"The password of the user {made.username} is in {made.password_file}"
                )

        async def ensure_later() -> None:
            while True:
                await anyio.sleep(_ADMINISTRATOR_PAUSE)
                with contextlib.suppress(UnknownError):
                    return await ensure()

        try:
            await ensure()
        except UnknownError as error:
            LOG.warning("whether there is an administrator is not known yet: %s", error.message)
            tasks.spawn("the first administrator", ensure_later)

    def _accounts(self) -> Accounts:
        chosen = self.deployment.loaded.auth
        members = (
            Member(each.label, guard, each.provider.capabilities)
            for each, guard in zip(chosen, self.guards.auth, strict=True)
        )
        return Accounts(
            settings=self.deployment.settings.accounts,
            chain=AuthChain(tuple(members)),
            store=self.store,
            observers=self.observers,
            clock=self.deployment.clock,
        )

    def _quotas(self) -> Quotas:
        return Quotas(
            scheduling=self.guards.scheduling,
            grantees=self.accounts,
            store=self.store,
            clock=self.deployment.clock,
            max_age=self.deployment.settings.board.max_age,
            stale_for=self.deployment.settings.board.stale_for,
            changes=self.changes,
            timeout=self.deployment.timeout,
        )

    def _board(self) -> Board:
        settings = self.deployment.settings.board
        return Board(
            self.guards.scheduling,
            self.deployment.clock,
            max_age=settings.max_age,
            stale_for=settings.stale_for,
            observers=self.observers,
            changes=self.changes,
        )

    def _submissions(self) -> Submissions:
        server = self.deployment.settings.rest_server
        return Submissions(
            rules=SubmissionRules(
                backend=self.guards.scheduling.name,
                fs_uri=self.deployment.fs_uri,
                accept_unsatisfiable=server.accept_unsatisfiable,
                check_timeout=self.deployment.timeout / 4,
            ),
            store=self.store,
            scheduling=self.guards.scheduling,
            storage=self.guards.storage,
            grants=self.quotas,
            board=self.board,
            observers=self.observers,
            clock=self.deployment.clock,
        )


def _addresses(deployment: Deployment) -> Addresses:
    server = deployment.settings.rest_server
    return Addresses(
        public_url=server.public_url,
        fallback=deployment.public_url,
        trusted_proxies=server.trusted_proxies,
    )

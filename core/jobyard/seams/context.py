"""What every backend is given when it is opened, so that none invents its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from attrs import frozen

from jobyard.clock import Clock
from jobyard.domain.job import JobRef
from jobyard.errors import Conflict
from jobyard.seams.scheduling import Term
from jobyard.seams.storage import Storage
from jobyard.secret import Secret

if TYPE_CHECKING:
    from sqlalchemy import Connection

T = TypeVar("T")


@frozen
class Migrations:
    """Say where a component's own migrations lie.

    ``component`` names the version table (``jobyard_$component_version``) and is made of
    ``[a-z0-9_]``; ``package`` is the import path of a package that holds alembic revisions;
    ``head`` the newest revision, which is compared first so that alembic is only imported when
    there is something to do.
    """

    component: str
    package: str
    head: str


class Store(Protocol):
    """Run units of work against the gateway's database, off the event loop.

    A unit of work is a plain function over a SQLAlchemy Core connection. It may be run again
    after a failed commit, so it touches nothing but the connection.
    """

    @property
    def dialect(self) -> str:
        """Name the database: ``sqlite`` or ``postgresql``."""
        ...

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run a unit of work that changes nothing."""
        ...

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run a unit of work in one transaction, durable when this returns.

        Units that come at once share one commit; the failure of one undoes it alone.

        Raises:
            Unavailable: The database does not answer.
        """
        ...

    async def migrate(self, migrations: Migrations) -> None:
        """Bring a component's own tables to their newest revision."""
        ...


class PortConflict(Conflict):
    """Report that the ports that were asked for are taken."""


@frozen
class PortNeed:
    """Ask for ``count`` consecutive ports under a key; ``begin_at`` 0 is any."""

    key: str
    begin_at: int
    count: int


@frozen
class PortLease:
    """Be ports that are leased to an owner under a key."""

    key: str
    numbers: tuple[int, ...]


class PortLedger(Protocol):
    """Lease ports, as rows in the database, so that no two jobs hold one.

    ``host`` is the machine or pool whose ports they are, ``owner`` whatever the backend calls an
    attempt of a job. A lease is made whole or not at all.
    """

    async def lease(
        self,
        host: str,
        owner: str,
        needs: Sequence[PortNeed],
        *,
        free: Sequence[int],
    ) -> tuple[PortLease, ...]:
        """Lease ports; those of ``begin_at`` 0 come from ``free``, in its order.

        An owner that has a lease keeps it: the same lease is given again.

        Raises:
            PortConflict: A fixed port is leased to another, or ``free`` does not suffice.
        """
        ...

    async def held(self, host: str) -> frozenset[int]:
        """Give every port of a host that is leased."""
        ...

    async def release(self, owner: str) -> None:
        """Give back what an owner has; nothing is good."""
        ...


class Leadership(Protocol):
    """Tell which gateway leads; with SQLite there is one, which always does."""

    async def check(self, term: Term) -> bool:
        """Tell whether a term still reigns."""
        ...


class JobTokens(Protocol):
    """Issue tokens for the tasks of a job."""

    def storage_token(self, ref: JobRef, username: str, lifetime: float) -> Secret:
        """Give a token for the storage's front door, valid so many seconds, for that user."""
        ...


class AccountLedger(Protocol):
    """Know, in the gateway's database, what the core keeps of users."""

    def end_tokens(self, username: str, at: int) -> Callable[[Connection], None]:
        """Give the unit of work that ends every token of a user, known or not.

        A provider that keeps its users in the gateway's database runs it in the transaction
        that changes a password or an administrator flag, or removes a user (contract, section
        2). ``at`` is in milliseconds since the epoch.
        """
        ...


class TaskOwner(Protocol):
    """Own background tasks: end them when the backend closes, and say when one fails."""

    def spawn(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run a task until it ends or the owner closes; a failure is logged with the name."""
        ...


@frozen
class Context:
    """Be what a backend gets.

    ``storage`` reaches the chosen storage (a storage provider itself is given one that always
    raises ``NotSupported``); ``state_dir`` is a private folder that exists; ``public_url`` the
    gateway's own address as tasks and callers reach it, without a slash at its end. ``hidden`` are
    files and folders of the gateway's that nothing of a user's may see on its machine.
    """

    storage: Storage
    store: Store
    ports: PortLedger
    leadership: Leadership
    clock: Clock
    state_dir: Path
    public_url: str
    job_tokens: JobTokens
    accounts: AccountLedger
    tasks: TaskOwner
    hidden: tuple[Path, ...] = ()

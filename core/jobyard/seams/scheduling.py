"""Scheduling: where jobs run.

Every call of this seam is made through the core's guard, which gives it a deadline, a limit of
simultaneous calls and a breaker; a backend adds none of these, and lets cancellation through. A
call that is cancelled was done or was not, as a whole, and the same call may come again.

What a submission or an operation has changed shows in ``job`` and ``find_submission`` as soon as
it returned; ``jobs``, ``quotas`` and the feed may come a moment later, which the core bridges for
lists. While nobody can tell, a call raises ``Unavailable``: it never answers that something is not
there.

The promises of this module are held by ``jobyard.testing.scheduling.SchedulingConformance``; a
sentence here that no test of it holds is a mistake of one of the two.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Sequence
from typing import Generic, Protocol, TypeVar, runtime_checkable

from attrs import frozen

from jobyard.domain.identity import Actor
from jobyard.domain.job import FrameworkName, JobRef, JobSubmission, OperationId, TaskRef
from jobyard.domain.node import NodeShape
from jobyard.domain.status import JobStatus, JobSummary, SshContainer, WaitingReason
from jobyard.domain.virtual_cluster import CapacityPlan, QuotaState
from jobyard.errors import BackendError, Conflict, Rejected, Unavailable

T_co = TypeVar("T_co", covariant=True)


class Refused(Rejected):
    """Report that the cluster refuses a submission: nothing of it is left there.

    ``status`` 400..499 is told to the caller as such; 429 and 503 pass through with
    ``retry_after``.
    """


class NotSent(Unavailable):
    """Report that nothing was handed over: the connection was never made.

    Where that is not certain it is ``OutcomeUnknown`` or ``Unavailable``, and the core looks.
    """


class OutcomeUnknown(BackendError):
    """Report that a submission was sent and nobody knows whether it arrived."""


class JobExists(Conflict):
    """Report that the cluster has another job of that name."""


class Presence(enum.Enum):
    """Say whether a cluster has a submission."""

    OURS = "ours"
    OTHER = "other"
    ABSENT = "absent"


class Removal(enum.Enum):
    """Say whether a deleted job's pieces are gone, or still going."""

    DONE = "done"
    GOING = "going"


@frozen
class Snapshot(Generic[T_co]):
    """Be all items at one version.

    ``version`` changes whenever an item does; equal versions promise equal items. A version is
    never given again, also not after a restart, unless the items are the same. ``as_of`` is in
    milliseconds since the epoch. ``complete`` is false where some could not be read.
    """

    version: str
    as_of: int
    items: tuple[T_co, ...]
    complete: bool = True


class Scheduler(Protocol):
    """Run jobs on a cluster, and hold its virtual clusters.

    Jobs outlive the gateway: what ran or waited when the backend was closed goes on, and is there
    when it is opened again on the same state, as are ended jobs, operations and shares. A job
    name is kept word for word, case included.
    """

    async def submit(self, job: JobSubmission) -> None:
        """Hand a job over; idempotent by its submission id.

        The same submission again changes nothing, also when the job has ended. A job that
        :meth:`refusal` speaks against is taken too, and waits: the core has decided to queue it.
        Of different submissions of one name at once, one is taken.

        Raises:
            Refused: The cluster will not have it; nothing is left there. ``status`` is 400 for an
                unknown virtual cluster, and 403 for one that is stopped.
            NotSent: Nothing was handed over.
            OutcomeUnknown: It may have arrived.
            JobExists: The cluster has another job of that name.
        """
        ...

    async def find_submission(self, ref: JobRef) -> Presence:
        """Tell whether the cluster has this submission, another of its name, or neither.

        It has a job that waits, runs or has ended, and not one that was deleted.
        """
        ...

    async def jobs(self) -> Snapshot[JobSummary]:
        """Give every job of the cluster, legacy and foreign ones included, each once.

        A job that changes no more is the same here as its ``job(...).summary``.
        """
        ...

    async def job(self, name: FrameworkName, attempt: int | None = None) -> JobStatus:
        """Give one job whole; ``attempt`` counts from 0, ``None`` is the last.

        Before its first attempt a job is given for 0 too. The states of an attempt come in the
        order of ``FrameworkState`` and never go back; while it waits, ``waiting`` says why. All
        attempts are kept for as long as the job is.

        Raises:
            NotFound: There is no such job, or no such attempt.
        """
        ...

    async def start(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        """Set the execution type to START; a job that ended or was stopped stays so.

        Idempotent by operation id, also after a restart: one that was done before changes
        nothing, whatever came in between.

        Raises:
            NotFound: There is no such job, or its name has another submission.
        """
        ...

    async def stop(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        """Stop a job for good (contract, section 4); idempotent by operation id.

        A waiting job is STOPPED when this returns; of one that runs, the tasks are told to end.
        No retry follows. The job's exit code is -7351, that of its unfinished tasks -7400. On an
        ended job only the execution type changes.

        Raises:
            NotFound: There is no such job, or its name has another submission.
        """
        ...

    async def delete(self, ref: JobRef, actor: Actor, operation: OperationId) -> Removal:
        """Kill and forget a job; an absent one is done. Its name is free at once.

        From when this returns the job is neither given nor listed, and another of its name may
        come. ``GOING`` while pieces of it still end: the same call again says ``DONE`` some day.
        What still ends of a deleted job leaves its namesake alone.
        """
        ...

    async def quotas(self) -> QuotaState:
        """Give all virtual clusters, their shares and their usage.

        ``default`` is always there. A job that has its place is active, one that waits is
        pending, and one that ended is neither.
        """
        ...

    async def apply(self, plan: CapacityPlan) -> None:
        """Make a whole set of shares true, all or nothing (capability ``CAPACITY``).

        Of plans at once that were made from one version, one comes true. Nobody ever sees half
        of a plan. A virtual cluster that a plan leaves out is removed.

        Raises:
            Conflict: The state has changed since the plan's version.
            Rejected: The cluster refuses the plan: more than 100 % together, no ``default``, a
                name twice, or a capacity that is no percentage.
            NotSupported: The cluster's shares cannot be changed from here.
        """
        ...

    async def nodes(self) -> Sequence[NodeShape]:
        """Give the shapes of the nodes; empty where they cannot be known."""
        ...

    async def refusal(self, job: JobSubmission) -> WaitingReason | None:
        """Say why this cluster could never run a job, or ``None`` where it could.

        It agrees with :meth:`nodes`: a task above the largest node is refused, and what is not
        refused runs on an empty cluster. Nothing of the job is left behind.
        """
        ...

    async def ping(self) -> None:
        """Return if the cluster answers; raise ``Unavailable`` if not."""
        ...


@frozen
class Term:
    """Be one reign of a leader; a larger number deposes every smaller one."""

    number: int


@runtime_checkable
class Reconciled(Protocol):
    """Have a loop of the leader's own, where completion and retry are ours."""

    async def reconcile(self, term: Term) -> None:
        """Run until cancelled; core runs it on the one gateway that leads."""
        ...


@frozen
class Changed:
    """Say that a job is now so."""

    job: JobSummary
    version: str


@frozen
class Vanished:
    """Say that a job is no more."""

    name: FrameworkName
    version: str


@frozen
class Synced:
    """Say that everything up to a version was told."""

    version: str


@frozen
class Lost:
    """Say that changes were missed: the whole must be read anew."""


FeedEvent = Changed | Vanished | Synced | Lost


@runtime_checkable
class JobFeed(Protocol):
    """Tell changes as they come (capability ``FEED``)."""

    def changes(self, since: str | None) -> AsyncIterator[FeedEvent]:
        """Give the changes after a version, without end; ``None`` begins with all jobs.

        ``since`` is the version of an event or of a :class:`Snapshot`, so that no change falls
        between a list and the feed. ``Synced`` follows when all that there was has been told, and
        again after later changes. ``Lost`` is for a version that is not known (any more), or
        where changes were missed, and is the last event.
        """
        ...


class LogStream(enum.StrEnum):
    """Name one of a task's two output streams."""

    STDOUT = "stdout"
    STDERR = "stderr"


@frozen
class ByteRange:
    """Ask for bytes from ``offset`` on, ``limit`` at most; ``None`` is to the end."""

    offset: int = 0
    limit: int | None = None


@frozen
class Tail:
    """Ask for the last ``size`` bytes."""

    size: int


@frozen
class LogSlice:
    """Be a part of a log: where it begins, how large the log was, and its bytes."""

    start: int
    size: int
    chunks: AsyncIterator[bytes]


@runtime_checkable
class LogSource(Protocol):
    """Give the logs of tasks (capability ``LOGS``)."""

    async def open_log(
        self,
        task: TaskRef,
        attempt: int | None,
        stream: LogStream,
        span: ByteRange | Tail,
        *,
        follow: bool,
    ) -> LogSlice:
        """Open a log; with ``follow`` the chunks go on until the task has ended.

        Without ``follow`` they end with what there is now. A range beyond the end is empty. A
        reader may leave at any time. Logs of all attempts are kept for as long as the job is,
        unless the backend was configured to give up those of ended jobs earlier.

        Raises:
            NotFound: There is no such job, task or attempt, or it never started.
        """
        ...


@runtime_checkable
class SshSource(Protocol):
    """Tell where tasks can be reached by SSH (capability ``SSH``)."""

    async def ssh_containers(self, ref: JobRef) -> Sequence[SshContainer]:
        """Give the SSH daemons of a job's running tasks; empty where there are none.

        Raises:
            NotFound: There is no such job, or its name has another submission.
        """
        ...


@runtime_checkable
class Documents(Protocol):
    """Know what jobs were made from that this gateway did not take (capability ``LEGACY``)."""

    async def document(self, ref: JobRef) -> bytes | None:
        """Give a job's configuration in JSON, as its author sent it; ``None`` if it is not kept.

        Raises:
            NotFound: There is no such job, or its name has another submission.
        """
        ...

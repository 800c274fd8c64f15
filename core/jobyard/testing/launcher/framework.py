"""One framework as the launcher remembers it: what was asked for, and what became of it."""

from __future__ import annotations

from attrs import define, field

from jobyard.domain.status import ExitType
from jobyard.testing.launcher.capacity import Place
from jobyard.testing.launcher.containers import Container
from jobyard.testing.launcher.descriptor import Descriptor, RetryPolicy
from jobyard.testing.launcher.exit_codes import exit_spec


@define
class RetryState:
    """Count retries, by their cause."""

    retried: int = 0
    succeeded: int = 0
    transient_normal: int = 0
    transient_conflict: int = 0
    non_transient: int = 0
    unknown: int = 0

    def document(self) -> dict[str, int]:
        """Give it as the launcher sends it."""
        return {
            "retriedCount": self.retried,
            "succeededRetriedCount": self.succeeded,
            "transientNormalRetriedCount": self.transient_normal,
            "transientConflictRetriedCount": self.transient_conflict,
            "nonTransientRetriedCount": self.non_transient,
            "unKnownRetriedCount": self.unknown,
        }

    def retry(self, policy: RetryPolicy, exit_type: ExitType) -> bool:
        """Count a retry and tell so, or tell that the end is final.

        With the fancy policy transient ends are repeated for ever and uncounted, others that are
        known to come again never. -1 repeats failures, -2 every end, without limit.
        """
        transient = exit_type in (ExitType.TRANSIENT_NORMAL, ExitType.TRANSIENT_CONFLICT)
        if policy.fancy and transient:
            self._count(exit_type)
            return True
        if policy.most != -2:
            if exit_type is ExitType.SUCCEEDED:
                return False
            if policy.fancy and exit_type is ExitType.NON_TRANSIENT:
                return False
            if policy.most != -1 and self.retried >= policy.most:
                return False
        self.retried += 1
        self._count(exit_type)
        return True

    def _count(self, exit_type: ExitType) -> None:
        self.succeeded += exit_type is ExitType.SUCCEEDED
        self.transient_normal += exit_type is ExitType.TRANSIENT_NORMAL
        self.transient_conflict += exit_type is ExitType.TRANSIENT_CONFLICT
        self.non_transient += exit_type is ExitType.NON_TRANSIENT
        self.unknown += exit_type is ExitType.UNKNOWN


@define
class Exit:
    """Be how something ended; ``diagnostics`` is what was said, the trigger who decided it."""

    code: int
    diagnostics: str | None = None
    trigger_message: str | None = None
    trigger_role: str | None = None
    trigger_index: int | None = None

    @property
    def type(self) -> ExitType:
        """Give its class."""
        return exit_spec(self.code).type


@define
class Task:
    """Be one task; times are milliseconds since the epoch. ``holds`` says that its place is taken."""

    role: str
    index: int
    created: int
    state: str = "TASK_WAITING"
    retries: RetryState = field(factory=RetryState)
    completed: int | None = None
    container_id: str | None = None
    place: Place | None = None
    asked: bool = False
    holds: bool = False
    container: Container | None = None
    launched: int | None = None
    container_completed: int | None = None
    exit: Exit | None = None

    @property
    def over(self) -> bool:
        """Tell whether it is not run again."""
        return self.state == "TASK_COMPLETED"

    def again(self) -> None:
        """Begin anew in another container."""
        self.state = "TASK_WAITING"
        self.container_id, self.place, self.container = None, None, None
        self.launched, self.container_completed, self.exit = None, None, None


@define
class Application:
    """Be one attempt: an application on YARN.

    ``verdict`` is how it will have ended, when nothing of it runs any more. ``ended`` has role,
    index and exit code of the tasks that ended, in the order of their ends.
    """

    id: str
    containers: int = 1
    registered: bool = False
    launched: int | None = None
    completed: int | None = None
    progress: float = 0.0
    exit: Exit | None = None
    verdict: Exit | None = None
    requested_at: float | None = None
    ended: list[tuple[str, int, int]] = field(factory=list)


@define
class Framework:
    """Be one framework; ``due`` is when its next step is, on the engine's clock."""

    name: str
    descriptor: Descriptor
    first_requested: int
    last_requested: int
    created: int
    due: float
    client_type: str = "UNKNOWN"
    state: str = "FRAMEWORK_WAITING"
    retries: RetryState = field(factory=RetryState)
    completed: int | None = None
    application: Application | None = None
    tasks: dict[str, list[Task]] = field(factory=dict)
    status_from: float = 0.0
    progress_asked: float | None = None
    stopping: bool = False
    killed_from_outside: bool = False

    @property
    def over(self) -> bool:
        """Tell whether nothing more becomes of it."""
        return self.state == "FRAMEWORK_COMPLETED"

    def all_tasks(self) -> list[Task]:
        """Give the tasks of all roles."""
        return [task for tasks in self.tasks.values() for task in tasks]

"""Frameworks one by one: as the launcher shows them, and as they are told of."""

from __future__ import annotations

from attrs import frozen

from jobyard.domain.job import FrameworkName, JobRef
from jobyard.domain.states import FrameworkState
from jobyard.domain.status import JobSummary
from jobyard.errors import NotFound
from jobyard.seams.context import Store
from jobyard_backends.scheduling.yarn import marks, views
from jobyard_backends.scheduling.yarn.failures import translated
from jobyard_backends.scheduling.yarn.launcher import Fields, Launcher
from jobyard_backends.scheduling.yarn.marks import Mark

_BEFORE_TASKS = frozenset(
    {
        FrameworkState.FRAMEWORK_WAITING,
        FrameworkState.APPLICATION_CREATED,
        FrameworkState.APPLICATION_LAUNCHED,
        FrameworkState.APPLICATION_WAITING,
    }
)


@frozen
class Found:
    """Be a framework: ``said`` is the answer, ``shown`` the launcher's summary, ``job`` ours."""

    said: Fields
    shown: JobSummary
    job: JobSummary
    mark: Mark | None

    @property
    def over(self) -> bool:
        """Tell whether the launcher has ended it."""
        return self.shown.framework_state is FrameworkState.FRAMEWORK_COMPLETED

    @property
    def waits(self) -> bool:
        """Tell whether no task of its attempt has run yet."""
        return self.job.framework_state in _BEFORE_TASKS and not views.has_run(self.said)


class Frameworks:
    """Find frameworks."""

    def __init__(self, launcher: Launcher, store: Store) -> None:
        self._launcher = launcher
        self._store = store

    async def find(self, name: FrameworkName) -> Found:
        """Find what has a name now.

        Raises:
            NotFound: There is nothing.
            Unavailable: The launcher does not answer.
        """
        if str(name) in {".", ".."}:
            raise NotFound(f"job {name} is not found")  # no address can hold it
        with translated(name):
            said = await self._launcher.framework(str(name))
        summarized = said.inner("summarizedFrameworkInfo")
        named = {**summarized.raw, "frameworkName": str(name)}
        shown = views.summary(Fields(named))
        mark = await self._store.read(marks.mark_of(marks.incarnation_of(shown)))
        return Found(said, shown, views.marked(shown, mark), mark)

    async def meant(self, ref: JobRef) -> Found:
        """Find the very job that is meant.

        Raises:
            NotFound: There is none of its name, or another one.
            Unavailable: The launcher does not answer.
        """
        found = await self.find(ref.name)
        if ref.submission not in {None, found.job.submission}:
            message = f"job {ref.name} is another one now"
            raise NotFound(message)
        return found

"""Idempotent submission: one key, one outcome (contract, section 7).

Only answers of 2xx and 4xx are kept. A key is written in a transaction of its own before its
submission is reserved, with the submission's id: after a crash that id tells what became of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Final

import anyio
from attrs import define, frozen
from sqlalchemy import ColumnElement, and_

from jobyard.clock import Clock
from jobyard.database.inserting import insert_or_leave
from jobyard.database.tables import IDEMPOTENCY
from jobyard.domain.job import SubmissionId
from jobyard.errors import ApiError, IdempotencyKeyReused
from jobyard.seams.context import Store
from jobyard.services import journal
from jobyard.services.journal import Phase
from jobyard.services.outcomes import Outcome as Outcome  # noqa: PLC0414 - the callers' one place
from jobyard.services.outcomes import UncertainSubmission, refused
from jobyard.services.outcomes import accepted as accepted  # noqa: PLC0414

if TYPE_CHECKING:
    from sqlalchemy import Connection

KEPT_FOR: Final = 24 * 3600 * 1000
"""Milliseconds for which a key lives at least."""
_SWEEP: Final = 600_000
"""Milliseconds between two looks for keys that are older."""
_RETRY_AFTER: Final = 5.0
_SERVER_ERROR: Final = 500
_TOO_MANY: Final = 429


@frozen
class Kept:
    """Be a key as the database keeps it; ``outcome`` is ``None`` while it is uncertain."""

    fingerprint: str
    submission: SubmissionId | None
    outcome: Outcome | None


@define
class _Turn:
    """Be one request's turn at a key, which it has as long as the key points where it left it."""

    user: str
    key: str
    submission: SubmissionId | None = None

    def mine(self) -> ColumnElement[bool]:
        return and_(
            IDEMPOTENCY.c.user_key == self.user,
            IDEMPOTENCY.c.key == self.key,
            IDEMPOTENCY.c.submission.is_not_distinct_from(self.submission),
            IDEMPOTENCY.c.status.is_(None),
        )


def fingerprint(route: str, body: bytes) -> str:
    """Give a digest by which the same request is known again."""
    return hashlib.sha256(route.encode() + b"\0" + body).hexdigest()


Work = Callable[[Callable[[SubmissionId], Awaitable[None]]], Awaitable[Outcome]]
"""Submit, and tell the id of the submission before it is reserved."""


class Idempotency:
    """Run a submission once for each key."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._swept_at = 0
        self._running: dict[tuple[str, str], anyio.Event] = {}

    async def run(self, user: str, key: str, digest: str, work: Work) -> tuple[Outcome, bool]:
        """Give the outcome, and whether it is an earlier request's.

        Raises:
            IdempotencyKeyReused: The key belongs to another request.
            UnknownError: The outcome of the first is uncertain, or the work failed so.
        """
        name = (user, key)
        while (running := self._running.get(name)) is not None:
            await running.wait()
        done = self._running[name] = anyio.Event()
        try:
            return await self._run(name, digest, work)
        finally:
            del self._running[name]
            done.set()

    async def _run(self, name: tuple[str, str], digest: str, work: Work) -> tuple[Outcome, bool]:
        await self._sweep()
        turn = _Turn(*name)
        kept = await self._store.write(_take(turn, digest, self._clock.now()))
        if kept is not None:
            if kept.fingerprint != digest:
                message = "The Idempotency-Key was used for another request."
                raise IdempotencyKeyReused(message)
            outcome = kept.outcome or await self._settled(kept)
            if outcome is not None:
                return outcome, True
            turn.submission = kept.submission
        try:
            outcome = await work(partial(self._tell, turn))
        except ApiError as error:
            await self._failed(turn, error)
            raise
        await self._store.write(_decide(turn, outcome))
        return outcome, False

    async def _tell(self, turn: _Turn, submission: SubmissionId) -> None:
        if not await self._store.write(_point(turn, submission)):
            # Another gateway was given the same key, and came first.
            message = "A request with this Idempotency-Key is under way."
            raise UncertainSubmission(message, retry_after=_RETRY_AFTER)
        turn.submission = submission

    async def _settled(self, kept: Kept) -> Outcome | None:
        """Tell what became of a submission whose answer was never written down."""
        if kept.submission is None:
            return None
        row = await self._store.read(journal.get(kept.submission))
        if row is None:
            return None
        if row.phase is not Phase.ACCEPTED:
            message = "Whether the job was accepted is not known yet."
            raise UncertainSubmission(message, retry_after=_RETRY_AFTER)
        return accepted(row.name)

    async def _failed(self, turn: _Turn, error: ApiError) -> None:
        if isinstance(error, UncertainSubmission):
            return
        if error.answer_status >= _SERVER_ERROR or error.answer_status == _TOO_MANY:
            # Whoever comes later may fare better: only what is final is kept.
            await self._store.write(_drop(turn))
            return
        await self._store.write(_decide(turn, refused(error)))

    async def _sweep(self) -> None:
        now = self._clock.now()
        if now - self._swept_at >= _SWEEP:
            self._swept_at = now
            await self._store.write(_forget_older(now - KEPT_FOR))


def _take(turn: _Turn, digest: str, now: int) -> Callable[[Connection], Kept | None]:
    values = {
        "user_key": turn.user,
        "key": turn.key,
        "fingerprint": digest,
        "created_at": now,
    }

    def work(connection: Connection) -> Kept | None:
        if insert_or_leave(connection, IDEMPOTENCY, values):
            return None
        query = IDEMPOTENCY.select().where(
            IDEMPOTENCY.c.user_key == turn.user, IDEMPOTENCY.c.key == turn.key
        )
        row = connection.execute(query).mappings().one()
        submission = None if row["submission"] is None else SubmissionId(row["submission"])
        outcome = None if row["status"] is None else Outcome(row["status"], bytes(row["body"]))
        return Kept(row["fingerprint"], submission, outcome)

    return work


def _point(turn: _Turn, submission: SubmissionId) -> Callable[[Connection], bool]:
    mine = turn.mine()

    def work(connection: Connection) -> bool:
        done = connection.execute(IDEMPOTENCY.update().where(mine).values(submission=submission))
        return done.rowcount == 1

    return work


def _decide(turn: _Turn, outcome: Outcome) -> Callable[[Connection], None]:
    mine = turn.mine()

    def work(connection: Connection) -> None:
        connection.execute(
            IDEMPOTENCY.update().where(mine).values(status=outcome.status, body=outcome.body)
        )

    return work


def _drop(turn: _Turn) -> Callable[[Connection], None]:
    mine = turn.mine()

    def work(connection: Connection) -> None:
        connection.execute(IDEMPOTENCY.delete().where(mine))

    return work


def _forget_older(than: int) -> Callable[[Connection], None]:
    def work(connection: Connection) -> None:
        connection.execute(IDEMPOTENCY.delete().where(IDEMPOTENCY.c.created_at < than))

    return work

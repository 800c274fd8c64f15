"""Schedulers that give logs, feeds and SSH daemons wrongly; everything else is the fake's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import anyio
from attrs import evolve

from jobyard.domain.job import (
    JobRef,
    TaskRef,
)
from jobyard.domain.status import SshContainer
from jobyard.errors import NotFound
from jobyard.seams.scheduling import (
    ByteRange,
    FeedEvent,
    LogSlice,
    LogStream,
    Lost,
    Tail,
    Vanished,
)
from jobyard.testing.fakes.scheduling import FakeScheduler


class Logs(FakeScheduler):
    """Open logs in some other way."""

    async def open_log(
        self,
        task: TaskRef,
        attempt: int | None,
        stream: LogStream,
        span: ByteRange | Tail,
        *,
        follow: bool,
    ) -> LogSlice:
        span, follow = self.asked(span, follow=follow)
        log = await super().open_log(task, attempt, stream, span, follow=follow)
        return evolve(log, chunks=self.chunks(log.chunks, follow=follow))

    def asked(self, span: ByteRange | Tail, *, follow: bool) -> tuple[ByteRange | Tail, bool]:
        return span, follow

    async def chunks(self, chunks: AsyncIterator[bytes], *, follow: bool) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            yield chunk


class FollowsForEver(Logs):
    async def chunks(self, chunks: AsyncIterator[bytes], *, follow: bool) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            yield chunk
        if follow:
            await anyio.sleep_forever()


class NeverFollows(Logs):
    def asked(self, span: ByteRange | Tail, *, follow: bool) -> tuple[ByteRange | Tail, bool]:
        return span, False


class AlwaysFollows(Logs):
    def asked(self, span: ByteRange | Tail, *, follow: bool) -> tuple[ByteRange | Tail, bool]:
        return span, True


class GivesOneByteMore(Logs):
    def asked(self, span: ByteRange | Tail, *, follow: bool) -> tuple[ByteRange | Tail, bool]:
        if isinstance(span, ByteRange) and span.limit:
            return ByteRange(span.offset, span.limit + 1), follow
        return span, follow


class TailsFromTheBegin(Logs):
    def asked(self, span: ByteRange | Tail, *, follow: bool) -> tuple[ByteRange | Tail, bool]:
        return (ByteRange(0, span.size) if isinstance(span, Tail) else span), follow


class Feeds(FakeScheduler):
    """Leave something out of the feed."""

    def told(self, event: FeedEvent) -> bool:
        return True

    async def changes(self, since: str | None) -> AsyncIterator[FeedEvent]:
        async for event in super().changes(since):
            if self.told(event):
                yield event


class DoesNotTellRemovals(Feeds):
    def told(self, event: FeedEvent) -> bool:
        return not isinstance(event, Vanished)


class KnowsEveryVersion(Feeds):
    async def changes(self, since: str | None) -> AsyncIterator[FeedEvent]:
        async for event in super().changes(since):
            if isinstance(event, Lost):
                since = None
        if since is None:
            async for event in super().changes(None):
                yield event


class BeginsAtTheEnd(Feeds):
    """Tell what comes, and nothing of what has come since."""

    async def changes(self, since: str | None) -> AsyncIterator[FeedEvent]:
        now = self._chronicle.version if since is not None else None
        async for event in super().changes(now):
            yield event


class ListensWhereNothingRuns(FakeScheduler):
    async def ssh_containers(self, ref: JobRef) -> Sequence[SshContainer]:
        found = await super().ssh_containers(ref)
        return found or (SshContainer("fake", "127.0.0.1", 22),)


class CanDoTheUndeclared(FakeScheduler):
    def _need(self, capability: object) -> None:
        return


class LetsNobodyLeave(Logs):
    async def chunks(self, chunks: AsyncIterator[bytes], *, follow: bool) -> AsyncIterator[bytes]:
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await anyio.sleep_forever()


class KeepsTheLastLogAlone(FakeScheduler):
    async def open_log(
        self,
        task: TaskRef,
        attempt: int | None,
        stream: LogStream,
        span: ByteRange | Tail,
        *,
        follow: bool,
    ) -> LogSlice:
        if attempt is not None and attempt < len(self._find(task.job).attempts) - 1:
            raise NotFound("gone")
        return await super().open_log(task, attempt, stream, span, follow=follow)


class LosesLogsAtTheEnd(Logs):
    async def chunks(self, chunks: AsyncIterator[bytes], *, follow: bool) -> AsyncIterator[bytes]:
        if follow:
            async for chunk in chunks:
                yield chunk


class GivesEmptyLogs(FakeScheduler):
    async def open_log(
        self,
        task: TaskRef,
        attempt: int | None,
        stream: LogStream,
        span: ByteRange | Tail,
        *,
        follow: bool,
    ) -> LogSlice:
        try:
            return await super().open_log(task, attempt, stream, span, follow=follow)
        except NotFound:
            return LogSlice(0, 0, self._nothing())

    @staticmethod
    async def _nothing() -> AsyncIterator[bytes]:
        nothing: tuple[bytes, ...] = ()
        for chunk in nothing:
            yield chunk


class BeginsWithNothing(Feeds):
    async def changes(self, since: str | None) -> AsyncIterator[FeedEvent]:
        async for event in super().changes(since or self._chronicle.version):
            yield event


class ListensNowhere(FakeScheduler):
    async def ssh_containers(self, ref: JobRef) -> Sequence[SshContainer]:
        await super().ssh_containers(ref)
        return ()


class ListensByName(FakeScheduler):
    async def ssh_containers(self, ref: JobRef) -> Sequence[SshContainer]:
        return await super().ssh_containers(JobRef(ref.name, None))

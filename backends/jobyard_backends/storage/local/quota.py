"""How much the folders of each user may hold, and do hold.

What a user's folders hold is counted once by a walk, and then by what each change adds or takes
away, so that no change costs more than itself. Nothing of it is kept on the disk: what opens the
storage next counts anew, whatever a crash did. A walk comes again where a change did not say what
it did, before anybody is refused, and now and then, since others may write into the folder.

All of it is done on the event loop; only the walks are done in threads.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

import anyio
from attrs import define, field

from jobyard.errors import BackendError, Unavailable
from jobyard.seams.storage import StorageFull
from jobyard_backends.storage.local.ownership import HOMES, Segments, owner_of, shown

COUNTED_AGAIN: Final = 3600.0
"""Seconds after which what a user's folders hold is counted anew by their next write."""
REFUSED_BY: Final = 60.0
"""Seconds that a count may be old by which a write is refused."""

_TRIES: Final = 3

Measure = Callable[[Segments], Awaitable[int]]
"""Give the bytes of the files below a path."""


@define
class _Account:
    """Be what is known of one user; ``held`` is ``None`` where that has to be counted."""

    owner: str
    held: int | None = None
    claimed: int = 0
    counted_at: float = 0.0
    under_way: int = 0
    changes: int = 0
    counting: anyio.Lock = field(factory=anyio.Lock)


class Quota:
    """Hold users to ``limit`` bytes in all files of their folders; ``None`` holds nobody.

    ``measure`` walks; ``now`` gives seconds of any clock that does not go back.
    """

    def __init__(
        self,
        limit: int | None,
        measure: Measure,
        now: Callable[[], float] = anyio.current_time,
    ) -> None:
        self.limit = limit
        self._measure = measure
        self._now = now
        self._accounts: dict[str, _Account] = {}

    @contextmanager
    def claim(self, path: Segments) -> Iterator[Claim]:
        """Take room for what is written to a path, and give back what was not used."""
        owner = None if self.limit is None else owner_of(path)
        account = None if owner is None else self._account(owner)
        claim = Claim(self, account, path)
        try:
            yield claim
        finally:
            claim.close()

    @contextmanager
    def removing(self, path: Segments) -> Iterator[Claim]:
        """Take back what the removal of a path says that it freed."""
        with self.claim(path) as claim, claim.change():
            yield claim
            if _holds_homes(path):
                self.forget()

    @contextmanager
    def moving(self, source: Segments, target: Segments) -> Iterator[None]:
        """Count those anew between whose folders something is moved."""
        owners = {owner_of(source), owner_of(target)}
        try:
            yield
        finally:
            if _holds_homes(source) or _holds_homes(target):
                self.forget()
            elif len(owners) > 1:
                self.forget(owners)

    def forget(self, owners: set[str | None] | None = None) -> None:
        """Have what users hold counted before their next write; ``None``: those of everybody."""
        for account in self._accounts.values():
            if owners is None or account.owner in owners:
                account.held = None

    async def room(self, account: _Account) -> int:
        """Give how many bytes are left, by a count that is not too old."""
        return self._left(await self._counted(account, COUNTED_AGAIN), account)

    async def surely(self, account: _Account) -> int:
        """Give how many bytes are left, by a count that may refuse somebody."""
        return self._left(await self._counted(account, REFUSED_BY), account)

    def _account(self, owner: str) -> _Account:
        return self._accounts.setdefault(owner, _Account(owner))

    def _left(self, held: int, account: _Account) -> int:
        return (self.limit or 0) - held - account.claimed

    async def _counted(self, account: _Account, within: float) -> int:
        """Give the bytes that a user's folders hold."""
        held = account.held
        if held is not None and self._now() <= account.counted_at + within:
            return held
        async with account.counting:
            held = account.held
            if held is None or self._now() > account.counted_at + within:
                held = await self._walked(account)
        return held

    async def _walked(self, account: _Account) -> int:
        """Count by a walk, again where something changed meanwhile."""
        begun, quiet, total = self._now(), False, 0
        for _ in range(_TRIES):
            quiet, changes = not account.under_way, account.changes
            begun = self._now()
            total = 0
            for home in sorted(HOMES):
                total += await self._measure((home, account.owner))
            quiet = quiet and changes == account.changes
            if quiet:
                break
        account.held = total
        # One that was disturbed holds for no longer than it takes to refuse somebody.
        account.counted_at = begun if quiet else begun - COUNTED_AGAIN + REFUSED_BY
        return total


class Claim:
    """Be the room that one change takes in its user's folders."""

    def __init__(self, quota: Quota, account: _Account | None, path: Segments) -> None:
        self._quota = quota
        self._account = account
        self._path = path
        self._taken = 0
        self.replaces = 0
        """Bytes of the file whose place it takes, which are not needed twice."""

    @property
    def counts(self) -> bool:
        """Tell whether anybody is held to anything."""
        return self._account is not None

    async def take(self, size: int) -> None:
        """Take room for so many bytes more.

        Raises:
            StorageFull: There is not that much left for the user.
        """
        account = self._account
        if account is None or not size:
            return
        if size > await self._quota.room(account) + self.replaces:
            left = await self._quota.surely(account) + self.replaces
            if size > left:
                raise StorageFull(
                    f"The quota of {account.owner}, {self._quota.limit} bytes, is used up: "
                    f"{shown(self._path)} was not written"
                )
        account.claimed += size
        self._taken += size

    @contextmanager
    def change(self) -> Iterator[None]:
        """Be in the middle of a change, of which nobody knows what it did where it breaks off."""
        account = self._account
        if account is None:
            yield
            return
        account.under_way += 1
        try:
            yield
        except BaseException as error:
            if isinstance(error, Unavailable) or not isinstance(error, BackendError):
                account.held = None  # else it was refused, and nothing has changed
            raise
        finally:
            account.under_way -= 1
            account.changes += 1

    def settle(self, growth: int | None) -> None:
        """Count by how many bytes the user's folders grew; ``None``: nobody knows."""
        self.close()
        account = self._account
        if account is not None and account.held is not None:
            account.held = None if growth is None else account.held + growth

    def close(self) -> None:
        """Give the room back: what is there by now was settled."""
        if self._account is not None:
            self._account.claimed -= self._taken
            self._taken = 0


def _holds_homes(path: Segments) -> bool:
    """Tell whether folders of several users lie below a path."""
    return not path or path in {(home,) for home in HOMES}

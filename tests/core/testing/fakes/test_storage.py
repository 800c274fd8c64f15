from __future__ import annotations

import pytest

from jobyard.domain.identity import SYSTEM, Actor
from jobyard.errors import NotFound, Unavailable
from jobyard.seams.storage import StorageFull
from jobyard.testing.fakes.storage import FakeStorage
from jobyard.testing.storage_place import Place


async def test_it_shows_what_there_is() -> None:
    fake = FakeStorage()

    await Place(fake, "/user/alice", Actor("alice")).put("file", b"hers")

    assert fake.files() == {"/user": None, "/user/alice": None, "/user/alice/file": b"hers"}


async def test_while_it_is_down_every_call_says_so() -> None:
    fake = FakeStorage()

    fake.down = True
    for call in (fake.ping(), fake.stat("/nothing", as_user=SYSTEM)):
        with pytest.raises(Unavailable):
            await call
    fake.down = False

    with pytest.raises(NotFound):
        await fake.stat("/nothing", as_user=SYSTEM)


async def test_the_next_calls_fail_as_they_were_told_to_and_do_nothing() -> None:
    fake = FakeStorage()
    place = Place(fake, "/folder")

    fake.fail_next(StorageFull("no room"))
    fake.fail_next(Unavailable("gone"))

    with pytest.raises(StorageFull):
        await place.put("file")
    with pytest.raises(Unavailable):
        await place.put("file")
    assert fake.files() == {}
    await place.put("file")

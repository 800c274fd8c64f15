"""What a storage promises while nobody reaches it; for suites that can arrange that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, suppress

import pytest

from jobyard.domain.identity import SYSTEM
from jobyard.errors import Unavailable
from jobyard.resilience import closed
from jobyard.testing.storage_calls import ALL, BEFORE, LOOKS, prepare
from jobyard.testing.storage_files import noise
from jobyard.testing.storage_place import Place, StorageCase
from jobyard.testing.supplied import supplied

_SIZE = 8_000_000


class StorageOutage(StorageCase):
    """Test what is told while the fixture ``outage`` keeps the storage away."""

    @supplied("outage")
    @pytest.mark.parametrize("call", sorted(ALL))
    async def test_an_outage_is_unavailable_and_never_an_absence(
        self, place: Place, outage: AbstractContextManager[object], call: str
    ) -> None:
        """Every call says ``Unavailable``, and all is there when the storage is back."""
        await prepare(place)

        with outage, pytest.raises(Unavailable):
            await ALL[call](place)

        if call in LOOKS:
            assert await place.tree() == BEFORE
            await ALL[call](place)

    @supplied("outage")
    async def test_an_outage_does_not_turn_what_is_missing_into_an_answer(
        self, place: Place, outage: AbstractContextManager[object]
    ) -> None:
        """Nobody can tell that there is nothing, either."""
        with outage:
            with pytest.raises(Unavailable):
                await place.stat("nothing")
            with pytest.raises(Unavailable):
                await place.remove("nothing")
            with pytest.raises(Unavailable):
                await place.rename("nothing", "x")

    @supplied("outage")
    async def test_an_outage_never_cuts_a_read_short(
        self, place: Place, outage: AbstractContextManager[object]
    ) -> None:
        """A stream that is cut off says so: an end is the file's end."""
        data = noise(_SIZE)
        await place.put("file", data)
        stream = place.storage.read(place.path("file"), as_user=SYSTEM)
        read = await anext(stream)

        with outage:
            try:
                async for chunk in stream:
                    read += chunk
            except Unavailable:
                assert data.startswith(read)
            else:
                assert read == data
            finally:
                await closed(stream)

    @supplied("outage")
    async def test_an_outage_leaves_nothing_half_written(
        self, place: Place, outage: AbstractContextManager[object]
    ) -> None:
        """A write in whose middle the storage goes away is whole, or not at all."""
        data = noise(_SIZE)

        async def cut_off() -> AsyncIterator[bytes]:
            yield data[: _SIZE // 2]
            outage.__enter__()
            yield data[_SIZE // 2 :]

        try:
            with suppress(Unavailable):
                await place.storage.write(
                    place.path("file"), cut_off(), overwrite=False, as_user=SYSTEM
                )
        finally:
            outage.__exit__(None, None, None)

        assert await place.tree() in ({}, {"file": data})

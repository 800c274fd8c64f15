"""A storage against a dictionary that behaves as the seam says."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Coroutine
from secrets import token_hex
from typing import Final

from attrs import evolve
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from jobyard.domain.identity import SYSTEM
from jobyard.errors import BackendError, NotFound
from jobyard.seams.storage import AlreadyExists, FileKind, IsAFolder, NotAFolder, NotEmpty
from jobyard.testing.machines import on_loop, run_machine
from jobyard.testing.storage_place import Place, StorageCase

Segments = tuple[str, ...]

# Few, and those that were used again and again, so that histories meet themselves.
_PATHS: Final = st.sampled_from(
    [path for length in (1, 2, 3) for path in itertools.product("ab", repeat=length)]
)
_DATA: Final = st.binary(max_size=20)


class DictionaryTree:
    """Be a storage as a dictionary: a file is its bytes, a folder ``None``."""

    def __init__(self) -> None:
        self.entries: dict[Segments, bytes | None] = {(): None}

    def write(self, path: Segments, data: bytes, *, overwrite: bool) -> None:
        """Write a file."""
        self._folders_above(path)
        if path in self.entries and self.entries[path] is None:
            raise IsAFolder("")
        if path in self.entries and not overwrite:
            raise AlreadyExists("")
        self._make(path[:-1])
        self.entries[path] = data

    def append(self, path: Segments, data: bytes) -> None:
        """Write behind a file's end."""
        self.entries[path] = self.read(path) + data

    def read(self, path: Segments) -> bytes:
        """Read a file."""
        if path not in self.entries:
            raise NotFound("")
        content = self.entries[path]
        if content is None:
            raise IsAFolder("")
        return content

    def mkdirs(self, path: Segments) -> None:
        """Make a folder."""
        self._folders_above(path)
        if self.entries.get(path) is not None:
            raise AlreadyExists("")
        self._make(path)

    def remove(self, path: Segments, *, recursive: bool) -> bool:
        """Remove a file or folder."""
        if path not in self.entries:
            return False
        if not recursive and len(self.below(path)) > 1:
            raise NotEmpty("")
        for each in self.below(path):
            del self.entries[each]
        return True

    def rename(self, source: Segments, target: Segments) -> bool:
        """Move a file or folder."""
        if source not in self.entries:
            return False
        if target in self.entries and self.entries[target] is None:
            target = (*target, source[-1])
        if source == target:
            return self.entries[source] is not None
        above_is_folder = self.entries.get(target[:-1], b"") is None
        if target[: len(source)] == source or target in self.entries or not above_is_folder:
            return False
        for each in self.below(source):
            self.entries[target + each[len(source) :]] = self.entries.pop(each)
        return True

    def kind(self, path: Segments) -> FileKind:
        """Tell a file from a folder."""
        if path not in self.entries:
            raise NotFound("")
        return FileKind.FOLDER if self.entries[path] is None else FileKind.FILE

    def counts(self, path: Segments) -> tuple[int, int, int]:
        """Count files, folders and bytes."""
        if path not in self.entries:
            raise NotFound("")
        values = [self.entries[each] for each in self.below(path)]
        sizes = [len(value) for value in values if value is not None]
        return len(sizes), len(values) - len(sizes), sum(sizes)

    def below(self, path: Segments) -> list[Segments]:
        """Give a path and all below it."""
        return [each for each in self.entries if each[: len(path)] == path]

    def _folders_above(self, path: Segments) -> None:
        if any(self.entries.get(path[:length]) is not None for length in range(len(path))):
            raise NotAFolder("")

    def _make(self, path: Segments) -> None:
        for length in range(1, len(path) + 1):
            self.entries.setdefault(path[:length], None)


class _Machine(RuleBasedStateMachine):
    """Do the same to a storage and to a dictionary, and compare what comes of it."""

    used: Bundle[Segments] = Bundle("used")
    known = used | _PATHS

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = evolve(place, folder=place.path(token_hex(8)))
        self.model = DictionaryTree()
        on_loop(self.place.mkdirs(""))

    def teardown(self) -> None:
        """Leave nothing."""
        on_loop(self.place.cleared())

    @initialize(target=used)
    def begin(self) -> Segments:
        """Have a path that was used."""
        return ("a",)

    @rule(target=used, path=known, data=_DATA, overwrite=st.booleans())
    def write(self, path: Segments, data: bytes, overwrite: bool) -> Segments:
        """Write."""
        self._same(
            lambda: self.model.write(path, data, overwrite=overwrite),
            self.place.put(_name(path), data, overwrite=overwrite),
        )
        return path

    @rule(path=known, data=_DATA)
    def append(self, path: Segments, data: bytes) -> None:
        """Append."""
        self._same(lambda: self.model.append(path, data), self.place.append(_name(path), data))

    @rule(target=used, path=known)
    def mkdirs(self, path: Segments) -> Segments:
        """Make a folder."""
        self._same(lambda: self.model.mkdirs(path), self.place.mkdirs(_name(path)))
        return path

    @rule(path=known, recursive=st.booleans())
    def remove(self, path: Segments, recursive: bool) -> None:
        """Remove."""
        self._same(
            lambda: self.model.remove(path, recursive=recursive),
            self.place.remove(_name(path), recursive=recursive),
        )

    @rule(target=used, source=known, to=known)
    def rename(self, source: Segments, to: Segments) -> Segments:
        """Move."""
        self._same(
            lambda: self.model.rename(source, to), self.place.rename(_name(source), _name(to))
        )
        return to

    @rule(path=known)
    def look(self, path: Segments) -> None:
        """Read, describe and count."""
        self._same(lambda: self.model.read(path), self.place.content(_name(path)))
        self._same(lambda: self.model.kind(path), self._kind(path))
        self._same(lambda: self.model.counts(path), self._counts(path))

    @invariant()
    def the_trees_are_the_same(self) -> None:
        """Compare all that there is."""
        expected = {_name(path): value for path, value in self.model.entries.items() if path}
        assert on_loop(self.place.tree()) == expected

    async def _kind(self, path: Segments) -> FileKind:
        return (await self.place.stat(_name(path))).kind

    async def _counts(self, path: Segments) -> tuple[int, int, int]:
        found = await self.place.storage.summary(self.place.path(_name(path)), as_user=SYSTEM)
        return found.files, found.folders, found.length

    def _same(self, model: Callable[[], object], real: Coroutine[object, object, object]) -> None:
        expected = _outcome(model)
        assert _outcome(lambda: on_loop(real)) == expected


def _name(path: Segments) -> str:
    return "/".join(path)


def _outcome(work: Callable[[], object]) -> object:
    """Give the result, or the class of the error."""
    try:
        return work()
    except BackendError as error:
        return type(error)


class StorageState(StorageCase):
    """Test whole histories."""

    async def test_it_behaves_as_a_dictionary_of_files_does(self, place: Place) -> None:
        """Whatever is done in whatever order, results, errors and files are the model's."""
        await run_machine(lambda: _Machine(place), examples=self.examples, steps=self.steps)

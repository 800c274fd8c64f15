"""A storage against a dictionary that behaves as the seam says."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jobyard.domain.identity import SYSTEM
from jobyard.errors import BackendError
from jobyard.seams.storage import FileKind
from jobyard.testing.storage_state import DictionaryTree, Segments
from jobyard_backends.storage.local import open_backend
from jobyard_backends.storage.local.storage import LocalStorage
from tests.backends.storage.conftest import Later, content, left_over, pieces, put, tree

T = TypeVar("T")

segments = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4).map(tuple)
data = st.binary(max_size=20)


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp())
        self.later = Later()
        self.model = DictionaryTree()
        self.opening = open_backend(self.folder, self.later)
        self.storage: LocalStorage = self.run(self.opening.__aenter__())

    def run(self, work: Coroutine[object, object, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.run(self.opening.__aexit__(None, None, None))
        self.runner.close()
        shutil.rmtree(self.folder)

    @staticmethod
    def path(of: Segments) -> str:
        return "/" + "/".join(of)

    def same(self, expected: object, actual: Coroutine[object, object, object]) -> None:
        """Compare results, or the classes of errors."""
        assert self.outcome(lambda: self.run(actual)) == expected

    @staticmethod
    def outcome(work: Callable[[], object]) -> object:
        try:
            return work()
        except BackendError as error:
            return type(error)

    @rule(path=segments, value=data, overwrite=st.booleans())
    def write(self, path: Segments, value: bytes, overwrite: bool) -> None:
        expected = self.outcome(lambda: self.model.write(path, value, overwrite=overwrite))
        self.same(expected, put(self.storage, self.path(path), value, overwrite=overwrite))

    @rule(path=segments, value=data)
    def append(self, path: Segments, value: bytes) -> None:
        expected = self.outcome(lambda: self.model.append(path, value))
        self.same(expected, self.storage.append(self.path(path), pieces(value), as_user=SYSTEM))

    @rule(path=segments)
    def mkdirs(self, path: Segments) -> None:
        expected = self.outcome(lambda: self.model.mkdirs(path))
        self.same(expected, self.storage.mkdirs(self.path(path), as_user=SYSTEM))

    @rule(path=segments, recursive=st.booleans())
    def remove(self, path: Segments, recursive: bool) -> None:
        expected = self.outcome(lambda: self.model.remove(path, recursive=recursive))
        work = self.storage.remove(self.path(path), recursive=recursive, as_user=SYSTEM)
        self.same(expected, work)

    @rule(source=segments, to=segments)
    def rename(self, source: Segments, to: Segments) -> None:
        expected = self.outcome(lambda: self.model.rename(source, to))
        work = self.storage.rename(self.path(source), self.path(to), as_user=SYSTEM)
        self.same(expected, work)

    @rule(path=segments)
    def read(self, path: Segments) -> None:
        expected = self.outcome(lambda: self.model.read(path))
        self.same(expected, content(self.storage, self.path(path)))

    @precondition(lambda self: self.later.waiting)
    @rule()
    def clear(self) -> None:
        self.run(self.later.run())
        assert left_over(self.folder) == []

    @rule()
    def open_again(self) -> None:
        self.run(self.opening.__aexit__(None, None, None))
        self.later.waiting.clear()
        self.opening = open_backend(self.folder, self.later)
        self.storage = self.run(self.opening.__aenter__())

    @invariant()
    def the_disk_and_the_listings_are_as_the_model(self) -> None:
        entries = {"/".join(path): value for path, value in self.model.entries.items() if path}
        assert tree(self.folder) == entries
        for path, value in self.model.entries.items():
            if value is None:
                page = self.run(self.storage.list(self.path(path), None, 100, as_user=SYSTEM))
                names = sorted(e[-1] for e in self.model.entries if e and e[:-1] == path)
                assert [entry.name for entry in page.entries] == names
        summary = self.run(self.storage.summary("/", as_user=SYSTEM))
        values = [value for value in self.model.entries.values() if value is not None]
        assert summary.files == len(values)
        assert summary.length == sum(map(len, values))
        assert self.run(self.storage.stat("/", as_user=SYSTEM)).kind is FileKind.FOLDER


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)

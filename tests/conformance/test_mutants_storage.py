"""Each rule of the suite for storages catches a storage that breaks it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, cast

import anyio
import pytest

from jobyard.domain.identity import Actor
from jobyard.seams.context import Context
from jobyard.seams.provider import StorageProvider, storage_provider
from jobyard.seams.storage import Storage
from jobyard.testing.fakes.storage import FakeStorage, fake_storage_provider
from jobyard.testing.storage import StorageConformance
from jobyard.testing.subject import Subject
from jobyard_backends.storage.local import open_backend
from jobyard_backends.storage.local.failures import translated
from jobyard_plugins.storage_local import LocalStorageConfig
from tests.conformance import mutant_storages as mutants
from tests.conformance import mutant_storages_tree as others
from tests.conformance.catching import caught_by


class OfFake(StorageConformance):
    # Far more than it takes, and the first that fails is the last that is tried.
    examples = 200

    @pytest.fixture
    def outage(self, subject: Subject[Any]) -> AbstractContextManager[object]:
        return _down(cast("FakeStorage", subject.backend))


@contextmanager
def _down(fake: FakeStorage) -> Iterator[None]:
    fake.down = True
    try:
        yield
    finally:
        fake.down = False


class OnDisk(StorageConformance):
    @pytest.fixture
    def settings(self, disk: Path) -> Mapping[str, object]:
        return {"root": str(disk)}

    @pytest.fixture
    def disk(self, tmp_path: Path) -> Path:
        return tmp_path / "files"


def caught(
    suite: type[StorageConformance], provider: StorageProvider, tests: Collection[str]
) -> set[str]:
    """Give those of the tests that fail."""
    return caught_by(type("Suite", (suite,), {"provider": provider}), tests)


CAUGHT: dict[type[FakeStorage], tuple[str, ...]] = {
    mutants.SwallowsUnavailable: ("an_outage_is_unavailable_and_never_an_absence",),
    mutants.TakesAnOutageForNothingToRemove: (
        "an_outage_does_not_turn_what_is_missing_into_an_answer",
    ),
    mutants.EndsWhereItIsCutOff: ("an_outage_never_cuts_a_read_short",),
    mutants.GrowsInPlace: (
        "nothing_shows_before_all_is_written",
        "an_outage_leaves_nothing_half_written",
        "a_write_that_is_cancelled_while_it_waits_leaves_nothing",
    ),
    mutants.GrowsBeside: (
        "nothing_shows_before_all_is_written",
        "a_write_whose_source_fails_leaves_all_as_it_was",
    ),
    mutants.KeepsWhatCameBeforeAFailure: ("a_write_whose_source_fails_leaves_all_as_it_was",),
    mutants.AlwaysOverwrites: ("a_file_is_not_replaced_unasked",),
    mutants.NeverOverwrites: ("a_file_is_replaced_when_asked",),
    mutants.LooksOnlyBeforeItWrites: ("of_many_writers_of_one_name_one_wins",),
    mutants.MasksTheMode: ("a_file_has_the_mode_that_it_was_written_with",),
    mutants.LeaksATask: ("writers_whose_source_fails_hold_nothing",),
    mutants.ListsDoubles: ("a_large_folder_is_listed_whole_and_nothing_twice",),
    mutants.ListsWithoutOrder: ("entries_come_in_the_order_of_their_names_bytes",),
    mutants.ListsOnePageAlone: ("a_listing_goes_on_after_a_name",),
    mutants.ReadsOneTooMany: ("a_range_may_lie_anywhere_in_a_large_file",),
    mutants.ReadsFromTheEndBackwards: ("a_range_is_cut_at_the_end_of_the_file",),
    mutants.ReadsAllAtOnce: ("chunks_are_bounded",),
    mutants.KeepsWhatItRead: ("reading_holds_little_of_the_file_in_memory",),
    FakeStorage: ("writing_holds_little_of_the_file_in_memory",),
    mutants.LeaksAFile: ("readers_that_stop_early_hold_nothing",),
    mutants.TruncatesWhereItAppends: (
        "appending_goes_on_at_the_end",
        "an_append_whose_source_fails_spoils_nothing",
    ),
    mutants.LosesWhatOthersAppend: ("of_many_who_append_none_loses_what_it_wrote",),
    others.RemovesFullFolders: ("a_folder_with_entries_is_not_removed_unasked",),
    others.RemovesInPart: ("a_folder_with_closed_ones_below_is_not_removed_in_part",),
    others.SaysThatItRemovedNothing: ("of_many_removals_one_removes",),
    others.RemovesWhatLooksAlike: ("a_folder_is_removed_with_all_below_it",),
    others.RenamesOntoTheTaken: ("a_move_that_cannot_be_is_false_and_changes_nothing",),
    others.LooksOnlyBeforeItMoves: ("of_many_moves_to_one_name_one_is_done",),
    others.MakesTheFolderOfATarget: ("a_move_that_cannot_be_is_false_and_changes_nothing",),
    others.GivesAwayWhatIsMoved: ("nobody_may_more_by_moving",),
    others.MakesFoldersOverFiles: ("no_folder_is_made_over_or_below_a_file",),
    others.MakingAgainFails: ("making_a_folder_again_is_good",),
    others.SumsTheName: ("a_checksum_is_that_of_the_content",),
    others.ForgetsToCountThePath: ("a_summary_counts_files_folders_and_bytes",),
    others.TellsSeconds: ("a_file_is_described",),
    others.BlocksTheLoop: ("a_call_does_not_block_the_event_loop",),
    others.SumsOnTheLoop: ("a_large_file_does_not_block_the_event_loop",),
    others.SwallowsCancellation: ("a_call_that_is_cancelled_ends_so_and_all_works",),
    others.IsCancelledInTheMiddle: ("a_call_that_is_cancelled_ends_so_and_all_works",),
    others.ShowsSecrets: (
        "bits_keep_others_out_of_a_file",
        "bits_keep_others_out_of_a_folder",
    ),
    others.LetsEverybodyAppend: (
        "what_is_anothers_is_never_changed",
        "owners_are_held_to_the_owners_bits",
    ),
    others.LetsEverybodySetBits: ("a_shared_folder_is_shared",),
    others.DoesEverythingAsTheGateway: (
        "a_user_writes_nowhere_else",
        "a_user_writes_below_own_folders_which_are_made_on_the_way",
    ),
    others.KnowsNoAdministrators: ("administrators_and_the_gateway_are_kept_out_of_nothing",),
    others.TakesANamesakeForTheGateway: (
        "a_user_who_is_called_like_the_gateway_is_not_the_gateway",
    ),
    others.IgnoresTheStickyBit: ("in_a_sticky_folder_what_another_made_stays",),
    others.FoldsCase: (
        "names_that_look_alike_are_different",
        "any_name_is_kept_as_it_is",
    ),
    others.TrimsNames: ("names_that_look_alike_are_different",),
    others.ComposesNames: ("names_that_look_alike_are_different",),
    others.DecodesNames: ("odd_names_are_kept_as_they_are",),
    others.CutsNamesAtNul: ("nul_and_half_characters_are_invalid",),
    others.CutsLongNames: ("a_name_that_is_too_long_is_invalid",),
    others.TakesEmptyFoldersAway: ("it_behaves_as_a_dictionary_of_files_does",),
}
"""What each mutant is caught by, without the names' ``test_``."""


@pytest.mark.parametrize("mutant", CAUGHT, ids=lambda mutant: mutant.__name__)
def test_a_storage_that_is_wrong_is_caught(mutant: type[FakeStorage]) -> None:
    expected = {f"test_{name}" for name in CAUGHT[mutant]}

    assert caught(OfFake, fake_storage_provider(mutant), expected) == expected


def test_a_storage_that_forgets_is_caught() -> None:
    provider = fake_storage_provider(lambda _: FakeStorage())

    tests = {"test_files_outlive_the_closing"}

    assert caught(OfFake, provider, tests) == tests


class _Wrong:
    """Be a storage on a disk that does something with a whole path."""

    def __init__(self, storage: Storage, root: Path) -> None:
        self._storage = storage
        self._root = root

    def __getattr__(self, name: str) -> object:
        return getattr(self._storage, name)

    def _place(self, path: str) -> anyio.Path:
        return anyio.Path(f"{self._root}{path}")


class _GoesByPaths(_Wrong):
    async def read(
        self, path: str, offset: int = 0, length: int | None = None, *, as_user: Actor
    ) -> AsyncIterator[bytes]:
        with translated(path):
            yield await self._place(path).read_bytes()


class _SetsBitsThroughLinks(_Wrong):
    async def chmod(self, path: str, mode: int, *, as_user: Actor) -> None:
        with translated(path):
            await self._place(path).chmod(mode)


def _on_disk(kind: type[_Wrong]) -> StorageProvider:
    @asynccontextmanager
    async def opened(config: LocalStorageConfig, context: Context) -> AsyncIterator[Storage]:
        assert config.root is not None
        async with open_backend(config.root, context.tasks) as storage:
            yield cast("Storage", kind(storage, config.root))

    return storage_provider(
        name="disk", api=1, summary="Wrong.", config=LocalStorageConfig, open=opened
    )


LEAVES_THE_ROOT = {
    _GoesByPaths: {"test_a_link_is_not_followed_out_of_the_root", "test_dots_never_lead_out"},
    _SetsBitsThroughLinks: {"test_a_link_is_not_followed_out_of_the_root"},
}


@pytest.mark.parametrize("kind", LEAVES_THE_ROOT)
def test_a_storage_that_leaves_its_root_is_caught(kind: type[_Wrong]) -> None:
    assert caught(OnDisk, _on_disk(kind), LEAVES_THE_ROOT[kind]) == LEAVES_THE_ROOT[kind]

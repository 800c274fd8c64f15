"""What a storage promises of permissions: who may do what, and that nobody else may."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

import pytest

from jobyard.domain.identity import SYSTEM, Actor
from jobyard.errors import NotFound
from jobyard.seams.storage import NotPermitted
from jobyard.testing.storage_place import HOMES, People, Place, StorageCase
from jobyard.testing.subject import Subject


async def _refused(work: Awaitable[object]) -> None:
    with pytest.raises(NotPermitted):
        await work


async def _all_is_refused(place: Place, path: str) -> None:
    """Try every change of a file."""
    await _refused(place.put(path, overwrite=True))
    await _refused(place.append(path, b"x"))
    await _refused(place.remove(path))
    await _refused(place.rename(path, f"{path}-moved"))
    await _refused(place.chmod(path, 0o777))


class StoragePermissions(StorageCase):
    """Test two users who know nothing of each other, an administrator, and the gateway."""

    @pytest.fixture
    def root(self, subject: Subject[Any]) -> Place:
        """Give the root of the storage as a place."""
        return Place(subject.backend, "")

    @pytest.mark.parametrize("home", HOMES)
    async def test_a_user_writes_below_own_folders_which_are_made_on_the_way(
        self, root: Place, people: People, home: str
    ) -> None:
        """Nobody has to make the folder of a user; it is the user's, and so is what lies in it."""
        alice = root.by(people.alice)
        own = f"{home[1:]}/{people.alice.account}"

        await alice.put(f"{own}/a/b", b"mine")
        await alice.mkdirs(f"{own}/c")

        for path in (own, f"{own}/a", f"{own}/a/b", f"{own}/c"):
            assert (await alice.stat(path)).owner == people.alice.account
        assert await alice.content(f"{own}/a/b") == b"mine"
        await alice.append(f"{own}/a/b", b" still")
        await alice.chmod(f"{own}/a/b", 0o600)
        assert await alice.rename(f"{own}/a", f"{own}/c")
        assert await alice.remove(f"{own}/c", recursive=True)

    @pytest.mark.parametrize("home", HOMES)
    async def test_a_folder_of_ones_own_can_be_made_itself(
        self, root: Place, people: People, home: str
    ) -> None:
        """A job's first act may be to make its user's folder."""
        own = f"{home[1:]}/{people.alice.account}"

        await root.by(people.alice).mkdirs(own)

        assert (await root.stat(own)).owner == people.alice.account

    async def test_a_user_writes_nowhere_else(
        self, root: Place, place: Place, people: People
    ) -> None:
        """Not in the root, not beside users' folders, not in another's, not in the gateway's."""
        alice = root.by(people.alice)
        await root.by(people.bob).put(f"user/{people.bob.account}/theirs")
        there, mark = place.folder[1:], f"{people.alice.account}x"
        await place.mkdirs("gateways", mode=0o755)

        for folder in ("", "user/", f"user/{people.bob.account}/", f"{there}/gateways/"):
            await _refused(alice.put(f"{folder}{mark}"))
            await _refused(alice.put(f"{folder}{mark}/below"))
            await _refused(alice.mkdirs(f"{folder}{mark}"))

        for folder in ("", "user"):
            assert mark not in await root.names(folder)
        assert await place.tree() == {"gateways": None}
        assert await root.names(f"user/{people.bob.account}") == ["theirs"]

    async def test_what_is_anothers_is_never_changed(self, root: Place, people: People) -> None:
        """By default others read at most: no way of changing a file or its folder is open."""
        home = f"user/{people.bob.account}"
        await root.by(people.bob).put(f"{home}/file", b"bob's")

        await _all_is_refused(root.by(people.alice), f"{home}/file")
        await _refused(root.by(people.alice).remove(home, recursive=True))
        await _refused(root.by(people.alice).put(f"{home}/new"))
        await _refused(root.by(people.alice).chmod(home, 0o777))

        assert await root.tree(home) == {f"{home}/file": b"bob's"}

    async def test_bits_keep_others_out_of_a_file(self, root: Place, people: People) -> None:
        """A file of mode 600 is its owner's alone; that it is there may be seen."""
        path = f"user/{people.bob.account}/secret"
        await root.by(people.bob).put(path, b"secret", mode=0o600)
        alice = root.by(people.alice)

        await _refused(alice.content(path))
        await _refused(alice.storage.checksum(alice.path(path), as_user=people.alice))

        assert (await alice.stat(path)).size == 6
        assert await root.by(people.bob).content(path) == b"secret"

    async def test_bits_keep_others_out_of_a_folder(self, root: Place, people: People) -> None:
        """Below a folder of mode 700 others see, read and list nothing."""
        home = f"user/{people.bob.account}"
        await root.by(people.bob).put(f"{home}/private/file")
        await root.by(people.bob).chmod(f"{home}/private", 0o700)
        alice = root.by(people.alice)

        await _refused(alice.content(f"{home}/private/file"))
        await _refused(alice.stat(f"{home}/private/file"))
        await _refused(alice.names(f"{home}/private"))
        await _refused(alice.storage.summary(f"/{home}", as_user=people.alice))

    async def test_administrators_and_the_gateway_are_kept_out_of_nothing(
        self, root: Place, people: People
    ) -> None:
        """Bits hold neither administrators nor the gateway."""
        home = f"user/{people.bob.account}"
        await root.by(people.bob).put(f"{home}/private/file", b"secret", mode=0o600)
        await root.by(people.bob).chmod(f"{home}/private", 0o700)

        for actor in (people.root, SYSTEM):
            there = root.by(actor)
            assert await there.content(f"{home}/private/file") == b"secret"
            summary = await there.storage.summary(f"/{home}", as_user=actor)
            assert (summary.files, summary.folders) == (1, 2)
            await there.put(f"{home}/private/file", b"secret", overwrite=True, mode=0o600)
            await there.chmod(f"{home}/private", 0o700)

    async def test_a_folder_may_let_through_and_show_nothing(
        self, root: Place, people: People
    ) -> None:
        """Mode 711: who knows a name gets to it, and nobody else gets to know names."""
        home = f"user/{people.bob.account}"
        await root.by(people.bob).put(f"{home}/folder/file", b"data", mode=0o644)
        await root.by(people.bob).chmod(f"{home}/folder", 0o711)

        assert await root.by(people.alice).content(f"{home}/folder/file") == b"data"
        await _refused(root.by(people.alice).names(f"{home}/folder"))

    async def test_owners_are_held_to_the_owners_bits(self, root: Place, people: People) -> None:
        """An owner who took the own right to write has to give it back first."""
        path = f"user/{people.bob.account}/file"
        bob = root.by(people.bob)
        await bob.put(path, b"a", mode=0o444)

        await _refused(bob.append(path, b"b"))
        await bob.chmod(path, 0o644)
        await bob.append(path, b"b")

        assert await bob.content(path) == b"ab"

    async def test_a_shared_folder_is_shared(self, place: Place, people: People) -> None:
        """In a folder of mode 777 everybody makes, and takes away what others made."""
        await place.mkdirs("shared", mode=0o777)

        await place.by(people.alice).put("shared/file", b"alice's", mode=0o644)

        assert await place.by(people.bob).content("shared/file") == b"alice's"
        assert await place.by(people.bob).remove("shared/file")
        await _refused(place.by(people.bob).chmod("shared", 0o755))

    async def test_in_a_sticky_folder_what_another_made_stays(
        self, place: Place, people: People
    ) -> None:
        """With the sticky bit others neither remove a file nor take its name away."""
        await place.mkdirs("shared", mode=0o1777)
        await place.by(people.alice).put("shared/file", b"alice's", mode=0o644)
        bob = place.by(people.bob)

        await _refused(bob.remove("shared/file"))
        await _refused(bob.rename("shared/file", "shared/mine"))

        assert await place.tree("shared") == {"shared/file": b"alice's"}
        assert await place.by(people.root).remove("shared/file")

    async def test_nobody_may_more_by_moving(self, root: Place, people: People) -> None:
        """A secret that somebody can move to the own folder stays secret."""
        bob, alice = root.by(people.bob), root.by(people.alice)
        open_folder = f"user/{people.bob.account}/open"
        mine = f"user/{people.alice.account}/mine"
        await bob.put(f"{open_folder}/secret", b"secret", mode=0o600)
        await bob.chmod(open_folder, 0o777)
        await alice.mkdirs(f"user/{people.alice.account}")

        with suppress(NotPermitted):
            await alice.rename(f"{open_folder}/secret", mine)

        for path in (f"{open_folder}/secret", mine):
            with pytest.raises((NotPermitted, NotFound)):
                await alice.chmod(path, 0o644)
            with pytest.raises((NotPermitted, NotFound)):
                await alice.content(path)

    async def test_a_folder_with_closed_ones_below_is_not_removed_in_part(
        self, place: Place, people: People
    ) -> None:
        """Where something below may not be removed, nothing is."""
        await place.mkdirs("shared", mode=0o777)
        alice = place.by(people.alice)
        await alice.put("shared/folder/file")
        await place.put("shared/folder/closed/file")
        await place.chmod("shared/folder/closed", 0o700)
        before = await place.tree()

        await _refused(alice.remove("shared/folder", recursive=True))

        assert await place.tree() == before

    async def test_a_user_who_is_called_like_the_gateway_is_not_the_gateway(
        self, root: Place, place: Place
    ) -> None:
        """The name alone gives nobody the gateway's rights."""
        namesake = Actor(SYSTEM.account)
        await place.put("file", b"gateway's", mode=0o600)

        await _refused(place.by(namesake).content("file"))
        await _refused(place.by(namesake).put("other"))
        await _refused(place.by(namesake).chmod("", 0o777))
        await _refused(root.by(namesake).chmod("", 0o777))

"""What the suite of the seam cannot know: kinds of hashes, odd lines, and changes of the files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from jobyard.domain.identity import Found, Identity, NotMine
from jobyard.errors import Unavailable
from jobyard.seams.auth import CredentialsRejected
from jobyard.secret import Secret

from jobyard_auth_htpasswd.users import HtpasswdUsers

RIGHT = Secret("right one")
# As Apache's htpasswd 2.4 wrote them, with the options -B, -m, -s, -2 and -5.
HASHES = [
    "$2y$05$wBvgGsIa95fTGHs1zRJo1ObkJz9NI1ySg744LZHpRumn7wg8OEAya",
    "$apr1$gXFPHJSD$.Hc5AbFe.yek0L3yyN/zy0",
    "{SHA}Q0dB23juBlDPzb7VKfGvlWlQVFk=",
    "$5$jx2ZExr566VlQht7$LyRCHQQGHUnk18Z/VYCbF7I3nVqNvjmJxmf7l0ba7R6",
    (
        "$6$gucLvjYyPXfu1o1S$ImttiNps5/9buqY4pBI2tEGyqnyQciG8UXRTGknWer4Ks1W6xyKZ1ia/XUf0TxaTB2ICV7"
        "wtcva90tY4NdzPb0"
    ),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "users"


@pytest.fixture
def users(file: Path) -> HtpasswdUsers:
    file.write_text("")
    return HtpasswdUsers("htpasswd", file, None)


def written(file: Path, text: str, at: int | None = None) -> int:
    """Write a file as of a time, in seconds, and give its time stamp in nanoseconds."""
    file.write_text(text)
    if at is not None:
        os.utime(file, (at, at))
    return file.stat().st_mtime_ns


async def named(users: HtpasswdUsers, name: str) -> Identity | None:
    found = await users.find(name)
    return found.identity if isinstance(found, Found) else None


@pytest.mark.parametrize("digest", HASHES)
async def test_every_kind_of_hash_that_htpasswd_writes_is_read(
    users: HtpasswdUsers, file: Path, digest: str
) -> None:
    written(file, f"alice:{digest}\n")

    assert await users.authenticate("alice", RIGHT) is not None
    with pytest.raises(CredentialsRejected):
        await users.authenticate("alice", Secret("wrong one"))


@pytest.mark.parametrize("digest", ["", "right one", "!", "$2y$05$short", "$9$unknown$kind", "*"])
async def test_what_is_no_hash_lets_nobody_in(
    users: HtpasswdUsers, file: Path, digest: str
) -> None:
    written(file, f"alice:{digest}\n")

    for password in (RIGHT, Secret(digest), Secret("")):
        with pytest.raises(CredentialsRejected):
            await users.authenticate("alice", password)


async def test_a_password_that_bcrypt_would_cut_is_wrong(users: HtpasswdUsers, file: Path) -> None:
    written(file, f"alice:{HASHES[0]}\n")

    for password in (RIGHT.reveal() * 20, f"{RIGHT.reveal()}\0{'x' * 80}"):
        with pytest.raises(CredentialsRejected):
            await users.authenticate("alice", Secret(password))


async def test_lines_that_name_no_user_are_left_out_and_told(
    users: HtpasswdUsers, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines = ["# a comment", "", "no colon", "al ice:x", "j\u00f6rg:x", "bob:x", "BOB:y", "bob:z"]
    written(file, "\n".join(lines))

    assert [each.name for each in (await users.users(None, 10)).users] == ["bob"]
    assert [record.getMessage().split()[1] for record in caplog.records] == list("34578")


async def test_a_change_is_seen_at_the_next_call(users: HtpasswdUsers, file: Path) -> None:
    written(file, f"alice:{HASHES[0]}\n", at=1000)
    assert await named(users, "alice") is not None

    written(file, f"bobby:{HASHES[0]}\n", at=1001)

    assert await users.find("alice") == NotMine()
    assert await users.authenticate("alice", RIGHT) is None
    assert await users.authenticate("bobby", RIGHT) is not None


async def test_two_changes_within_one_tick_of_the_clock_are_seen(
    users: HtpasswdUsers, file: Path
) -> None:
    stamp = written(file, f"alice:{HASHES[0]}\n")
    assert await named(users, "alice") is not None

    written(file, f"bobby:{HASHES[0]}\n")
    os.utime(file, ns=(stamp, stamp))

    assert await named(users, "bobby") is not None


async def test_only_whose_hash_changed_was_changed(users: HtpasswdUsers, file: Path) -> None:
    written(file, f"alice:{HASHES[0]}\nbob:{HASHES[0]}\n", at=1000)
    assert (await named(users, "alice")) == Identity(
        "htpasswd", "alice", credentials_changed_at=1_000_000
    )

    written(file, f"alice:{HASHES[1]}\nbob:{HASHES[0]}\n", at=2000)

    times = [each.credentials_changed_at for each in (await users.users(None, 10)).users]
    assert times == [2_000_000, 1_000_000]


async def test_groups_are_read_again_too(file: Path, tmp_path: Path) -> None:
    written(file, f"alice:{HASHES[0]}\n")
    groups = tmp_path / "groups"
    users = HtpasswdUsers("htpasswd", file, groups)
    with pytest.raises(Unavailable):
        await users.ping()
    seen = []

    for text in ("# none\n", "team1: bob alice\nteam2: alice\n", "team2 : alice\n"):
        written(groups, text)
        found = await named(users, "alice")
        seen.append(sorted(found.groups) if found else None)

    assert seen == [[], ["team1", "team2"], ["team2"]]


async def test_a_file_that_cannot_be_read_is_named_in_the_log_alone(tmp_path: Path) -> None:
    users = HtpasswdUsers("htpasswd", tmp_path / "nowhere", None)

    with pytest.raises(Unavailable) as caught:
        await users.authenticate("alice", RIGHT)

    assert str(tmp_path) not in caught.value.message
    assert "nowhere" in (caught.value.detail or "")

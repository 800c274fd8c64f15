"""A store of podman's of its own, with one small image: BusyBox, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from attrs import frozen

IMAGE: Final = "localhost/busybox:1"
BARE: Final = "localhost/bare:1"
"""An image without a shell."""

RUN_OPTIONS: Final = ("--ulimit", "nofile=1024:4096", "--ulimit", "nproc=4096:4096")
_BUSYBOX: Final = "busybox"
_PROGRAMS: Final = (
    "cat df echo env grep head id kill ls mkdir mount ps pwd sh sleep tail touch tr true wc"
)


@frozen
class Podman:
    """Be a store; ``options`` have podman use it, with what works in most sandboxes."""

    options: tuple[str, ...]

    def run(self, *words: str) -> str:
        """Run podman on the store and give what it printed."""
        done = subprocess.run(
            ["podman", *self.options, *words], capture_output=True, check=True, timeout=120
        )
        return done.stdout.decode()

    def containers(self) -> list[str]:
        """Give the names of all containers of the store."""
        return self.run("ps", "--all", "--format", "{{.Names}}").split()


@contextmanager
def podman_store() -> Iterator[Podman]:
    """Make a store with the images, and remove it."""
    # Below /tmp, since a socket's path is short.
    root = Path(tempfile.mkdtemp(prefix="jy-", dir="/tmp"))
    options = ["--root", str(root / "store"), "--runroot", str(root / "run")]
    options += [
        "--tmpdir",
        str(root / "tmp"),
        "--storage-driver",
        "vfs",
        "--events-backend",
        "none",
    ]
    options += ["--runtime", "runc", "--cgroup-manager", "cgroupfs"]
    store = Podman(tuple(options))
    try:
        for image, names in ((IMAGE, _PROGRAMS.split()), (BARE, [])):
            archive = root / "image.tar"
            _pack(archive, names)
            store.run("import", "--quiet", str(archive), image)
        yield store
    finally:
        for name in store.containers():
            store.run("rm", "--force", "--time", "0", name)
        shutil.rmtree(root)


def _pack(archive: Path, programs: list[str]) -> None:
    with tarfile.open(archive, "w") as file:
        for folder in ("bin", "dev", "etc", "proc", "sys", "tmp", "usr"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            file.addfile(entry)
        found = shutil.which(_BUSYBOX)
        assert found is not None, "busybox-static is not installed"
        if programs:
            file.add(os.path.realpath(found), f"bin/{_BUSYBOX}")
        for name in programs:
            entry = tarfile.TarInfo(f"bin/{name}")
            entry.type, entry.linkname = tarfile.SYMTYPE, _BUSYBOX
            file.addfile(entry)

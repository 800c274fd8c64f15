"""The images of jobs: there before a container is made of them, or a clear reason."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Sequence
from typing import Final

import anyio

from jobyard_backends.scheduling.local.engine import Engine, engine_environment, last_words

_FETCH_SECONDS: Final = 3600.0
_LOOK_SECONDS: Final = 60.0
_HOST: Final = r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?|\[[0-9a-fA-F:]+\](?::[0-9]{1,5})?"
_PART: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE: Final = re.compile(
    rf"(?:(?:{_HOST})/)?{_PART}(?:/{_PART})*(?::\w[\w.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?",
    re.ASCII,
)
"""The grammar of the distribution specification's references."""

_ELSEWHERE: Final = frozenset(
    {
        "containers-storage",
        "dir",
        "docker",
        "docker-archive",
        "docker-daemon",
        "oci",
        "oci-archive",
        "ostree",
        "sif",
        "tarball",
        "atomic",
    }
)
"""What podman takes before a ``:`` for a place on the machine, which it reads as its own account."""


class ImageUnusable(Exception):
    """Say why an image cannot be had."""


class Images:
    """Fetch images that are not there yet; ``fetching`` counts who waits for each."""

    def __init__(self, engine: Engine | None) -> None:
        self._engine = engine
        self.fetching: Counter[str] = Counter()

    async def have(self, image: str) -> None:
        """Return when an image is there; at once where there are no containers.

        Raises:
            ImageUnusable: It is none, or cannot be had.
        """
        if self._engine is None:
            return
        if not _REFERENCE.fullmatch(image) or image.partition(":")[0] in _ELSEWHERE:
            message = f"image {image} is not the name of an image in a registry"
            raise ImageUnusable(message)
        inspect = (*self._engine.words, "image", "inspect", "--format", "{{.Id}}", "--", image)
        if (await _call(inspect, _LOOK_SECONDS)).returncode == 0:
            return
        self.fetching[image] += 1
        try:
            pull = (*self._engine.words, "pull", "--quiet", "--", image)
            done = await _call(pull, _FETCH_SECONDS)
        finally:
            self.fetching[image] -= 1
        if done.returncode != 0:
            raise ImageUnusable(f"image {image} cannot be had: {last_words(done.stderr)}")


async def _call(words: Sequence[str], seconds: float) -> subprocess.CompletedProcess[bytes]:
    try:
        with anyio.fail_after(seconds):
            return await anyio.run_process(
                words, check=False, stdin=subprocess.DEVNULL, env=engine_environment()
            )
    except TimeoutError:
        return subprocess.CompletedProcess(words, 1, b"", f"not within {seconds:g} s".encode())
    except OSError as error:
        return subprocess.CompletedProcess(words, 1, b"", str(error).encode())

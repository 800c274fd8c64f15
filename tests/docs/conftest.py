import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

START_TIMEOUT: Final = 30.0
STOP_TIMEOUT: Final = 30.0


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[str]:
    """Run ``jobyard serve`` as the documentation says, with ``state`` in ``tmp_path``."""
    command = [sys.executable, "-m", "jobyard", "serve", "--state-dir", "state"]
    log = tmp_path / "gateway.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", "0"],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield address(process, log)
    finally:
        process.terminate()
        code = process.wait(STOP_TIMEOUT)
    assert code == 0


def address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until the gateway says where it listens."""
    end = time.monotonic() + START_TIMEOUT
    while time.monotonic() < end:
        ended = process.poll() is not None
        text = log.read_text()
        _, said, rest = text.partition(" listens on ")
        if said and "\n" in rest:
            return rest.split()[0]
        if ended:
            pytest.fail(f"the gateway did not start:\n{text}")
        time.sleep(0.05)
    pytest.fail("the gateway did not start in time")

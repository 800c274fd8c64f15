"""Fit a share of the data, round by round, with the parameters that the server holds.

Every worker reads the same file and takes the rows that are its own by its index. The last
column is the target; the others are the inputs, to which a constant 1 is added.
"""

from __future__ import annotations

import csv
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Final

from storage import Storage

PATIENCE: Final = 60.0
"""Seconds that the server may take to come up, or to complete a round."""

Row = tuple[tuple[float, ...], float]


def share(text: str, index: int, count: int) -> list[Row]:
    """Read the rows of one worker out of ``count``."""
    rows: list[Row] = []
    lines = csv.reader(text.splitlines())
    next(lines)
    for number, line in enumerate(lines):
        if number % count == index:
            *inputs, target = map(float, line)
            rows.append(((1.0, *inputs), target))
    return rows


def gradient(rows: Sequence[Row], parameters: Sequence[float]) -> tuple[list[float], float]:
    """Give the sums of the gradient and of the squared error over the rows."""
    sums = [0.0] * len(rows[0][0])
    loss = 0.0
    weights = parameters or sums
    for inputs, target in rows:
        error = sum(w * x for w, x in zip(weights, inputs, strict=True)) - target
        loss += error * error
        sums = [total + error * x for total, x in zip(sums, inputs, strict=True)]
    return sums, loss


def ask(server: str, path: str, document: Mapping[str, object]) -> dict[str, object]:
    """Send a document to the parameter server; wait while it is still starting."""
    give_up = time.monotonic() + PATIENCE
    while True:
        request = urllib.request.Request(
            server + path, data=json.dumps(document).encode(), method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as response:
                return dict(json.load(response))
        except urllib.error.URLError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.1)


def fit(server: str, worker: int, rows: Sequence[Row]) -> int:
    """Take part in every round; give how many there were."""
    answer = ask(server, "/state", {})
    while not answer["done"]:
        parameters = answer["parameters"]
        sums, loss = gradient(rows, parameters if isinstance(parameters, list) else [])
        document = {"worker": worker, "gradient": sums, "loss": loss, "rows": len(rows)}
        answer = ask(server, "/gradient", document)
    ask(server, "/goodbye", {})
    return int(str(answer["round"]))


def main() -> None:
    """Read the data, find the server, and work with it."""
    env = os.environ
    index = int(env["PAI_CURRENT_TASK_ROLE_CURRENT_TASK_INDEX"])
    data = Storage.of_this_task().read(f"{env['PAI_DATA_DIR']}/load.csv").decode()
    rows = share(data, index, int(env["PAI_TASK_ROLE_TASK_COUNT_worker"]))
    server = f"http://{env['PAI_HOST_IP_ps_0']}:{env['PAI_PORT_LIST_ps_0_parameters']}"
    print(f"worker {index}: {len(rows)} rows, parameter server at {server}", flush=True)
    print(f"worker {index}: took part in {fit(server, index, rows)} rounds", flush=True)


if __name__ == "__main__":
    main()

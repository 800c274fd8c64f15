"""Hold the parameters of a linear model while the workers fit it together.

The workers find this task by ``PAI_HOST_IP_ps_0`` and ``PAI_PORT_LIST_ps_0_parameters``. In each
round every worker sends the gradient of its share of the data; when all have come, the server
takes one step and answers all of them with the new parameters. After the last round it writes
``model.json`` into the job's output folder and ends.
"""

from __future__ import annotations

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from storage import Storage

PATIENCE: Final = 60.0
"""Seconds that a round may take before the job is given up."""


class Rounds:
    """Gather one gradient of each worker, step, and tell everybody the new parameters."""

    def __init__(self, workers: int, rounds: int, rate: float) -> None:
        self._workers = workers
        self._rounds = rounds
        self._rate = rate
        self._turn = threading.Condition()
        self._came: dict[int, tuple[list[float], float, int]] = {}
        self._goodbyes = 0
        self.round = 0
        self.parameters: list[float] = []
        self.loss = float("inf")
        self.over = threading.Event()

    def give(self, worker: int, gradient: list[float], loss: float, rows: int) -> None:
        """Take a worker's sums over its rows and wait until the round is complete."""
        with self._turn:
            mine = self.round
            self._came[worker] = (gradient, loss, rows)
            if len(self._came) == self._workers:
                self._step()
                self._turn.notify_all()
            elif not self._turn.wait_for(lambda: self.round > mine, timeout=PATIENCE):
                raise TimeoutError

    def answer(self) -> dict[str, object]:
        """Say where we are; after the last round count the workers that have heard of it."""
        with self._turn:
            done = self.round >= self._rounds
            return {"parameters": self.parameters, "round": self.round, "done": done}

    def goodbye(self) -> None:
        """Count a worker that has heard of the end."""
        with self._turn:
            self._goodbyes += 1
            if self._goodbyes == self._workers:
                self.over.set()

    def _step(self) -> None:
        rows = sum(count for _, _, count in self._came.values())
        sums = [sum(column) for column in zip(*(g for g, _, _ in self._came.values()), strict=True)]
        if not self.parameters:
            self.parameters = [0.0] * len(sums)
        self.loss = sum(loss for _, loss, _ in self._came.values()) / rows
        self.parameters = [
            value - self._rate * total / rows
            for value, total in zip(self.parameters, sums, strict=True)
        ]
        self._came = {}
        self.round += 1
        if self.round % 25 == 0 or self.round == 1:
            print(f"round {self.round:4d}  mean squared error {self.loss:.5f}", flush=True)


def handler(rounds: Rounds) -> type[BaseHTTPRequestHandler]:
    """Make the class that answers the workers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/gradient":
                rounds.give(body["worker"], body["gradient"], body["loss"], body["rows"])
            answer = json.dumps(rounds.answer()).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
            if self.path == "/goodbye":
                rounds.goodbye()

        def log_message(self, *_: object) -> None:
            """Keep the log for what matters."""

    return Handler


def main() -> None:
    """Serve until every worker has heard of the end, then write the model."""
    env = os.environ
    rounds = Rounds(
        workers=int(env["PAI_TASK_ROLE_TASK_COUNT_worker"]),
        rounds=int(env["ROUNDS"]),
        rate=float(env["LEARNING_RATE"]),
    )
    address = (env["PAI_HOST_IP_ps_0"], int(env["PAI_PORT_LIST_ps_0_parameters"]))
    server = ThreadingHTTPServer(address, handler(rounds))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"serving parameters on {address[0]}:{address[1]}", flush=True)
    if not rounds.over.wait(timeout=PATIENCE):
        raise SystemExit("the workers did not finish in time")
    server.shutdown()
    model = {"parameters": rounds.parameters, "error": rounds.loss, "rounds": rounds.round}
    target = f"{env['PAI_OUTPUT_DIR']}/model.json"
    Storage.of_this_task().write(target, json.dumps(model, indent=2).encode())
    print("model written to the output folder", flush=True)


if __name__ == "__main__":
    main()

"""Measure everything in one run, print the tables, write the figures as JSON."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import orjson

from benchmarks.cases import CASES
from benchmarks.changing import log_in, submit
from benchmarks.log_ins import log_ins
from benchmarks.reading import read
from benchmarks.report import LogInReport, Machine, Report
from benchmarks.resources import memory, start


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", type=Path, help="where the figures are written")
    parser.add_argument("--seconds", type=float, default=2, help="the length of one window")
    parser.add_argument("--rounds", type=int, default=3, help="windows of each server")
    parser.add_argument(
        "--read", nargs="*", choices=[case.name for case in CASES], default=[], help="only these"
    )
    parser.add_argument(
        "--log-ins", action="store_true", help="only the time of log-ins, and many at once"
    )
    asked = parser.parse_args()
    machine = Machine()
    with tempfile.TemporaryDirectory(prefix="jobyard-benchmark-") as name:
        folder = Path(name)
        report: Report | LogInReport
        if asked.log_ins:
            report = LogInReport(machine, log_ins(folder))
        else:
            report = Report(
                machine,
                read(folder, seconds=asked.seconds, rounds=asked.rounds, only=asked.read),
                log_in(folder, seconds=asked.seconds),
                log_ins(folder),
                submit(folder, seconds=asked.seconds),
                start(folder),
                memory(folder),
            )
    if asked.json is not None:
        asked.json.write_bytes(orjson.dumps(report.document(), option=orjson.OPT_INDENT_2))
    sys.stdout.write(report.text())


if __name__ == "__main__":
    main()

"""Reading: Jobyard beside its rivals, in interleaved windows."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

import httpx
from attrs import frozen

from benchmarks.cases import CASES, SIZES, Case
from benchmarks.processes import Server, gateway, serving
from benchmarks.windows import Figures, Window, measure, together

_CHANGES = 10
_GZIP: Mapping[str, str] = {"Accept-Encoding": "gzip"}
_PLAIN: Mapping[str, str] = {"Accept-Encoding": "identity"}


@frozen
class Read:
    """Be one case's figures; the ratios are Jobyard's rate over the rival's, window by window."""

    case: str
    size: int
    starlette: Figures
    ready: Figures
    jobyard: Figures
    to_starlette: float
    to_ready: float


@frozen
class Servers:
    """Be everything that is asked, running side by side."""

    gateways: Mapping[int, Server]
    starlette: Server
    ready: Server

    def measure(self, case: Case, *, seconds: float, rounds: int, size: int) -> Read:
        """Measure one case: A B C A B C."""
        headers = _headers(self.gateways[case.jobs], case)
        windows: list[tuple[Window, Window, Window]] = []
        places = (
            (self.starlette, case.rival),
            (self.ready, case.rival),
            (self.gateways[case.jobs], case.path),
        )
        for _ in range(rounds):
            first, second, third = (
                measure(
                    server,
                    path,
                    seconds=seconds,
                    connections=case.connections,
                    headers=headers,
                )
                for server, path in places
            )
            windows.append((first, second, third))
        starlette, ready, ours = zip(*windows, strict=True)
        return Read(
            case=case.shown,
            size=size,
            starlette=together(starlette),
            ready=together(ready),
            jobyard=together(ours),
            to_starlette=statistics.median(c.rate / a.rate for a, _, c in windows),
            to_ready=statistics.median(c.rate / b.rate for _, b, c in windows),
        )


def read(
    folder: Path, *, seconds: float, rounds: int, only: Iterable[str] = ()
) -> tuple[Read, ...]:
    """Measure every case, or those named."""
    names = set(only)
    with ExitStack() as stack:
        gateways = {
            size: stack.enter_context(gateway(folder, size, changes=_CHANGES)) for size in SIZES
        }
        bodies = folder / "bodies"
        bodies.mkdir()
        sizes = {}
        for case in CASES:
            body = _fetched(gateways[case.jobs], case)
            (bodies / case.name).write_bytes(body)
            sizes[case.name] = len(body)
        servers = Servers(
            gateways,
            *(
                stack.enter_context(
                    serving(folder / f"{name}.log", "-m", "benchmarks.rivals", name, str(bodies))
                )
                for name in ("starlette", "bytes")
            ),
        )
        return tuple(
            servers.measure(case, seconds=seconds, rounds=rounds, size=sizes[case.name])
            for case in CASES
            if not names or case.name in names
        )


def _headers(server: Server, case: Case) -> Mapping[str, str]:
    """Give the headers of a case's requests."""
    if not case.known:
        return _GZIP if case.compressed else {}
    answer = httpx.get(f"{server.address}{case.path}", headers=_PLAIN, timeout=30)
    return {"If-None-Match": answer.raise_for_status().headers["etag"]}


def _fetched(server: Server, case: Case) -> bytes:
    """Give the bytes of the body as they are on the wire."""
    if case.known:
        return b""
    headers = _GZIP if case.compressed else _PLAIN
    with httpx.stream("GET", f"{server.address}{case.path}", headers=headers, timeout=30) as answer:
        answer.raise_for_status()
        return b"".join(answer.iter_raw())

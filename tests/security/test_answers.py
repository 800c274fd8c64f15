"""What holds for the answers of every route."""

from __future__ import annotations

from pathlib import Path

from tests.core.routes.contract_cluster import Cluster, job, served
from tests.core.routes.test_contract_access import filled, routes


async def test_no_answer_sets_a_cookie(tmp_path: Path) -> None:
    async with served(tmp_path, Cluster()) as gateway:
        alice = await gateway.user("alice")
        await alice.good("POST", "/user/alice/jobs", job())
        known = [(method, filled(path)) for method, path in await routes(gateway)]
        beside = [("GET", each) for each in ("//", "//docs", "//healthz", "//readyz")]
        files = [("GET", "//webhdfs/v1/?op=LISTSTATUS"), ("GET", "//webhdfs/v1/?op=NONE")]
        for method, path in (*known, *beside, *files):
            for caller in (gateway.guest, alice, gateway.admin):
                answer = await caller.call(method, path)
                assert "set-cookie" not in answer.headers, (method, path)

"""The log pages of a NodeManager, as far as a gateway reads them."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Final

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from jobyard.testing.launcher.processes import log_folder

_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")


class ContainerLogs:
    """Answer for the files below a folder of containers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def routes(self) -> list[Route]:
        """Give the routes: pages for people, and plain text for programs."""
        return [
            Route("/node/containerlogs/{container}/{user}/", self._index),
            Route("/node/containerlogs/{container}/{user}/{file}", self._page),
            Route("/node/containerlogs/{container}/{user}/{file}/", self._page),
            Route("/ws/v1/node/containers/{container}/logs/{file}", self._text),
        ]

    async def _index(self, request: Request) -> Response:
        folder = log_folder(self._folder, _safe(request, "container"))
        names = sorted([path.name async for path in anyio.Path(folder).glob("*")])
        if not names:
            raise HTTPException(404)
        links = "".join(f'<p><a href="{name}/?start=-4096">{name}</a></p>' for name in names)
        return HTMLResponse(f"<html><body>{links}</body></html>")

    async def _page(self, request: Request) -> Response:
        text = html.escape((await self._content(request)).decode("utf-8", "replace"))
        return HTMLResponse(f"<html><body><pre>{text}</pre></body></html>")

    async def _text(self, request: Request) -> Response:
        return PlainTextResponse(await self._content(request))

    async def _content(self, request: Request) -> bytes:
        folder = log_folder(self._folder, _safe(request, "container"))
        try:
            content = await anyio.Path(folder / _safe(request, "file")).read_bytes()
        except OSError as error:
            raise HTTPException(404) from error
        start = int(request.query_params.get("start", "0"))
        return content[start:]


def _safe(request: Request, name: str) -> str:
    value = str(request.path_params[name])
    if _NAME.fullmatch(value) is None or value in {".", ".."}:
        raise HTTPException(404)
    return value

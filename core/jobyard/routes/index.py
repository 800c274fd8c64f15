"""The index, and what old clients look for beside it (contract, section 6)."""

from __future__ import annotations

from jobyard import __version__
from jobyard.routes.endpoint import (
    TEXT,
    Access,
    Answer,
    Call,
    Endpoint,
    Success,
    json_answer,
)

_HTML = (b"content-type", b"text/html; charset=utf-8")


class IndexRoutes:
    """Say what this server is."""

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the routes."""
        return (
            Endpoint(
                method="GET",
                path="/",
                handler=self.index,
                summary="Say what this is",
                tag="operation",
                access=Access.PUBLIC,
                success=(
                    Success(
                        200,
                        "The API's name, or links as JSON.",
                        media_type="text/html",
                        also=("application/json",),
                    ),
                ),
                identified=False,
            ),
            Endpoint(
                method="GET",
                path="/",
                handler=self.front,
                summary="Say that this is an API",
                tag="operation",
                access=Access.PUBLIC,
                rooted=False,
                documented=False,
                identified=False,
            ),
        )

    async def index(self, call: Call) -> Answer:
        """Answer the words of the reference, or JSON for the client that parses it (R)."""
        if "application/json" not in call.request.headers.get("accept", ""):
            return Answer(200, b"<pre>PAI RESTful API</pre>", (_HTML,))
        return json_answer(
            {
                "name": "PAI RESTful API",
                "version": __version__,
                "links": {
                    "document": "/api/v1/openapi.json",
                    "info": "/api/v1/info",
                    "docs": "/docs",
                },
            }
        )

    async def front(self, _: Call) -> Answer:
        """Answer a text with ``API`` in it, which one client looks for (N)."""
        return Answer(200, b"Jobyard: the API is at /api/v1, its documentation at /docs\n", (TEXT,))

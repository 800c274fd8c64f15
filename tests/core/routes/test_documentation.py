from __future__ import annotations

import re
from importlib.resources import files
from urllib.parse import urljoin

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from jobyard.routes.documentation import DocumentationRoutes
from jobyard.routes.index import IndexRoutes
from tests.core.routes.serving import ADDRESSES, serve

ASSETS = sorted(
    each.name
    for each in (files("jobyard") / "pages" / "docs").iterdir()
    if each.name != "page.html"
)
MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


def client() -> httpx.AsyncClient:
    others = IndexRoutes().endpoints()
    routes = DocumentationRoutes(others, addresses=ADDRESSES, anonymous_read=True)
    return serve((*others, *routes.endpoints()))


async def get(path: str, **headers: str) -> httpx.Response:
    async with client() as caller:
        return await caller.get(path, headers={k.replace("_", "-"): v for k, v in headers.items()})


async def test_the_document_is_valid_and_holds_itself() -> None:
    answer = await get("/api/v1/openapi.json")
    document = answer.json()

    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    OpenAPIV31SpecValidator(document).validate()
    assert set(document["paths"]) == {"/api/v1/", "/api/v1/openapi.json", "/docs"}


async def test_the_documents_server_is_the_address_that_the_caller_used() -> None:
    async with client() as caller:
        answer = await caller.get("/api/v1/openapi.json", headers={"Host": "pai.example.org:81"})

    assert answer.json()["servers"] == [{"url": "http://pai.example.org:81"}]


@pytest.mark.parametrize("path", ["/api/v1/openapi.json", "/docs", *(f"/docs/{a}" for a in ASSETS)])
async def test_who_has_it_already_is_told_so(path: str) -> None:
    first = await get(path)
    again = await get(path, If_None_Match=first.headers["etag"])

    assert first.status_code == 200
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert "content-type" not in again.headers


@pytest.mark.parametrize("path", ["/docs", "/docs/", *(f"/docs/{name}" for name in ASSETS)])
async def test_nothing_of_the_page_may_come_from_elsewhere(path: str) -> None:
    answer = await get(path)
    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";")
    )

    assert answer.status_code == 200
    assert policy["default-src"] == "'none'"
    assert {policy[kind] for kind in ("script-src", "style-src", "connect-src", "img-src")} == {
        "'self'"
    }
    assert {policy[kind] for kind in ("base-uri", "form-action", "frame-ancestors")} == {"'none'"}
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ASSETS)
async def test_assets_have_their_media_type(name: str) -> None:
    answer = await get(f"/docs/{name}")

    assert answer.headers["content-type"] == MEDIA_TYPES[name.rpartition(".")[2]]


@pytest.mark.parametrize("name", [*ASSETS, "page.html"])
def test_no_asset_names_another_host(name: str) -> None:
    text = (files("jobyard") / "pages" / "docs" / name).read_text()

    assert set(re.findall(r"(?:https?:)?//[\w.]+\.\w+[^\s\"']*", text)) <= {
        "http://www.w3.org/2000/svg"
    }


def test_no_script_makes_elements_of_markup() -> None:
    for name in ASSETS:
        text = (files("jobyard") / "pages" / "docs" / name).read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)


@pytest.mark.parametrize("name", ["page.html", "nothing.js", "%2e%2e", "%2e%2e%2fpage.css"])
async def test_only_the_pages_own_assets_are_there(name: str) -> None:
    answer = await get(f"/docs/{name}")

    assert (answer.status_code, answer.json()["code"]) == (404, "NoApiError")


@pytest.mark.parametrize("path", ["/docs", "/docs/", "/rest-server/docs", "/rest-server/docs/"])
async def test_the_page_finds_its_parts_below_whatever_prefix(path: str) -> None:
    before = f"https://pai.example.org/behind/a/proxy{path.partition('/docs')[0]}"
    page = await get(path)
    links = re.findall(r'(?:href|src)="([^"#]+)"', page.text)

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert {urljoin(f"https://pai.example.org/behind/a/proxy{path}", link) for link in links} == {
        f"{before}/api/v1/openapi.json",
        f"{before}/docs/icon.svg",
        f"{before}/docs/main.js",
        f"{before}/docs/page.css",
    }

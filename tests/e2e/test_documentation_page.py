"""The page ``/docs`` in a real browser, against a real gateway."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from attrs import define, field
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Error,
    Page,
    Request,
    expect,
    sync_playwright,
)

START_TIMEOUT: Final = 30.0
STOP_TIMEOUT: Final = 30.0
FLAGS: Final = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
JOB: Final = {
    "jobName": "from-the-page",
    "image": "debian:12",
    "taskRoles": [{"name": "main", "command": "echo it's 'quoted'"}],
}
SUBMIT: Final = "#postUserByUsernameJobs"
PLUGINS: Final = "#getPlugins"


@define
class Gateway:
    address: str
    password: str


@define
class Visit:
    """A page with everything that it asked for and complained of."""

    page: Page
    base: str
    requests: list[str] = field(factory=list)
    complaints: list[str] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        # Playwright hangs attributes on the objects of bound methods, and slots have no room.
        def asked(request: Request) -> None:
            self.requests.append(request.url)

        def said(line: ConsoleMessage) -> None:
            if line.type in {"error", "warning"}:
                self.complaints.append(line.text)

        def failed(error: Error) -> None:
            self.complaints.append(str(error))

        self.page.on("request", asked)
        self.page.on("console", said)
        self.page.on("pageerror", failed)

    def go(self, path: str = "/docs") -> Page:
        self.page.goto(self.base + path)
        expect(self.page.locator(".operation").first).to_be_visible()
        return self.page

    def log_in(self, password: str) -> None:
        self.page.get_by_text("Log in", exact=True).first.click()
        self.page.get_by_label("Name", exact=True).fill("admin")
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.get_by_role("button", name="Log in").click()

    def elsewhere(self) -> list[str]:
        return [each for each in self.requests if not each.startswith(f"{self.base}/")]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    command = [sys.executable, "-m", "jobyard", "serve", "--state-dir", str(folder / "state")]
    log = folder / "gateway.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", "0"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        address = listening(process, log)
        yield Gateway(address, (folder / "state" / "admin-password").read_text().strip())
    finally:
        process.terminate()
        process.wait(STOP_TIMEOUT)


def listening(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + START_TIMEOUT
    while time.monotonic() < end:
        _, said, rest = log.read_text().partition(" listens on ")
        if said and "\n" in rest:
            return rest.split()[0]
        if process.poll() is not None:
            break
        time.sleep(0.05)
    pytest.fail(f"the gateway did not start:\n{log.read_text()}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium")
    assert path is not None, "Debian's package chromium is needed"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(params=["desktop", "phone"])
def visit(request: pytest.FixtureRequest, browser: Browser, gateway: Gateway) -> Iterator[Visit]:
    width = {"desktop": 1280, "phone": 360}[request.param]
    context = browser.new_context(viewport={"width": width, "height": 800})
    yield Visit(context.new_page(), gateway.address)
    context.close()


def document(visit: Visit) -> dict[str, dict[str, dict[str, object]]]:
    answer = visit.page.request.get(f"{visit.base}/api/v1/openapi.json")
    found: dict[str, dict[str, dict[str, object]]] = answer.json()
    return found


def test_all_that_the_document_holds_is_shown(visit: Visit) -> None:
    page = visit.go()
    openapi = document(visit)
    names = {each["operationId"] for methods in openapi["paths"].values()
             for each in methods.values() if isinstance(each, dict)}  # fmt: skip
    tags = [tag["name"] for tag in openapi["tags"]]  # type: ignore[index]

    assert page.locator(".group > h2").all_text_contents() == tags
    shown = page.locator(".operation").evaluate_all("all => all.map(each => each.id)")
    assert set(shown) == names
    assert len(shown) == len(names)


def test_every_operation_opens_within_the_width_and_says_what_its_inputs_are(visit: Visit) -> None:
    page = visit.go()
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    count = page.locator(".operation").count()
    expect(page.locator(".operation .inside")).to_have_count(count)
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")

    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")
    unnamed = page.locator("input, select, textarea").evaluate_all(
        "all => all.filter(each => !each.labels.length).map(each => each.outerHTML)"
    )
    assert unnamed == []
    assert visit.elsewhere() == []
    assert visit.complaints == []


def test_a_get_and_a_post_can_be_tried(visit: Visit, gateway: Gateway) -> None:
    page = visit.go()
    visit.log_in(gateway.password)
    expect(page.locator("#session strong")).to_have_text("admin")

    page.locator(f"{PLUGINS} > summary").click()
    page.locator(f"{PLUGINS} button[type=submit]").click()
    expect(page.locator(f"{PLUGINS} .status strong")).to_have_text("200 OK")
    expect(page.locator(f"{PLUGINS} .result pre")).to_contain_text('"seam": "scheduling"')

    page.locator(f"{SUBMIT} > summary").click()
    expect(page.locator(SUBMIT).get_by_label("username")).to_have_value("admin")
    page.locator(SUBMIT).get_by_label("dryRun").select_option("true")
    page.locator(SUBMIT).get_by_label("Body").first.fill(json.dumps(JOB))
    page.locator(f"{SUBMIT} button[type=submit]").click()
    expect(page.locator(f"{SUBMIT} .status strong")).to_have_text("200 OK")
    expect(page.locator(f"{SUBMIT} .result pre")).to_contain_text('"jobName": "from-the-page"')

    assert visit.elsewhere() == []
    assert visit.complaints == []


def test_the_token_stays_in_the_pages_memory(visit: Visit, gateway: Gateway) -> None:
    page = visit.go()
    with page.expect_response("**/api/v1/token") as told:
        visit.log_in(gateway.password)
    token = told.value.json()["token"]
    expect(page.locator("#session strong")).to_have_text("admin")
    page.locator(f"{PLUGINS} > summary").click()

    assert "Bearer $TOKEN" in page.locator(f"{PLUGINS} .curl pre").text_content()  # type: ignore[operator]
    assert token not in page.content()
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert page.context.cookies() == []
    page.get_by_role("button", name="Log out").click()
    page.locator(f"{PLUGINS} button[type=submit]").click()
    expect(page.locator(f"{PLUGINS} .status strong")).to_have_text("401 Unauthorized")


def test_the_line_of_curl_does_what_the_page_does(visit: Visit, gateway: Gateway) -> None:
    page = visit.go()
    answer = page.request.post(
        f"{visit.base}/api/v1/token", data={"username": "admin", "password": gateway.password}
    )
    page.locator(f"{SUBMIT} > summary").click()
    page.locator(SUBMIT).get_by_label("username").fill("admin")
    page.locator(SUBMIT).get_by_label("dryRun").select_option("true")
    page.locator(SUBMIT).get_by_label("Body").first.fill(json.dumps(JOB, indent=2))
    line = page.locator(f"{SUBMIT} .curl pre").text_content()

    done = subprocess.run(
        ["bash", "-c", f"{line} -sS"],
        env={"PATH": "/usr/bin:/bin", "TOKEN": answer.json()["token"]},
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)["taskRoles"][0]["command"] == "echo it's 'quoted'"


def test_a_refused_log_in_says_why(visit: Visit) -> None:
    visit.go()
    visit.log_in("not the password")

    expect(visit.page.get_by_role("alert")).to_have_text("Password is incorrect.")


def test_the_keyboard_is_enough(visit: Visit) -> None:
    page = visit.go("/docs#getInfo")
    expect(page.locator("#getInfo")).to_have_attribute("open", "")
    expect(page.locator("#getInfo > summary")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#getInfo")).not_to_have_attribute("open", "")

    page.keyboard.press("/")
    expect(page.locator("#filter")).to_be_focused()
    page.keyboard.type("delete job")
    expect(page.locator(".operation:visible").first).to_contain_text("DELETE")
    expect(page.locator("#getInfo")).to_be_hidden()
    page.keyboard.type(" nothing has this")
    expect(page.locator("#nothing")).to_be_visible()

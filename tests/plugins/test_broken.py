"""What a deployer is told of a plugin that is broken, for every way of being broken.

Each plugin is installed as pip installs one, and ``jobyard`` is run as a deployer runs it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobyard.seams.provider import Seam
from tests.core.cli.process import TIMEOUT, fetch, running, serve_arguments
from tests.plugins.site import HEAD, Site

CHOOSE = "auth: [paper, local]\n"
NAMED = "conf.yaml:1:8: auth[0]: "
SERVE = ("serve", "--config", "conf.yaml", "--state-dir", "state", "--port", "0")
PAPER = "the plugin 'paper' of acme-paper 1.2"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    made.configure(CHOOSE)
    with made.on_the_path():
        yield made


def test_the_command_line_says_it_in_one_line_and_ends_with_2(site: Site) -> None:
    site.install("raise RuntimeError('half installed')")
    line = f"{NAMED}{PAPER} cannot be imported: RuntimeError: half installed"

    for arguments in (("config", "check", "conf.yaml"), SERVE):
        done = site.run(*arguments)
        assert (done.code, done.out, done.err) == (2, "", f"{line}\n")


def refused(site: Site) -> str:
    """Give the one line in which a file is refused, by the check and by the start alike."""
    (line,) = site.problems()
    return line


def test_the_provider_that_the_others_are_broken_copies_of_is_good(site: Site) -> None:
    site.install(HEAD)

    assert site.problems() == []


def test_one_that_is_not_installed(site: Site) -> None:
    assert refused(site) == f"{NAMED}no auth plugin 'paper' is installed; installed: ldap, local"


def test_one_that_is_not_installed_under_this_spelling(site: Site) -> None:
    site.install(HEAD)
    site.configure("auth: [papier]\n")

    assert refused(site) == (
        f"{NAMED}no auth plugin 'papier' is installed; installed: ldap, local, paper; "
        "did you mean 'paper'?"
    )


def test_one_that_an_extra_would_bring(site: Site) -> None:
    site.configure("auth: [psycopg]\n")

    assert refused(site) == (
        f"{NAMED}no auth plugin 'psycopg' is installed; installed: ldap, local; "
        'try: pip install "jobyard[postgres]"'
    )


def test_one_that_fails_at_import(site: Site) -> None:
    site.install("raise RuntimeError('half\\ninstalled')")

    assert refused(site) == (f"{NAMED}{PAPER} cannot be imported: RuntimeError: half\\ninstalled")


def test_one_that_is_no_python(site: Site) -> None:
    site.install("def (:")

    assert refused(site).startswith(f"{NAMED}{PAPER} cannot be imported: SyntaxError: ")


def test_one_that_ends_the_process_politely_at_import(site: Site) -> None:
    site.install("raise SystemExit(0)")

    assert refused(site) == f"{NAMED}{PAPER} cannot be imported: SystemExit: 0"


def test_one_whose_own_dependency_is_missing(site: Site) -> None:
    site.install("import no_such_library")

    assert refused(site) == (
        f"{NAMED}{PAPER} cannot be imported: ModuleNotFoundError: No module named 'no_such_library'"
    )


def test_one_whose_missing_dependency_comes_with_an_extra(site: Site) -> None:
    site.install("raise ModuleNotFoundError('No module named psycopg', name='psycopg')")

    assert refused(site) == (
        f"{NAMED}{PAPER} cannot be imported: ModuleNotFoundError: No module named psycopg; "
        'try: pip install "jobyard[postgres]"'
    )


def test_one_without_a_hook(site: Site) -> None:
    site.install("import jobyard")

    assert refused(site) == (
        f"{NAMED}{PAPER} announces nothing under the name 'paper' in acme_paper"
    )


def test_one_with_a_hook_that_there_is_not(site: Site) -> None:
    site.install(f"{HEAD}\n@hookimpl\ndef jobyard_auth_provider():\n    return []\n")

    message = refused(site)

    assert message.startswith(f"{NAMED}{PAPER} cannot be asked what it provides: ")
    assert "jobyard_auth_provider" in message


def test_one_that_fails_when_it_is_asked(site: Site) -> None:
    site.install(HEAD.replace("return [provider()]", "return 1 / 0"))

    assert refused(site) == (
        f"{NAMED}{PAPER} cannot be asked what it provides: ZeroDivisionError: division by zero"
    )


def test_one_that_announces_something_else_than_a_provider(site: Site) -> None:
    site.install(HEAD.replace("return [provider()]", "return ['a text']"))

    assert refused(site) == f"{NAMED}{PAPER} announces str where a provider is expected"


def test_one_that_announces_another_name(site: Site) -> None:
    site.install(HEAD.replace("return [provider()]", "return [provider('parchment')]"))

    assert refused(site) == (
        f"{NAMED}{PAPER} announces 'parchment' under the name 'paper' in acme_paper"
    )


def test_one_of_another_seam(site: Site) -> None:
    site.install(HEAD.replace("seam.auth_provider", "seam.observer_provider"))

    assert refused(site) == f"{NAMED}{PAPER} is announced as auth, but provides observers"


@pytest.mark.parametrize(("api", "upgrade"), [(99, "Jobyard"), (0, "acme-paper")])
def test_one_for_another_version_of_its_seam(site: Site, api: int, upgrade: str) -> None:
    site.install(HEAD.replace("api=1", f"api={api}"))

    message = refused(site)

    assert message.startswith(
        f"{NAMED}{PAPER} was written for version {api} of the auth seam, and this Jobyard speaks "
    )
    assert message.endswith(f": upgrade {upgrade}")


def test_two_of_one_name(site: Site) -> None:
    site.install(HEAD)
    site.install(HEAD, distribution="other-paper", module="other_paper")

    message = refused(site)

    assert {"acme-paper 1.2", "other-paper 1.2"} <= {*message[len(NAMED) :].split(" and ", 1)} | {
        " ".join(message.split(" and ", 1)[1].split()[:2])
    }
    assert message.endswith("both announce the auth plugin 'paper': uninstall one")


def test_one_whose_settings_are_wrong_says_all_that_is(site: Site) -> None:
    site.install(HEAD)
    site.configure("auth:\n  - paper:\n      fiel: users\n      file: [1]\n")

    assert site.problems() == [
        "conf.yaml:3:7: auth[0].paper.fiel: unknown key; did you mean 'file'?",
        "conf.yaml:4:13: auth[0].paper.file: expected a text, not a list",
    ]


def test_one_whose_settings_are_no_attrs_class(site: Site) -> None:
    site.install(HEAD.replace("@frozen\n", ""))

    assert refused(site) == (
        f"{NAMED}{PAPER} cannot be asked what it provides: TypeError: paper: the configuration "
        "class Settings is not an attrs class"
    )


@pytest.mark.parametrize("error", ["ValueError", "RuntimeError", "KeyError"])
def test_one_whose_class_of_settings_raises(site: Site, error: str) -> None:
    raising = f"\n    def __attrs_post_init__(self):\n        raise {error}('odd day')\n"
    site.install(HEAD.replace('doc="Where it is.")\n', f'doc="Where it is.")\n{raising}'))

    assert refused(site).startswith(f"{NAMED.removesuffix(': ')}.paper: ")
    assert "odd day" in refused(site)


# ------------------------------------------------------------------------------------- opening


def opening(body: str) -> str:
    return HEAD.replace("    yield object()", f"    {body}\n    yield object()")


def test_one_that_cannot_be_opened_ends_the_start_with_its_real_cause(site: Site) -> None:
    site.install(opening("raise ValueError('the paper is wet')"))

    started = site.run(*SERVE)

    words = [line for line in started.err.splitlines() if not line.startswith("{")]
    assert started.code == 2
    assert words == ["jobyard: auth.paper cannot be opened: ValueError: the paper is wet"]
    assert "Traceback" in started.err  # for whoever wrote it, in the log


def test_one_whose_library_is_missing_when_it_is_opened_says_how_to_get_it(site: Site) -> None:
    site.install(opening("raise ModuleNotFoundError('No module named psycopg', name='psycopg')"))

    started = site.run(*SERVE)

    assert started.code == 2
    assert started.err.splitlines()[-1] == (
        "jobyard: auth.paper cannot be opened: ModuleNotFoundError: No module named psycopg; "
        'try: pip install "jobyard[postgres]"'
    )


def backend(address: str, name: str) -> dict[str, object]:
    _, document = fetch(f"{address}/readyz")
    found = document["backends"]
    assert isinstance(found, list)
    return next(each for each in found if each["name"] == name)


def serve(site: Site) -> tuple[str, ...]:
    return (*serve_arguments(site.folder / "state"), "--config", str(site.folder / "conf.yaml"))


def seen_by(site: Site) -> str:
    return f"import sys; sys.path.append({str(site.folder / 'site')!r})"


def test_one_that_nobody_can_reach_starts_without_it_and_opens_it_later(site: Site) -> None:
    flag = site.folder / "reachable"
    body = f"""import pathlib
    if not pathlib.Path({str(flag)!r}).exists():
        raise errors.Unavailable("nobody answers", detail="at 192.0.2.1")"""
    ping = "class Answers:\n    async def ping(self):\n        pass\n"
    source = opening(body).replace("yield object()", "yield Answers()")
    site.install(f"{source}\n{ping}")

    with running(site.folder / "run", *serve(site), script=seen_by(site)) as gateway:
        address = gateway.address()
        status, _ = fetch(f"{address}/readyz")
        said = backend(address, "auth.paper")
        assert (status, said["up"]) == (503, False)
        assert "nobody answers" in json.dumps(said)
        assert "192.0.2.1" not in json.dumps(said)
        assert fetch(f"{address}/api/v1/virtual-clusters")[0] == 200

        flag.touch()
        end = time.monotonic() + TIMEOUT
        while not backend(address, "auth.paper")["up"]:
            assert time.monotonic() < end
            time.sleep(0.1)
        assert gateway.end() == 0


def test_one_whose_opening_never_ends_keeps_nobody_else_waiting(site: Site) -> None:
    site.install(opening("await anyio.sleep_forever()"))
    patience = "import jobyard.assembly as start; start.PATIENCE = 0.3"
    script = f"{seen_by(site)}\n{patience}"

    with running(site.folder / "run", *serve(site), script=script) as gateway:
        address = gateway.address()
        assert backend(address, "auth.paper")["up"] is False
        end = time.monotonic() + TIMEOUT
        while fetch(f"{address}/api/v1/virtual-clusters")[0] != 200:  # it too is still being opened
            assert time.monotonic() < end
            time.sleep(0.1)
        assert "auth.paper is still being opened" in json.dumps(backend(address, "auth.paper"))


def test_one_that_is_installed_and_not_chosen_is_never_imported(site: Site) -> None:
    site.install("import os\nos._exit(9)")
    site.install("import os\nos._exit(9)", seam=Seam.OBSERVERS, name="told", module="told")
    site.configure("auth: [local]\n")

    assert site.run("config", "check", "conf.yaml").code == 0
    with running(site.folder / "run", *serve(site), script=seen_by(site)) as gateway:
        assert fetch(f"{gateway.address()}/readyz")[0] == 200
        assert gateway.end() == 0

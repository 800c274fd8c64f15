"""Each thing that can be wrong with a directory ends in a sentence that says what to change."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
import trustme

from jobyard.clock import SystemClock
from jobyard.seams.diagnosis import Check
from jobyard.secret import Secret
from jobyard.services.diagnosis import Finding, examine
from jobyard.testing.subject import configured
from jobyard_backends.auth.ldap.diagnosis import diagnosis, examination
from jobyard_backends.auth.ldap.settings import LdapSettings
from jobyard_plugins.auth_ldap import resolved
from jobyard_plugins.auth_ldap_config import LdapAuth
from tests.backends.auth.ldap.world import PROVIDER, spelt
from tests.slapd import (
    BASE,
    GROUPS,
    PASSWORD,
    PEOPLE,
    SERVICE_DN,
    Slapd,
    dn_of,
    group,
    group_dn,
    person,
    running_slapd,
)

REACHED = [
    "resolve the servers' names",
    "connect",
    "encrypt",
    f"bind as {SERVICE_DN}",
    "read the root entry",
]
USERS = "search users by (&(objectClass=person)(uid=*))"
GROUPS_STEP = "search groups by (objectClass=groupOfNames)"


@pytest.fixture(scope="module")
def filled() -> Iterator[Slapd]:
    with running_slapd() as server:
        server.add(
            person("alice"),
            person("dot.ted"),
            person("twin", cn="twin"),
            person("triplet", cn="twin"),
            person("locked", pwdAccountLockedTime="000001010000Z"),
            group("one", dn_of("alice")),
            group("two", group_dn("one")),
        )
        yield server


def settings_of(settings: Mapping[str, object]) -> LdapSettings:
    config = configured(PROVIDER, settings, Path("/etc"))
    assert isinstance(config, LdapAuth)
    return resolved(config)


async def found(steps: AbstractAsyncContextManager[Sequence[Check]]) -> list[Finding]:
    findings: list[Finding] = []
    async with steps as checks:
        good = await examine("auth.ldap", checks, SystemClock(), findings.append)
    assert good is all(each.good for each in findings)
    return findings


async def diagnosed(settings: Mapping[str, object]) -> list[Finding]:
    return await found(diagnosis(settings_of(settings)))


async def test_a_good_directory_is_good_in_every_step(filled: Slapd) -> None:
    settings = filled.settings(required_group=group_dn("one"))
    findings = await diagnosed(settings)

    assert [each.step for each in findings] == [
        *REACHED,
        USERS,
        GROUPS_STEP,
        "look for required-group",
        "ask every server",
    ]
    assert [each for each in findings if not each.good] == []
    told = {each.step: each.found for each in findings}
    assert "localhost is 127.0.0.1" in told["resolve the servers' names"].replace("::1, ", "")
    assert re.search(
        r"TLSv1\.[23], issued by .*trustme.*, for localhost, 127\.0\.0\.1, \d+ days left",
        told["encrypt"],
    )
    assert told["read the root entry"] == f"the directory holds {BASE}"
    assert told[USERS] == f"such as {dn_of('alice')}"
    assert told[GROUPS_STEP] == f"such as {group_dn('one')}"


async def test_what_is_not_encrypted_has_no_step_for_it(filled: Slapd) -> None:
    settings = filled.settings(urls=[filled.ldap], tls="none", allow_plaintext=True)

    assert "encrypt" not in [each.step for each in await diagnosed(settings)]


def changed(what: str, server: Slapd) -> dict[str, object]:
    nowhere = f"ou=nowhere,{BASE}"
    return {
        "name": server.settings(urls=["ldaps://no-such-host.invalid"]),
        "port": server.settings(urls=["ldaps://127.0.0.1:1"]),
        "plain": server.settings(urls=[f"ldaps://localhost:{server.port}"]),
        "password": server.settings(bind_password=Secret("wrong")),
        "chain": server.settings(nested_groups="chain"),
        "base": server.settings(base_dn="dc=exemple,dc=org"),
        "user base": server.settings(user_base_dn=nowhere),
        "empty base": server.settings(user_base_dn=f"ou=policies,{BASE}"),
        "filter": server.settings(user_filter="(&(objectClass=posixAccount)(uid={username}))"),
        "group base": server.settings(group_base_dn=nowhere),
        "group filter": server.settings(group_filter="(objectClass=posixGroup)"),
        "required": server.settings(required_group=group_dn("three")),
        "one of two": server.settings(urls=[server.ldaps, "ldaps://127.0.0.1:1"]),
    }[what]


@pytest.mark.parametrize(
    ("what", "step", "said", "remedy"),
    [
        ("name", REACHED[0], "no-such-host.invalid", "Check urls."),
        ("port", "connect", "Connection refused", "Check urls, ports, and firewalls between."),
        ("plain", "encrypt", "does not speak TLS", "Check ca-file, and the names in urls."),
        ("password", REACHED[3], "invalidCredentials", "Check bind-dn and bind-password."),
        ("chain", REACHED[4], "does not offer nested-groups: chain", "Set nested-groups: expand."),
        ("base", USERS, "there is no dc=exemple,dc=org; the directory holds " + BASE, "base-dn"),
        ("user base", USERS, "there is no ou=nowhere", "user-base-dn"),
        ("empty base", USERS, "nothing is found below ou=policies", "user-filter"),
        (
            "filter",
            "search users by (&(objectClass=posixAccount)(uid=*))",
            "nothing is found below",
            "user-filter",
        ),
        ("group base", GROUPS_STEP, "there is no ou=nowhere", "group-base-dn"),
        (
            "group filter",
            "search groups by (objectClass=posixGroup)",
            "nothing is found",
            "group-filter",
        ),
        ("required", "look for required-group", "there is no cn=three", "a group that there is"),
        ("one of two", "ask every server", "127.0.0.1:1", "take it out of urls"),
    ],
)
async def test_what_is_wrong_is_found_where_it_shows_with_what_to_change(
    filled: Slapd, what: str, step: str, said: str, remedy: str
) -> None:
    findings = await diagnosed(changed(what, filled))

    assert (findings[-1].step, findings[-1].good) == (step, False)
    assert said in findings[-1].found
    assert remedy in findings[-1].remedy
    assert all(each.good for each in findings[:-1])
    assert "wrong" not in findings[-1].found


@pytest.mark.parametrize("starttls", [False, True])
@pytest.mark.parametrize(
    ("what", "shown", "change"),
    [
        ("authority", "issued by ", "Put the certificate of that authority into ca-file."),
        ("names", "for directory.example.org, ", "Write one of these names into urls."),
        ("age", "expired 1 days ago", "Have the certificate renewed."),
    ],
)
async def test_a_certificate_that_is_not_good_is_shown_with_what_to_change(
    tmp_path: Path, what: str, shown: str, change: str, *, starttls: bool
) -> None:
    ca = trustme.CA()
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    name = "directory.example.org" if what == "names" else "localhost"
    ends = datetime.now(UTC) + timedelta(hours=-1 if what == "age" else 48)
    begins = ends - timedelta(days=3)
    issued = ca.issue_cert(name, not_before=begins, not_after=ends)
    with running_slapd(ca=ca, certificate=issued) as server:
        more = {"urls": [server.ldap], "tls": "starttls"} if starttls else {}
        if what == "authority":
            more["ca_file"] = str(tmp_path / "other.pem")
        findings = await diagnosed(server.settings(**more))

    assert (findings[-1].step, findings[-1].good) == ("encrypt", False)
    assert shown in findings[-1].found
    assert findings[-1].found.rstrip(")").endswith(change)


# ------------------------------------------------------------------------ one user's log-in


async def examined(
    server: Slapd, name: str, password: Secret | None = PASSWORD, **more: object
) -> dict[str, Finding]:
    settings = settings_of(server.settings(group_base_dn=GROUPS, user_base_dn=PEOPLE, **more))
    findings = await found(examination(settings, name, password))
    assert [each.step for each in findings][:5] == REACHED
    return {each.step: each for each in findings[5:]}


def searched(name: str) -> str:
    return f"search {PEOPLE} for (&(objectClass=person)(uid={name}))"


async def test_a_log_in_is_followed_with_the_filter_as_it_is_sent_and_the_groups_path(
    filled: Slapd,
) -> None:
    steps = await examined(filled, "ALICE ", nested_groups="expand")

    assert [each.found for each in steps.values()] == [
        f"{dn_of('alice')}, called alice here",
        "the password is right",
        (
            f"by (&(objectClass=groupOfNames)(member={escaped(dn_of('alice'))})): "
            f"{group_dn('one')}; {group_dn('two')} (through {group_dn('one')})"
        ),
    ]
    assert list(steps) == [searched("ALICE"), "bind as the user", "find the groups"]


def escaped(dn: str) -> str:
    return "".join(each if each.isalnum() else f"\\{ord(each):02x}" for each in dn)


async def test_a_filter_is_shown_with_its_escapes(filled: Slapd) -> None:
    steps = await examined(filled, "a*)(uid=*")

    assert next(iter(steps)) == searched("a\\2a\\29\\28uid\\3d\\2a")
    assert [each.found for each in steps.values()] == [
        "nobody is found",
        "left out: there is nobody",
        "left out: there is nobody",
    ]


async def test_what_no_name_can_be_has_no_steps_of_its_own(filled: Slapd) -> None:
    assert await examined(filled, "a\0b") == {}


async def test_without_a_password_none_is_tried(filled: Slapd) -> None:
    assert "bind as the user" not in await examined(filled, "alice", None)


@pytest.mark.parametrize(
    ("name", "password", "more", "step", "said"),
    [
        ("alice", "wrong", {}, "bind as the user", "the password is another"),
        ("alice", "", {}, "bind as the user", "the password is empty"),
        ("locked", PASSWORD.reveal(), {}, searched("locked"), "the account is locked"),
        (
            "twin",
            PASSWORD.reveal(),
            {"user_filter": "(cn={username})"},
            f"search {PEOPLE} for (cn=twin)",
            "more than one user is meant",
        ),
        ("dot.ted", PASSWORD.reveal(), {}, searched("dot\\2eted"), "see the option name-map"),
        (
            "alice",
            PASSWORD.reveal(),
            {"required_group": group_dn("two")},
            "find the groups",
            f"the user is not in {group_dn('two')}; by ",
        ),
    ],
)
async def test_why_somebody_is_not_let_in_is_said_at_its_step(
    filled: Slapd, name: str, password: str, *, more: dict[str, object], step: str, said: str
) -> None:
    steps = await examined(filled, name, Secret(password), **more)
    last = list(steps.values())[-1]

    assert (last.step, last.good) == (step, False)
    assert said in last.found
    assert last.remedy


def test_the_commands_print_every_step(filled: Slapd, tmp_path: Path) -> None:
    settings = json.dumps(spelt(filled.settings(nested_groups="expand")))
    accounts = f'{{admins: {{groups: ["{group_dn("two")}"]}}}}'
    file = tmp_path / "services-configuration.yaml"
    file.write_text(f"auth: [{{ldap: {settings}}}]\naccounts: {accounts}\n")
    where = ["--config", str(file), "--state-dir", str(tmp_path / "state"), "--json"]

    tried = run([*["auth", "try", "alice", "--stdin"], *where], f"{PASSWORD.reveal()}\n")
    doctor = [each for each in run(["doctor", *where]) if each["subject"] == "auth.ldap"]

    assert [each["step"] for each in tried][-2:] == ["log in", "give roles"]
    assert tried[-1]["found"] == "administrator, with all virtual clusters"
    assert [each["step"] for each in doctor] == [*REACHED, USERS, GROUPS_STEP, "ask every server"]
    assert PASSWORD.reveal() not in str(tried)


def run(arguments: list[str], entered: str = "") -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-m", "jobyard", *arguments],
        input=entered,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = (json.loads(line) for line in done.stdout.splitlines())
    return [cast("dict[str, object]", line) for line in lines]

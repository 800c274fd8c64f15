"""A certificate that is not good for its server keeps passwords at home."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from anyio import to_thread

from jobyard.errors import ConfigError, Unavailable
from tests.backends.auth.ldap.world import directory, log_in
from tests.slapd import Slapd, dn_of, person, running_slapd

CA = trustme.CA()


@pytest.fixture(scope="module")
def filled(slapd_server: Slapd) -> Slapd:
    slapd_server.add(person("tls_user"))
    return slapd_server


async def refused(settings: dict[str, object], folder: Path) -> Unavailable:
    with pytest.raises(Unavailable) as raised:
        async with directory(settings, folder):
            pass
    assert "localhost" not in raised.value.message
    return raised.value


@pytest.mark.parametrize("minimum", ["1.2", "1.3"])
async def test_ldaps_and_starttls_let_in(filled: Slapd, tmp_path: Path, minimum: str) -> None:
    for more in ({}, {"urls": [filled.ldap], "tls": "starttls"}):
        async with directory(filled.settings(minimum_tls=minimum, **more), tmp_path) as users:
            assert (await log_in(users, "tls_user")).name == "tls_user"


async def test_plaintext_is_spoken_where_it_is_allowed_alone(filled: Slapd, tmp_path: Path) -> None:
    settings = filled.settings(urls=[filled.ldap], tls="none", allow_plaintext=True)
    async with directory(settings, tmp_path) as users:
        assert (await log_in(users, "tls_user")).name == "tls_user"


async def test_an_authority_that_is_not_ours_is_not_trusted(filled: Slapd, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    for more in ({}, {"urls": [filled.ldap], "tls": "starttls"}):
        error = await refused(
            filled.settings(ca_file=str(tmp_path / "other.pem"), **more), tmp_path
        )

        assert error.message == "The directory's certificate is not trusted."
        assert "certificate" in str(error.detail)


async def test_the_systems_authorities_do_not_know_a_generated_one(
    filled: Slapd, tmp_path: Path
) -> None:
    settings = filled.settings()
    del settings["ca-file"]

    error = await refused(settings, tmp_path)

    assert error.message == "The directory's certificate is not trusted."


async def test_a_name_that_the_certificate_lacks_is_not_trusted(
    filled: Slapd, tmp_path: Path
) -> None:
    with running_slapd(ca=CA, names=("directory.example.org",)) as other:
        for more in ({}, {"urls": [other.ldap], "tls": "starttls"}):
            error = await refused(other.settings(**more), tmp_path)

            assert error.message == "The directory's certificate is not trusted."
            assert "Hostname mismatch" in str(error.detail)


async def test_a_certificate_that_has_expired_is_not_trusted(tmp_path: Path) -> None:
    ended = CA.issue_cert(
        "localhost",
        not_before=datetime.now(UTC) - timedelta(days=2),
        not_after=datetime.now(UTC) - timedelta(days=1),
    )
    with running_slapd(ca=CA, certificate=ended) as other:
        error = await refused(other.settings(), tmp_path)

    assert error.message == "The directory's certificate is not trusted."
    assert "expired" in str(error.detail)


async def test_a_server_that_speaks_tls_1_1_at_most_is_refused(tmp_path: Path) -> None:
    old = "TLSProtocolMin 3.2\nTLSCipherSuite NORMAL:-VERS-ALL:+VERS-TLS1.1:%COMPAT"
    with running_slapd(ca=CA, more=old) as other:
        error = await refused(other.settings(), tmp_path)

    assert error.message == "The directory does not speak TLS as it should."


@pytest.fixture(scope="module")
def demanding() -> Iterator[Slapd]:
    with running_slapd(ca=CA, verify_client="demand") as server:
        server.add(person("tls_user"))
        yield server


@pytest.fixture
def own(tmp_path: Path) -> Path:
    issued = CA.issue_cert("gateway.example.org")
    for blob in issued.cert_chain_pems:
        blob.write_to_path(tmp_path / "gateway.pem")
    issued.private_key_pem.write_to_path(tmp_path / "gateway.key")
    return tmp_path


async def test_a_certificate_of_our_own_is_shown_where_one_is_asked_for(
    demanding: Slapd, own: Path
) -> None:
    more = {"client_certificate": "gateway.pem", "client_key": "gateway.key"}
    async with directory(demanding.settings(**more), own) as users:
        assert (await log_in(users, "tls_user")).name == "tls_user"

    await refused(demanding.settings(), own)


@pytest.mark.parametrize(
    ("file", "option"), [("ca.pem", "ca-file"), ("gateway.pem", "client-certificate")]
)
@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_file_that_holds_no_certificate_is_named(
    filled: Slapd, tmp_path: Path, file: str, option: str, content: str | None
) -> None:
    if content is not None:
        await to_thread.run_sync((tmp_path / file).write_text, content)
    settings = filled.settings(**{option.replace("-", "_"): file})

    with pytest.raises(ConfigError) as raised:
        async with directory(settings, tmp_path):
            pass

    assert [each.path for each in raised.value.problems] == [option]


async def test_no_password_reaches_a_server_that_is_not_trusted(
    filled: Slapd, tmp_path: Path
) -> None:
    with running_slapd(ca=CA, names=("directory.example.org",)) as other:
        before = other.log.count(" BIND ")
        await refused(other.settings(), tmp_path)
        await refused(other.settings(urls=[other.ldap], tls="starttls"), tmp_path)

        assert other.log.count(" BIND ") == before
        assert dn_of("tls_user") not in other.log

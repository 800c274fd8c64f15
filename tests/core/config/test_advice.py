from pathlib import Path

import pytest
import trustme

from jobyard.config.advice import advise
from jobyard.config.settings import RestServer, Settings, Tls, WebHdfsSettings
from jobyard.secret import Secret

LONG = Secret("x" * 32)


@pytest.fixture
def pair(tmp_path: Path) -> Tls:
    issued = trustme.CA().issue_cert("localhost")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "certificate.pem")
    return Tls(certificate=tmp_path / "certificate.pem", key=tmp_path / "key.pem")


def given(server: RestServer) -> list[tuple[str, bool]]:
    return [(each.path, each.fatal) for each in advise(Settings(rest_server=server))]


def test_the_defaults_need_no_advice() -> None:
    assert list(advise(Settings())) == []


@pytest.mark.parametrize(
    ("secrets", "paths"),
    [
        ((LONG,), []),
        ((Secret("é" * 16),), []),
        ((Secret("x" * 31),), ["rest-server.jwt-secret"]),
        ((LONG, Secret("short"), LONG), ["rest-server.jwt-secret[1]"]),
    ],
)
def test_a_short_jwt_secret_is_a_warning(secrets: tuple[Secret, ...], paths: list[str]) -> None:
    assert given(RestServer(jwt_secret=secrets)) == [(path, False) for path in paths]


def test_a_certificate_and_its_key_are_good(pair: Tls) -> None:
    assert given(RestServer(tls=pair)) == []


@pytest.mark.parametrize("name", ["certificate", "key"])
def test_a_file_of_tls_that_is_not_there_is_an_error(pair: Tls, name: str) -> None:
    getattr(pair, name).unlink()

    assert given(RestServer(tls=pair)) == [(f"rest-server.tls.{name}", True)]


def test_a_key_of_another_certificate_is_an_error(pair: Tls) -> None:
    trustme.CA().issue_cert("localhost").private_key_pem.write_to_path(pair.key)

    assert given(RestServer(tls=pair)) == [("rest-server.tls", True)]


def test_a_file_that_is_no_pem_is_an_error(pair: Tls) -> None:
    pair.certificate.write_text("no certificate")

    assert given(RestServer(tls=pair)) == [("rest-server.tls", True)]


def test_believing_user_names_is_a_warning() -> None:
    (found,) = advise(Settings(webhdfs=WebHdfsSettings(trust_user_name=True)))

    assert (found.path, found.fatal) == ("webhdfs.trust-user-name", False)


@pytest.mark.parametrize("url", ["postgresql://jobyard@db/x", "sqlite:////tmp/x.sqlite"])
def test_a_database_that_is_spoken_to_needs_no_advice(url: str) -> None:
    assert list(advise(Settings(database=Secret(url)))) == []


@pytest.mark.parametrize("url", ["sqlite:///", "postgresql://h:port/x"])
def test_a_database_that_cannot_be_named_so_is_an_error(url: str) -> None:
    (found,) = advise(Settings(database=Secret(url)))

    assert (found.path, found.fatal) == ("database", True)


def test_a_missing_driver_is_an_error_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    (found,) = advise(Settings(database=Secret("postgresql://jobyard:hunter2@db/x")))

    assert found.fatal
    assert "jobyard[postgres]" in found.message
    assert "hunter2" not in found.message

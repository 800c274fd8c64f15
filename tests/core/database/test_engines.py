from __future__ import annotations

import importlib.util
import logging
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from jobyard.database.engines import database_url, open_engines, translated
from jobyard.database.store import open_store
from jobyard.errors import LoadError, Unavailable
from jobyard.secret import Secret

PASSWORD = "hunter2-very-secret"


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("postgresql://jobyard@db/jobyard", "postgresql+psycopg"),
        ("postgres://jobyard@db/jobyard", "postgresql+psycopg"),
        ("postgresql+psycopg://jobyard@db:5433/jobyard?sslmode=require", "postgresql+psycopg"),
        ("sqlite:////var/lib/jobyard/jobs.sqlite", "sqlite"),
    ],
)
def test_urls_that_are_understood(url: str, driver: str) -> None:
    assert database_url(Secret(url), Path()).drivername == driver


def test_without_a_url_it_is_a_file_in_the_state_directory(tmp_path: Path) -> None:
    assert database_url(None, tmp_path).database == str(tmp_path / "jobyard.sqlite")


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://jobyard:{PASSWORD}@db/jobyard",
        f"jobyard:{PASSWORD}",
        f"postgresql://jobyard:{PASSWORD}@db:port/jobyard",
        f"postgresql+asyncpg://jobyard:{PASSWORD}@db/jobyard",
        "sqlite://",
        "sqlite:///:memory:",
        "",
        "://",
    ],
)
def test_urls_that_are_not_are_refused_without_their_password(url: str) -> None:
    with pytest.raises(LoadError, match="database's URL") as caught:
        database_url(Secret(url), Path())

    assert PASSWORD not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_missing_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(LoadError, match=r"pip install 'jobyard\[postgres\]'"):
        database_url(Secret("postgresql://jobyard@db/jobyard"), Path())


async def test_a_server_that_does_not_answer_is_unavailable_without_its_password(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = Secret(f"postgresql://jobyard:{PASSWORD}@/jobyard?host={tmp_path}")
    with caplog.at_level(logging.DEBUG):
        async with open_store(url, tmp_path, timeout=2) as store:
            for work in (store.ping(), store.write(lambda connection: None)):
                with pytest.raises(Unavailable, match="does not answer") as caught:
                    await work
                assert PASSWORD not in f"{caught.value} {caught.value.detail}"
                assert PASSWORD not in str(caught.value.__cause__)

    assert PASSWORD not in caplog.text


def test_parameters_are_in_no_message(tmp_path: Path) -> None:
    engines = open_engines(None, tmp_path, timeout=5)
    statement = text("SELECT nothing_of_the_kind(:secret)")
    with engines.reader.connect() as connection, pytest.raises(OperationalError) as caught:
        connection.execute(statement, {"secret": PASSWORD})
    engines.dispose()

    assert PASSWORD not in str(caught.value)
    assert translated(caught.value) is caught.value


def test_what_the_caller_did_wrong_stays_the_callers() -> None:
    mistake = IntegrityError("INSERT", {}, ValueError())

    assert translated(mistake) is mistake
    assert isinstance(translated(PoolTimeout()), Unavailable)


async def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    async with open_store(None, tmp_path / "missing", timeout=1) as store:
        with pytest.raises(Unavailable, match="does not answer"):
            await store.ping()
        with pytest.raises(Unavailable, match="does not answer"):
            await store.write(lambda connection: None)


def test_a_full_database_says_so(tmp_path: Path) -> None:
    engines = open_engines(None, tmp_path, timeout=5)
    with engines.writer.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE heap (x BLOB)")
        connection.exec_driver_sql("PRAGMA max_page_count = 3")
        with pytest.raises(OperationalError) as caught:
            connection.exec_driver_sql("INSERT INTO heap VALUES (zeroblob(100000))")
    engines.dispose()

    failure = translated(caught.value)
    assert isinstance(failure, Unavailable)
    assert failure.message == "The gateway's database has no room left."

"""Look at settings that are well formed for what will not work, or not be safe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from jobyard.config.settings import SHORT_SECRET, Settings, Tls
from jobyard.errors import LoadError
from jobyard.secret import Secret


@frozen
class Advice:
    """Say what to look at again; what is ``fatal`` would not work at all."""

    path: str
    message: str
    fatal: bool = False


def advise(settings: Settings) -> Iterator[Advice]:
    """Give everything that the look turns up; it reads the certificate's files."""
    yield from _jwt_secret(settings.rest_server.jwt_secret)
    if settings.rest_server.tls is not None:
        yield from _tls(settings.rest_server.tls)
    if settings.database is not None:
        yield from _database(settings.database)
    if settings.webhdfs.trust_user_name:
        message = "whoever reaches the port can act on files as anybody"
        yield Advice("webhdfs.trust-user-name", message)


def _jwt_secret(secrets: tuple[Secret, ...]) -> Iterator[Advice]:
    # A warning, since OpenPAI's are short (contract, section 2).
    for index, secret in enumerate(secrets):
        if len(secret.reveal().encode("utf-8", "replace")) < SHORT_SECRET:
            path = "rest-server.jwt-secret" + (f"[{index}]" if len(secrets) > 1 else "")
            message = f"shorter than {SHORT_SECRET} bytes, so that guessing it may succeed"
            yield Advice(path, message)


def _tls(tls: Tls) -> Iterator[Advice]:
    import ssl  # noqa: PLC0415 - few files have a certificate

    for name, path in (("certificate", tls.certificate), ("key", tls.key)):
        if (why := _unreadable(path)) is not None:
            yield Advice(f"rest-server.tls.{name}", f"cannot read {path}: {why}", fatal=True)
            return
    try:
        # Without a password of ours, an encrypted key would ask for one on the terminal.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.certificate, tls.key, password="")
    except (OSError, ValueError):
        message = "the certificate and the key are no pair in PEM, or the key has a password"
        yield Advice("rest-server.tls", message, fatal=True)


def _unreadable(path: Path) -> str | None:
    try:
        with path.open("rb"):
            return None
    except OSError as error:
        return error.strerror or type(error).__name__


def _database(url: Secret) -> Iterator[Advice]:
    from jobyard.database.engines import database_url  # noqa: PLC0415 - start cheaply

    try:
        database_url(url, Path())
    except LoadError as error:
        yield Advice("database", error.message, fatal=True)

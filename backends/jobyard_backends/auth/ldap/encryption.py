"""TLS towards a directory: always verified, whatever ldap3 would do by itself."""

from __future__ import annotations

import ssl

from jobyard.errors import ConfigError, Problem
from jobyard_backends.auth.ldap.settings import Encryption, Transport


def tls_context(transport: Transport) -> ssl.SSLContext | None:
    """Make what wraps connections; ``None`` where they stay plain.

    Blocks: the certificates are read.

    Raises:
        ConfigError: A file cannot be read, or holds no certificate.
    """
    if transport.encryption is Encryption.NONE:
        return None
    context = _with_authorities(transport)
    # The defaults already, said because everything hangs on them.
    context.check_hostname = True
    context.verify_mode = ssl.CERT_REQUIRED
    newest_only = transport.tls_1_3
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if newest_only else ssl.TLSVersion.TLSv1_2
    if transport.certificate is not None:
        try:
            context.load_cert_chain(transport.certificate, transport.key, password=_unattended)
        except (OSError, ssl.SSLError, ValueError) as error:
            message = f"cannot be used with its key: {error}"
            raise _wrong("client-certificate", message) from error
    return context


def _with_authorities(transport: Transport) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(
            cafile=None if transport.ca_file is None else str(transport.ca_file)
        )
    except (OSError, ssl.SSLError, ValueError) as error:
        message = f"expected certificates in PEM: {transport.ca_file}: {error}"
        raise _wrong("ca-file", message) from error
    return context


def _unattended() -> str:
    """Give no password: OpenSSL would ask for one on the terminal, and wait."""
    return ""


def _wrong(option: str, message: str) -> ConfigError:
    return ConfigError("ldap", [Problem(option, message)])

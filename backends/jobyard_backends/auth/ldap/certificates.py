"""Say of a server's certificate who issued it, for whom, and for how long it is good."""

from __future__ import annotations

import socket
import ssl
import time
from datetime import UTC, datetime

from cryptography import x509

from jobyard_backends.auth.ldap.calls import Call


def described(der: bytes) -> str:
    """Describe a certificate in one line."""
    certificate = x509.load_der_x509_certificate(der)
    left = (certificate.not_valid_after_utc - datetime.now(UTC)).days
    issuer = certificate.issuer.rfc4514_string() or "nobody"
    names = ", ".join(names_of(certificate)) or "no name"
    ends = f"{left} days left" if left >= 0 else f"expired {-left} days ago"
    return f"issued by {issuer}, for {names}, {ends}"


def names_of(certificate: x509.Certificate) -> list[str]:
    """Give the names and addresses for which a certificate is good."""
    try:
        kind = x509.SubjectAlternativeName
        found = certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return []
    names = found.get_values_for_type(x509.DNSName)
    return [*names, *(str(each) for each in found.get_values_for_type(x509.IPAddress))]


def shown_by(call: Call, plain: socket.socket, seconds: float) -> bytes:
    """Take the certificate that a server shows, unverified; nothing is sent to it.

    Raises:
        OSError: It shows none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # To be able to say what is wrong with it: the connection is used for nothing else.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with context.wrap_socket(plain, do_handshake_on_connect=False) as wrapped:
        with call.waiting_on(wrapped):
            wrapped.settimeout(call.remaining(seconds))
            wrapped.do_handshake()
        return wrapped.getpeercert(binary_form=True) or b""


def ends_at(seconds: float) -> float:
    """Give the moment that is so many seconds away."""
    return time.monotonic() + seconds

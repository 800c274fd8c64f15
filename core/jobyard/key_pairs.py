"""SSH key pairs: of jobs, and of the daemons beside their tasks."""

from __future__ import annotations

from jobyard.domain.job import KeyPair


def new_key_pair() -> KeyPair:
    """Make a pair, ed25519, in OpenSSH's text forms (RFC 8709)."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - 60 ms
        Ed25519PrivateKey,
    )
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return KeyPair(public.decode(), private)

"""Passwords held against the hashes that ``htpasswd`` writes. Everything takes its time."""

from __future__ import annotations

import logging
from typing import Final

from passlib.context import CryptContext
from passlib.exc import UnknownHashError

LOG: Final = logging.getLogger("jobyard.auth.htpasswd")

_KINDS: Final = CryptContext(
    schemes=["bcrypt", "apr_md5_crypt", "ldap_sha1", "sha256_crypt", "sha512_crypt"]
)


def is_right(password: str, name: str, digest: str) -> bool:
    """Tell whether a password is that of a hash; an empty one never is.

    Passwords that a kind of hash cannot tell apart (bcrypt reads 72 bytes and no NUL) are wrong.
    """
    try:
        return bool(_KINDS.verify(password, digest)) and bool(password)
    except UnknownHashError:
        LOG.warning("the hash of %s is of no kind that is read: make it with htpasswd -B", name)
        return False
    except ValueError:
        return False

"""Showing by Kerberos who the client is (SPNEGO, RFC 4559), with tickets of a keytab or a cache."""

from __future__ import annotations

import base64
from binascii import Error as NoBase64
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import anyio
import httpx
import krb5
import spnego
from anyio import CapacityLimiter, to_thread
from attrs import frozen
from spnego.exceptions import SpnegoError

from jobyard_backends.storage.hdfs.webhdfs.failures import NoTicket
from jobyard_backends.storage.hdfs.webhdfs.identity import Kerberos

T = TypeVar("T")

_THREADS: Final = 4
_SCHEME: Final = "negotiate"
_TABLE: Final = -1765328384
"""Where the numbers of Kerberos' errors begin (MIT's ``krb5.h``); those of RFC 4120 follow."""
_WORDS: Final = {
    6: "The KDC knows no such principal.",
    7: "The KDC does not know the NameNode as an HTTP service.",
    18: "The KDC has locked the principal.",
    23: "The password of the principal has expired.",
    24: "The keytab is not the principal's current one.",
    32: "The Kerberos ticket has expired.",
    37: "The clocks of the gateway and the KDC differ too much.",
    156: "No KDC answers.",
    181: "The keytab does not hold the principal.",
    195: "There is no ticket cache.",
}
_NO_FILE: Final = 2
_EXPIRED_GSS: Final = frozenset({11 << 16, 12 << 16})
"""``GSS_S_CREDENTIALS_EXPIRED`` and ``GSS_S_CONTEXT_EXPIRED`` (RFC 2744, section 3.9.1)."""


@frozen
class Exchange:
    """Be one request that shows who asks; ``header`` is its ``Authorization``."""

    header: str
    context: spnego.ContextProxy


class Negotiation:
    """Get tickets and show them; ``seconds`` is for how long the KDC is waited for.

    The library blocks, and is called in threads.
    """

    def __init__(self, kerberos: Kerberos, seconds: float) -> None:
        self._kerberos = kerberos
        self._seconds = seconds
        self._threads = CapacityLimiter(_THREADS)

    async def begin(self, host: str) -> Exchange:
        """Prepare a request to a host's HTTP service.

        Raises:
            NoTicket: No ticket for it can be had.
        """
        return await self._blocking(lambda: self._begun(host))

    async def finish(self, exchange: Exchange, response: httpx.Response) -> None:
        """Look whether who answered is the service.

        Raises:
            NoTicket: It does not show that.
        """
        scheme, _, text = response.headers.get("www-authenticate", "").partition(" ")
        try:
            shown = base64.b64decode(text, validate=True)
        except NoBase64:
            shown = b""
        if scheme.lower() != _SCHEME or not shown:
            raise NoTicket("What answers does not show that it is the NameNode.", "no token came")
        await self._blocking(lambda: exchange.context.step(shown))

    def _begun(self, host: str) -> Exchange:
        context = spnego.client(
            self._credential(), hostname=host, service="HTTP", protocol="kerberos"
        )
        token = context.step() or b""
        return Exchange(f"Negotiate {base64.b64encode(token).decode()}", context)

    def _credential(self) -> spnego.KerberosKeytab | spnego.KerberosCCache:
        who, keytab = self._kerberos.principal, self._kerberos.keytab
        if keytab is not None:
            return spnego.KerberosKeytab(keytab=_file(keytab), principal=who)
        cache = self._kerberos.ticket_cache
        return spnego.KerberosCCache(ccache="" if cache is None else _file(cache), principal=who)

    async def _blocking(self, work: Callable[[], T]) -> T:
        try:
            with anyio.fail_after(self._seconds):
                return await to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._threads)
        except TimeoutError as error:
            raise NoTicket("No KDC answers.", f"nothing within {self._seconds} s") from error
        except (SpnegoError, krb5.Krb5Error) as error:
            raise NoTicket(_words(error), str(error)) from error


def _file(path: Path) -> str:
    return f"FILE:{path}"


def _words(error: SpnegoError | krb5.Krb5Error) -> str:
    """Say what is wrong without a name, which is in the detail."""
    general = "No Kerberos ticket can be had."
    if isinstance(error, krb5.Krb5Error):
        if error.err_code == _NO_FILE:
            return "There is no keytab, or the gateway may not read it."
        return _WORDS.get(error.err_code - _TABLE, general)
    base = error.base_error
    if getattr(base, "maj_code", None) in _EXPIRED_GSS:
        return _WORDS[32]
    minor = int(getattr(base, "min_code", 0))
    signed = minor - (1 << 32) if minor >= 1 << 31 else minor
    return _WORDS.get(signed - _TABLE, general)

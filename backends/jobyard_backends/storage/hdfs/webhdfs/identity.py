"""On whose behalf a request is made, in the query's words."""

from __future__ import annotations

from pathlib import Path

from attrs import field, frozen


@frozen
class Kerberos:
    """Be where tickets come from: a keytab and its principal, or a cache that others keep fresh."""

    principal: str | None = None
    keytab: Path | None = None
    ticket_cache: Path | None = None


@frozen
class Identity:
    """Be who the client is, and how it acts for others.

    ``name`` is the client's own user. Others are named in ``user.name``, which NameNodes without
    Kerberos believe; with ``by_proxy`` they are in ``doas``, behind the client's own name, which
    the NameNode has to list as a proxy user. A ``delegation`` token takes the place of the client's
    own name, and of nobody else's: who reads a token looks at no ``doas``, and would take a user
    for the client. With ``kerberos`` all have tokens that are got by it, others as by ``doas``.
    """

    name: str
    by_proxy: bool = False
    delegation: str | None = field(default=None, repr=False)
    kerberos: Kerberos | None = None

    def parameters(self, user: str | None) -> dict[str, str]:
        """Give what says that a request is a user's; ``None`` is the client itself."""
        if self.kerberos is not None:
            return {}
        if user is None or user == self.name:
            return (
                {"user.name": self.name}
                if self.delegation is None
                else {"delegation": self.delegation}
            )
        return {"user.name": self.name, "doas": user} if self.by_proxy else {"user.name": user}

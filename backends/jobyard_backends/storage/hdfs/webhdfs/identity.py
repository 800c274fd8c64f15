"""On whose behalf a request is made, in the query's words."""

from __future__ import annotations

from attrs import field, frozen


@frozen
class Identity:
    """Be who the client is, and how it acts for others.

    ``name`` is the client's own user. Others are named in ``user.name``, which NameNodes without
    Kerberos believe; with ``by_proxy`` they are in ``doas``, behind the client's own name, which
    the NameNode has to list as a proxy user. A ``delegation`` token takes the place of the name.
    """

    name: str
    by_proxy: bool = False
    delegation: str | None = field(default=None, repr=False)

    def parameters(self, user: str | None) -> dict[str, str]:
        """Give what says that a request is a user's; ``None`` is the client itself."""
        other = user is not None and user != self.name
        if other and not self.by_proxy:
            return {"user.name": str(user)}
        own = {"user.name": self.name}
        if self.delegation is not None:
            own = {"delegation": self.delegation}
        return {**own, "doas": str(user)} if other else own

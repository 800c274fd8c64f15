"""What the configuration makes of users and their groups, the same for every provider."""

from __future__ import annotations

from collections.abc import Iterable

from jobyard.config.settings import AccountSettings
from jobyard.domain.identity import Identity
from jobyard.domain.job import DEFAULT_VIRTUAL_CLUSTER
from jobyard.services.account_rows import Account, Sighting


class AccountRules:
    """Decide who is an administrator, and who may use which virtual cluster."""

    def __init__(self, settings: AccountSettings) -> None:
        self._users = _folded(settings.admins.users)
        self._groups = _folded(settings.admins.groups)
        self._by_cluster = {
            name: _folded(groups) for name, groups in settings.virtual_cluster_groups.items()
        }

    def configured_admin(self, name: str, groups: Iterable[str]) -> bool:
        """Tell whether the configuration makes somebody an administrator."""
        return name.casefold() in self._users or not self._groups.isdisjoint(_folded(groups))

    def seen(self, identity: Identity, at: int) -> Sighting:
        """Give what is to be noted of a user whom a provider told of just now."""
        configured = self.configured_admin(identity.name, identity.groups)
        return Sighting(
            name=identity.name,
            provider=identity.provider,
            admin=bool(identity.admin) or configured,
            groups=identity.groups,
            changed_at=identity.credentials_changed_at,
            at=at,
        )

    def virtual_clusters(self, account: Account, assigned: Iterable[str]) -> list[str]:
        """Give, sorted, ``default``, those of the user's groups, and the assigned ones."""
        groups = _folded(account.groups)
        derived = {name for name, given in self._by_cluster.items() if not given.isdisjoint(groups)}
        return sorted({DEFAULT_VIRTUAL_CLUSTER, *derived, *assigned})


def _folded(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.casefold() for name in names)

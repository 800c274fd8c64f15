"""Who may change which framework."""

from __future__ import annotations

import re
from typing import Final

from attrs import define

from jobyard.testing.launcher.options import AccessOptions
from jobyard.testing.launcher.refusal import bad_request, not_authorised

ANYBODY: Final = "default"
"""Who asks without a header."""

_NAME: Final = r"^[A-Za-z0-9\-._~]{1,256}$"
_NAMESPACED: Final = r"^([^~]+)~([^~]+)$"


def check_name(name: str) -> None:
    """Refuse a name that nothing may have."""
    _match(_NAME, name)


def _match(pattern: str, name: str) -> re.Match[str]:
    found = re.fullmatch(pattern, name)
    if found is None:
        raise bad_request(f"Name [{name}] is not matched with naming convention regex [{pattern}]")
    return found


@define
class AccessRules:
    """Decide about changes; the lists of the rules can be changed by administrators."""

    options: AccessOptions
    namespaces: dict[str, tuple[str, ...]]
    normal_administrators: tuple[str, ...]

    @classmethod
    def of(cls, options: AccessOptions) -> AccessRules:
        """Begin with what was chosen."""
        return cls(options, dict(options.namespaces), options.normal_administrators)

    def check_framework(self, name: str, asking: str, descriptor_user: str | None) -> None:
        """Refuse a change of a framework; ``descriptor_user`` is ``None`` where none is sent."""
        check_name(asking)
        check_name(name)
        if not self.options.enabled:
            return
        namespace = self._namespace(name)
        if descriptor_user is not None and descriptor_user != asking:
            raise bad_request(
                f"The UserName specified in the FrameworkDescriptor [{descriptor_user}] is not "
                f"the same as the one specified in the HttpRequestHeader [{asking}]."
            )
        if namespace is None or asking in self._writers(namespace):
            return
        raise not_authorised(
            f"User [{asking}] does not have the Writable Access to the Namespace [{namespace}]."
        )

    def check_administrator(self, asking: str) -> None:
        """Refuse whoever is no administrator of the launcher itself."""
        if self.options.enabled and asking not in self.options.administrators:
            raise not_authorised("This operation needs administrator privilege.")

    def document(self) -> dict[str, object]:
        """Give the lists."""
        return {
            "namespaceAcls": {
                name: {"users": [{"name": user} for user in users]}
                for name, users in self.namespaces.items()
            },
            "normalAdminUsers": [{"name": user} for user in self.normal_administrators],
        }

    def change(self, document: object) -> None:
        """Take lists that were sent, in the form of :meth:`document`."""
        if not isinstance(document, dict):
            raise bad_request("Object is null")
        acls, administrators = document.get("namespaceAcls"), document.get("normalAdminUsers")
        self.namespaces = {
            str(name): _users(acl.get("users")) for name, acl in dict(acls or {}).items()
        }
        self.normal_administrators = _users(administrators)

    def _namespace(self, name: str) -> str | None:
        if self.options.ignore_without_namespace and "~" not in name:
            return None
        return _match(_NAMESPACED, name)[1]

    def _writers(self, namespace: str) -> tuple[str, ...]:
        return (
            namespace,
            *self.namespaces.get(namespace, ()),
            *self.normal_administrators,
            *self.options.administrators,
        )


def _users(document: object) -> tuple[str, ...]:
    if not isinstance(document, list):
        return ()
    return tuple(str(user["name"]) for user in document if isinstance(user, dict))

"""Set aside what OpenPAI's own configuration file says to services that Jobyard does not run."""

from __future__ import annotations

import re
from typing import Final

from attrs import evolve

from jobyard.config.document import Entry, MapNode, Node, ScalarNode
from jobyard.config.settings import RestServer, Settings
from jobyard.config.shapes import section_of
from jobyard.wire.wording import nearest

_SERVICES: Final = frozenset({
    "alert-manager", "authentication", "cleaner", "cluster", "common", "dev-box", "docker-cache",
    "drivers", "end-to-end-test", "frameworkcontroller", "frameworklauncher", "grafana",
    "hadoop-ai", "hadoop-batch-job", "hadoop-data-node", "hadoop-jobhistory", "hadoop-name-node",
    "hadoop-node-manager", "hadoop-resource-manager", "hivedscheduler", "internal-storage",
    "job-exporter", "k8s-dashboard", "log-manager", "node-exporter", "postgresql", "prometheus",
    "pylon", "storage-manager", "watchdog", "webportal", "yarn-exporter", "yarn-frameworklauncher",
    "zookeeper",
})  # fmt: skip
"""The services of OpenPAI, which are never taken for a misspelt key of ours."""

FOREIGN_KEYS: Final = (
    r"(github|etcd|rate-limit|launcher|debugging|hdfs|webhdfs|yarn|k8s|sql|framework|prometheus)-.+"
    r"|schedule-port|frontend-url|template-path|job-history|group-admin|custom-.+|enable-.+"
)
"""Keys of OpenPAI's ``rest-server`` section that say nothing to Jobyard."""


def without_foreign(root: MapNode) -> tuple[MapNode, tuple[str, ...]]:
    """Give the file without what is meant for others, and one notice for each kind of it.

    A section that is nearly spelt like one of ours stays, to be refused with the right name.
    """
    ours = [name for key in section_of(Settings).keys for name in (key.name, *key.aliases)]
    foreign = {entry.key for entry in root.entries if _is_foreign(entry, ours)}
    notices: tuple[str, ...] = ()
    if foreign:
        names = ", ".join(entry.key for entry in root.entries if entry.key in foreign)
        notices = (f"ignored, since they are other services' sections: {names}",)
    kept = tuple(entry for entry in root.entries if entry.key not in foreign)
    entries, ignored = _without_rest_server_keys(kept)
    if ignored:
        names = ", ".join(ignored)
        notices = (*notices, f"ignored in rest-server, since nothing here reads them: {names}")
    return evolve(root, entries=entries), notices


def _is_foreign(entry: Entry, ours: list[str]) -> bool:
    if entry.key in ours:
        return False
    if entry.key in _SERVICES:
        return True
    return _is_section(entry.value) and nearest(entry.key, ours) is None


def _is_section(node: Node) -> bool:
    # A section of which every line is commented out is left as an empty scalar.
    empty = isinstance(node, ScalarNode) and node.value is None
    return empty or isinstance(node, MapNode)


def _without_rest_server_keys(entries: tuple[Entry, ...]) -> tuple[tuple[Entry, ...], list[str]]:
    section = section_of(RestServer)
    ignored: list[str] = []
    result: list[Entry] = []
    for entry in entries:
        value = entry.value
        if entry.key in {"rest-server", "restserver"} and isinstance(value, MapNode):
            foreign = [
                each.key
                for each in value.entries
                if section.key(each.key) is None and re.fullmatch(FOREIGN_KEYS, each.key)
            ]
            ignored += foreign
            left = tuple(each for each in value.entries if each.key not in foreign)
            result.append(evolve(entry, value=evolve(value, entries=left)))
        else:
            result.append(entry)
    return tuple(result), ignored

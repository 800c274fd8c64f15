"""A Hadoop of the tests' own: NameNodes and DataNodes on loopback, in a folder of their own."""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
import subprocess
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from attrs import field, frozen

from tests.java_process import (
    JAVA,
    LOG,
    WITHIN,
    Node,
    configuration,
    installed_jars,
    last_words,
    wait_for,
)
from tests.ports import lasting_ports

_LOGGER: Final = logging.getLogger(__name__)
SUPERUSER: Final = "hdfs"
"""Who started the NameNodes, and may everything."""

_STARTS: Final = 3

_NAME_NODE: Final = "org.apache.hadoop.hdfs.server.namenode.NameNode"
_DATA_NODE: Final = "org.apache.hadoop.hdfs.server.datanode.DataNode"
_CORE: Final = {
    "hadoop.security.group.mapping": "org.apache.hadoop.security.NullGroupsMapping",
    f"hadoop.proxyuser.{SUPERUSER}.hosts": "*",
    f"hadoop.proxyuser.{SUPERUSER}.users": "*",
}
_HDFS: Final = {
    "dfs.namenode.safemode.extension": "0",
    "dfs.namenode.safemode.min.datanodes": "1",
    "dfs.namenode.fs-limits.min-block-size": "1024",
    "dfs.namenode.resource.du.reserved": "1048576",
    "dfs.namenode.datanode.registration.ip-hostname-check": "false",
    "dfs.namenode.edits.noeditlogchannelflush": "true",
    "dfs.namenode.path.based.cache.refresh.interval.ms": "60000",
    "dfs.heartbeat.interval": "1",
    "dfs.ls.limit": "100",
    "dfs.checksum.type": "CRC32",
    "dfs.datanode.hostname": "127.0.0.1",
    "dfs.client.block.write.replace-datanode-on-failure.policy": "NEVER",
    "dfs.ha.automatic-failover.enabled": "false",
    "dfs.ha.tail-edits.period": "1",
    "dfs.ha.log-roll.period": "1",
    "dfs.ha.fencing.methods": "shell(/bin/true)",
    "dfs.client.failover.proxy.provider.cluster": "org.apache.hadoop.hdfs.server.namenode.ha."
    "ConfiguredFailoverProxyProvider",
    "dfs.client.failover.max.attempts": "30",
    "dfs.client.failover.sleep.base.millis": "50",
    "dfs.client.failover.sleep.max.millis": "500",
}


def hadoop() -> Path:
    """Find the jars; tests without them fail, and are not left out."""
    return installed_jars("hadoop")


@frozen
class HadoopSite:
    """Be what is different in a cluster: the name of its host, settings, and Java's arguments."""

    host: str = "127.0.0.1"
    settings: Mapping[str, str] = field(factory=dict)
    java: tuple[str, ...] = ()

    @property
    def secured(self) -> bool:
        """Tell whether nobody is told anything without a ticket."""
        return bool(self.settings)


class Hdfs:
    """Run NameNodes, of which the first is active, and DataNodes."""

    def __init__(
        self,
        folder: Path,
        *,
        name_nodes: int = 1,
        data_nodes: int = 1,
        site: HadoopSite | None = None,
    ) -> None:
        self.folder = folder
        self._site = site or HadoopSite()
        self._replicas = str(data_nodes)
        self._jars = hadoop()
        self.data_addresses: list[str] = []
        self._named = [f"nn{number}" for number in range(name_nodes)]
        rpc, http = lasting_ports(name_nodes), lasting_ports(name_nodes)
        self.addresses = [f"http://{self._site.host}:{port}" for port in http]
        self._rpc = rpc[0]
        self.settings = self._settings(rpc, http)
        self.name_nodes = [self._name_node(each) for each in self._named]
        self.data_nodes = [self._data_node(number) for number in range(data_nodes)]
        self._write_configuration("client", {})

    @property
    def uri(self) -> str:
        """Give the address that Hadoop's own programs know the cluster by."""
        return "hdfs://cluster" if len(self.name_nodes) > 1 else f"hdfs://127.0.0.1:{self._rpc}"

    @property
    def nodes(self) -> list[Node]:
        return [*self.name_nodes, *self.data_nodes]

    def start(self) -> None:
        """Start what does not run, and wait until files can be written."""
        for node in self.nodes:
            node.start()
        if len(self.name_nodes) > 1:
            for address in self.addresses:
                self.wait(partial(self._has_begun, address))
            if not any(self.state(address) == "active" for address in self.addresses):
                self.activate(0)
        self.wait(self.ready)

    def _has_begun(self, address: str) -> bool:
        return self.state(address) in {"active", "standby"}

    def stop(self) -> None:
        for node in self.nodes:
            node.resume()
            node.crash()

    def ready(self) -> bool:
        """Tell whether an active NameNode has left the safe mode and sees all DataNodes."""
        if not all(
            _listens(address)
            for address, node in zip(self.data_addresses, self.data_nodes, strict=True)
            if node.running
        ):
            return False  # one that died and is back is alive to NameNodes before it is
        if self._site.secured:
            # Its pages ask for tickets: what its log says has to do.
            said = self.name_nodes[0].log.read_text()
            return said.count("registerDatanode: from") >= len(self.data_nodes)
        alive = sum(node.running for node in self.data_nodes)
        for number, address in enumerate(self.addresses):
            if self.name_nodes[number].running and self.state(address) == "active":
                system = self._bean(address, "FSNamesystemState")
                info = self._bean(address, "NameNodeInfo")
                live = system.get("NumLiveDataNodes")
                return isinstance(live, int) and live >= alive and info.get("Safemode") == ""
        return False

    def state(self, address: str) -> str:
        """Tell what a NameNode says that it is."""
        return str(self._bean(address, "NameNodeStatus").get("State", "down"))

    def activate(self, number: int, *, by_force: bool = False) -> None:
        """Make a NameNode the active one; by force where the other cannot be asked.

        One that takes over by force what another left in the middle of a write may give up and
        end; it is started again then, as a site's supervisor would.
        """
        force = ["--forceactive", "--forcemanual"] if by_force else []
        arguments = ["-transitionToActive", *force, self._named[number]]
        for last in (False, True):
            try:
                self.run("org.apache.hadoop.hdfs.tools.DFSHAAdmin", *arguments, given=b"Y\n")
            except RuntimeError as error:
                if last or not by_force:
                    raise
                _LOGGER.warning("%s", error)
                self.name_nodes[number].crash()
                self.name_nodes[number].start()
                self.wait(partial(self._has_begun, self.addresses[number]))
            else:
                return

    def step_down(self, number: int) -> None:
        """Make the active NameNode a standby."""
        admin = "org.apache.hadoop.hdfs.tools.DFSHAAdmin"
        self.run(admin, "-transitionToStandby", self._named[number])

    def safe_mode(self, *, on: bool) -> None:
        self.admin("-safemode", "enter" if on else "leave")

    def admin(self, *arguments: str) -> str:
        """Do what ``hdfs dfsadmin`` does."""
        return self.run("org.apache.hadoop.hdfs.tools.DFSAdmin", *arguments)

    def fs(self, *arguments: str, user: str = SUPERUSER) -> str:
        """Do what ``hadoop fs`` does."""
        return self.run("org.apache.hadoop.fs.FsShell", *arguments, user=user)

    def run(self, main: str, *arguments: str, user: str = SUPERUSER, given: bytes = b"") -> str:
        """Run one of Hadoop's programs, and give what it printed."""
        done = subprocess.run(
            [*JAVA, "-cp", self._classpath("client"), main, *arguments],
            cwd=self.folder,
            check=False,
            capture_output=True,
            input=given,
            timeout=WITHIN,
            env={"PATH": os.environ["PATH"], "HADOOP_USER_NAME": user},
        )
        if done.returncode:
            words = done.stderr.decode("utf-8", "replace")[-3000:]
            message = f"{main} {' '.join(arguments)} failed: {words}\n{last_words(self.nodes)}"
            raise RuntimeError(message)
        return done.stdout.decode("utf-8", "replace")

    def wait(self, true: Callable[[], bool]) -> None:
        """Wait until something is so."""
        wait_for(true, self.nodes, "HDFS")

    def _bean(self, address: str, name: str) -> Mapping[str, object]:
        url = f"{address}/jmx?qry=Hadoop:service=NameNode,name={name}"
        with suppress(OSError, ValueError), urllib.request.urlopen(url, timeout=5) as answer:
            beans = json.load(answer)["beans"]
            return dict(beans[0]) if beans else {}
        return {}

    def _settings(self, rpc: list[int], http: list[int]) -> dict[str, str]:
        if len(rpc) == 1:
            return {
                "fs.defaultFS": f"hdfs://{self._site.host}:{rpc[0]}",
                "dfs.namenode.rpc-address": f"{self._site.host}:{rpc[0]}",
                "dfs.namenode.http-address": f"{self._site.host}:{http[0]}",
            }
        shared = self.folder / "shared"
        shutil.copytree(self._jars / "formatted", shared, dirs_exist_ok=True)
        settings = {
            "fs.defaultFS": "hdfs://cluster",
            "dfs.nameservices": "cluster",
            "dfs.ha.namenodes.cluster": ",".join(self._named),
            "dfs.namenode.shared.edits.dir": f"file://{shared}",
        }
        for number, name in enumerate(self._named):
            settings[f"dfs.namenode.rpc-address.cluster.{name}"] = f"127.0.0.1:{rpc[number]}"
            settings[f"dfs.namenode.http-address.cluster.{name}"] = f"127.0.0.1:{http[number]}"
        return settings

    def _name_node(self, name: str) -> Node:
        place = self.folder / name
        shutil.copytree(self._jars / "formatted", place)
        own = {"dfs.namenode.name.dir": f"file://{place}"}
        if len(self._named) > 1:
            own["dfs.ha.namenode.id"] = name
        self._write_configuration(name, own)
        return self._node(name, _NAME_NODE)

    def _data_node(self, number: int) -> Node:
        name = f"dn{number}"
        data, ipc, http = lasting_ports(3)
        own = {
            "dfs.datanode.data.dir": f"file://{self.folder / name}",
            "dfs.datanode.address": f"127.0.0.1:{data}",
            "dfs.datanode.ipc.address": f"127.0.0.1:{ipc}",
            "dfs.datanode.http.address": f"127.0.0.1:{http}",
        }
        self.data_addresses.append(f"127.0.0.1:{http}")
        self._write_configuration(name, own)
        return self._node(name, _DATA_NODE)

    def _node(self, name: str, main: str) -> Node:
        java = " ".join(self._site.java)
        more = {"JDK_JAVA_OPTIONS": java} if java else {}
        place = self._classpath(name)
        return Node(name, main, self.folder, place, user=SUPERUSER, more=more)

    def _write_configuration(self, name: str, own: Mapping[str, str]) -> None:
        folder = self.folder / f"{name}.conf"
        folder.mkdir()
        (folder / "log4j.properties").write_text(LOG)
        both = {**_CORE, **_HDFS, "dfs.replication": self._replicas, **self.settings, **own}
        both.update(self._site.settings)
        both["hadoop.tmp.dir"] = str(self.folder / f"{name}.tmp")
        for file in ("core-site.xml", "hdfs-site.xml"):
            (folder / file).write_text(configuration(both))

    def _classpath(self, name: str) -> str:
        return f"{self.folder / name}.conf:{self._jars / 'pages'}:{self._jars / 'jars'}/*"


def _listens(address: str) -> bool:
    host, _, port = address.partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def running_hdfs(*, name_nodes: int = 1, data_nodes: int = 1) -> Iterator[Hdfs]:
    """Make a cluster, and leave nothing of it."""
    with started_hdfs(name_nodes=name_nodes, data_nodes=data_nodes) as hdfs:
        yield hdfs


@contextmanager
def started_hdfs(
    *, name_nodes: int = 1, data_nodes: int = 1, site: HadoopSite | None = None
) -> Iterator[Hdfs]:
    """Make a cluster of a kind, and leave nothing of it."""
    folder = Path(tempfile.mkdtemp(prefix="jobyard-hdfs-"))
    try:
        hdfs = _started(
            lambda place: Hdfs(place, name_nodes=name_nodes, data_nodes=data_nodes, site=site),
            folder,
        )
        try:
            yield hdfs
        finally:
            hdfs.stop()
    finally:
        shutil.rmtree(folder)


def _started(make: Callable[[Path], Hdfs], folder: Path) -> Hdfs:
    """Start a cluster, once more where another run of tests took one of its ports meanwhile."""
    for number in range(_STARTS):
        place = folder / f"{number}"
        place.mkdir()
        hdfs = make(place)
        try:
            hdfs.start()
        except RuntimeError as error:
            hdfs.stop()
            if "BindException" not in str(error) or number == _STARTS - 1:
                raise
        except BaseException:
            hdfs.stop()
            raise
        else:
            return hdfs
    raise AssertionError

"""A YARN of the tests' own: ResourceManagers and NodeManagers on loopback, in a folder of theirs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tests.java_process import JAVA, LOG, WITHIN, Node, configuration, installed_jars, wait_for
from tests.ports import lasting_ports

ADMINISTRATOR: Final = "yarn"
"""Who started the ResourceManagers, and may change their queues."""

_RESOURCE_MANAGER: Final = "org.apache.hadoop.yarn.server.resourcemanager.ResourceManager"
_NODE_MANAGER: Final = "org.apache.hadoop.yarn.server.nodemanager.NodeManager"
_ADMIN: Final = "org.apache.hadoop.yarn.client.cli.RMAdminCLI"
_SCHEDULER: Final = "org.apache.hadoop.yarn.server.resourcemanager.scheduler"
_KEEPER: Final = "org.apache.zookeeper.server.ZooKeeperServerMain"
_STARTS: Final = 3
_SERVERS: Final = ("address", "scheduler.address", "resource-tracker.address", "admin.address")
NODE_MEMORY: Final = 4096
"""What a NodeManager offers, in MB."""

NODE_CORES: Final = 8

_CORE: Final = {
    "fs.defaultFS": "file:///",
    "hadoop.security.group.mapping": "org.apache.hadoop.security.NullGroupsMapping",
    "hadoop.http.filter.initializers": "org.apache.hadoop.security.AuthenticationFilterInitializer",
    "hadoop.http.authentication.type": "simple",
    "hadoop.http.authentication.simple.anonymous.allowed": "true",
}
_QUEUES: Final = {
    "yarn.scheduler.capacity.root.queues": "default",
    "yarn.scheduler.capacity.root.default.capacity": "100",
    "yarn.scheduler.capacity.root.acl_administer_queue": ADMINISTRATOR,
    "yarn.scheduler.capacity.maximum-am-resource-percent": "1",
    "yarn.scheduler.capacity.node-locality-delay": "-1",
    "yarn.scheduler.capacity.resource-calculator": "org.apache.hadoop.yarn.util.resource."
    "DominantResourceCalculator",
}
_YARN: Final = {
    "yarn.resourcemanager.scheduler.class": f"{_SCHEDULER}.capacity.CapacityScheduler",
    "yarn.acl.enable": "true",
    "yarn.admin.acl": ADMINISTRATOR,
    "yarn.scheduler.minimum-allocation-mb": "64",
    "yarn.scheduler.maximum-allocation-mb": str(NODE_MEMORY),
    "yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": "100",
    "yarn.resourcemanager.connect.retry-interval.ms": "200",
    "yarn.resourcemanager.max-completed-applications": "100",
    "yarn.resourcemanager.webapp.ui-actions.enabled": "true",
    "yarn.timeline-service.enabled": "false",
    "yarn.nodemanager.hostname": "127.0.0.1",
    "yarn.nodemanager.resource.memory-mb": str(NODE_MEMORY),
    "yarn.nodemanager.resource.cpu-vcores": str(NODE_CORES),
    "yarn.nodemanager.vmem-check-enabled": "false",
    "yarn.nodemanager.pmem-check-enabled": "false",
    "yarn.nodemanager.container-executor.class": "org.apache.hadoop.yarn.server.nodemanager."
    "DefaultContainerExecutor",
    "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "100",
    "yarn.nodemanager.disk-health-checker.min-healthy-disks": "0",
    "yarn.nodemanager.sleep-delay-before-sigkill.ms": "250",
}
_SERVICES: Final = {
    "yarn.webapp.api-service.enable": "true",
    "yarn.service.am-resource.memory": "256",
    "yarn.service.am.java.opts": "-Xmx192m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData",
    "yarn.am.liveness-monitor.expiry-interval-ms": "15000",
}


class Yarn:
    """Run ResourceManagers, of which the first is active, and NodeManagers.

    ``store`` is where changes of queues are kept: ``fs`` outlives a ResourceManager and is shared
    by all; with ``file`` there are none. ``settings`` are Hadoop's own, added to all files. With
    ``services`` there is what YARN Services need.
    """

    def __init__(
        self,
        folder: Path,
        *,
        resource_managers: int = 1,
        node_managers: int = 1,
        store: str = "fs",
        settings: Mapping[str, str] | None = None,
        services: bool = False,
    ) -> None:
        self.folder = folder
        self._jars = installed_jars("yarn")
        self._settings = {**_CORE, **_QUEUES, **_YARN, **self._stored(store), **(settings or {})}
        self._named = [f"rm{number}" for number in range(resource_managers)]
        web = lasting_ports(resource_managers)
        self.addresses = [f"http://127.0.0.1:{port}" for port in web]
        self._settings |= self._located()
        self.keepers: list[Node] = []
        self._node_addresses: list[str] = []
        if services:
            self._add_services()
        self._write_configuration("client", {})
        self.resource_managers = [self._resource_manager(name) for name in self._named]
        self.node_managers = [self._node_manager(number) for number in range(node_managers)]

    @property
    def nodes(self) -> list[Node]:
        return [*self.keepers, *self.resource_managers, *self.node_managers]

    def start(self) -> None:
        """Start what does not run, and wait until applications can run."""
        for node in self.nodes:
            node.start()
        if len(self._named) > 1:
            self.wait(lambda: all(self.state(address) != "down" for address in self.addresses))
            if not any(self.state(address) == "ACTIVE" for address in self.addresses):
                self.activate(0)
        self.wait(self.ready)

    def stop(self) -> None:
        """End everything, the tasks of applications first: nobody else would."""
        for node in self.nodes:
            node.resume()
        for number, address in enumerate(self.addresses):
            if self.state(address) == "ACTIVE":
                with suppress(OSError, RuntimeError):
                    self.end_all(number)
                    self.wait(self._idle)
        for node in self.nodes:
            node.crash()

    def _idle(self) -> bool:
        """Tell whether no NodeManager has a task, of which a ResourceManager knows no more."""
        return not any(
            node.running and _read(f"{address}/ws/v1/node/containers").get("containers")
            for node, address in zip(self.node_managers, self._node_addresses, strict=True)
        )

    def ready(self) -> bool:
        """Tell whether the active ResourceManager knows all NodeManagers that run."""
        alive = sum(node.running for node in self.node_managers)
        for address in self.addresses:
            if self.state(address) == "ACTIVE":
                metrics = _read(f"{address}/ws/v1/cluster/metrics").get("clusterMetrics")
                return isinstance(metrics, dict) and metrics["activeNodes"] >= alive
        return False

    def state(self, address: str) -> str:
        """Tell what a ResourceManager says that it is."""
        facts = _read(f"{address}/ws/v1/cluster/info").get("clusterInfo")
        return str(facts["haState"]) if isinstance(facts, dict) else "down"

    def activate(self, number: int) -> None:
        """Make a ResourceManager the active one."""
        self._administer("-transitionToActive", "--forceactive", self._named[number])

    def step_down(self, number: int) -> None:
        """Make the active ResourceManager a standby."""
        self._administer("-transitionToStandby", self._named[number])

    def submit(self, queue: str, command: str, *, memory: int = 512, number: int = 0) -> str:
        """Start an application that is one command, and give its id."""
        base = f"{self.addresses[number]}/ws/v1/cluster/apps"
        name = str(_send("POST", f"{base}/new-application")["application-id"])
        document = {
            "application-id": name,
            "application-name": "test",
            "application-type": "test",
            "queue": queue,
            "max-app-attempts": 1,
            "am-container-spec": {"commands": {"command": command}},
            "resource": {"memory": memory, "vCores": 1},
        }
        _send("POST", base, document)
        return name

    def kill(self, application: str, *, number: int = 0) -> None:
        """End an application."""
        url = f"{self.addresses[number]}/ws/v1/cluster/apps/{application}/state"
        _send("PUT", url, {"state": "KILLED"})
        self.wait(lambda: _read(url).get("state") in {"KILLED", "FAILED", "FINISHED"})

    def reset(self) -> None:
        """End all applications, and give everything to ``default``."""
        number = [self.state(address) for address in self.addresses].index("ACTIVE")
        self.end_all(number)
        names = self.queues(number).keys() - {"default"}
        if names:
            stop = [_entry(name, state="STOPPED") for name in names]
            self.change({"update-queue": stop}, number)
        change: dict[str, object] = {"remove-queue": [f"root.{name}" for name in names]}
        default = {"capacity": "100", "maximum-capacity": "100", "state": "RUNNING"}
        change["update-queue"] = [_entry("default", **default)]
        self.change(change if names else {"update-queue": change["update-queue"]}, number)

    def end_all(self, number: int = 0) -> None:
        """End all applications."""
        states = "NEW,NEW_SAVING,SUBMITTED,ACCEPTED,RUNNING"
        found = _read(f"{self.addresses[number]}/ws/v1/cluster/apps?states={states}").get("apps")
        for each in (found or {}).get("app", []):  # type: ignore[attr-defined]
            self.kill(each["id"], number=number)

    def queues(self, number: int = 0) -> Mapping[str, Mapping[str, object]]:
        """Give the queues below the root, as the ResourceManager tells them."""
        answer = _read(f"{self.addresses[number]}/ws/v1/cluster/scheduler")
        queues = answer["scheduler"]["schedulerInfo"]["queues"]["queue"]  # type: ignore[index]
        return {queue["queueName"]: queue for queue in queues}

    def change(self, document: Mapping[str, object], number: int = 0) -> None:
        """Change queues, as an administrator of YARN's does."""
        _send("PUT", f"{self.addresses[number]}/ws/v1/cluster/scheduler-conf", document)

    def wait(self, true: Callable[[], bool]) -> None:
        """Wait until something is so."""
        wait_for(true, self.nodes, "YARN")

    def _administer(self, *arguments: str) -> None:
        done = subprocess.run(
            [*JAVA, "-cp", self._classpath("client"), _ADMIN, *arguments, "--forcemanual"],
            cwd=self.folder,
            check=False,
            capture_output=True,
            input=b"Y\n",
            timeout=WITHIN,
            env={"PATH": os.environ["PATH"], "HADOOP_USER_NAME": ADMINISTRATOR},
        )
        if done.returncode:
            words = done.stderr.decode("utf-8", "replace")[-3000:]
            message = f"rmadmin {' '.join(arguments)} failed: {words}"
            raise RuntimeError(message)

    def _stored(self, store: str) -> Mapping[str, str]:
        return {
            "yarn.scheduler.configuration.store.class": store,
            "yarn.scheduler.configuration.fs.path": f"file://{self.folder}/queues",
        }

    def _located(self) -> Mapping[str, str]:
        """Say where every ResourceManager listens."""
        found = {"yarn.resourcemanager.hostname": "127.0.0.1"}
        if len(self._named) > 1:
            found |= {
                "yarn.resourcemanager.ha.enabled": "true",
                "yarn.resourcemanager.ha.automatic-failover.enabled": "false",
                "yarn.resourcemanager.ha.rm-ids": ",".join(self._named),
                "yarn.resourcemanager.cluster-id": "cluster",
                "yarn.client.failover-sleep-base-ms": "100",
                "yarn.client.failover-sleep-max-ms": "500",
            }
        for name, web in zip(self._named, self.addresses, strict=True):
            suffix = f".{name}" if len(self._named) > 1 else ""
            for server, port in zip(_SERVERS, lasting_ports(len(_SERVERS)), strict=True):
                found[f"yarn.resourcemanager.{server}{suffix}"] = f"127.0.0.1:{port}"
            address = web.removeprefix("http://")
            found[f"yarn.resourcemanager.webapp.address{suffix}"] = address
        return found

    def _add_services(self) -> None:
        """Have a ZooKeeper, in which services are registered, and a file system for them."""
        (port,) = lasting_ports(1)
        self._settings |= {
            **_SERVICES,
            "hadoop.registry.zk.quorum": f"127.0.0.1:{port}",
            "yarn.service.base.path": f"{self.folder}/services",
            "yarn.application.classpath": f"{self.folder}/client.conf,{self._jars}/jars/*",
        }
        arguments = (str(port), str(self.folder / "keeper"))
        more = {"JDK_JAVA_OPTIONS": "-Dzookeeper.admin.enableServer=false"}
        self.keepers.append(
            Node(
                "keeper",
                _KEEPER,
                self.folder,
                self._classpath("client"),
                user=ADMINISTRATOR,
                arguments=arguments,
                more=more,
            )
        )

    def _resource_manager(self, name: str) -> Node:
        own = {"yarn.resourcemanager.ha.id": name} if len(self._named) > 1 else {}
        self._write_configuration(name, own)
        return Node(name, _RESOURCE_MANAGER, self.folder, self._classpath(name), user=ADMINISTRATOR)

    def _node_manager(self, number: int) -> Node:
        name = f"nm{number}"
        own = {
            f"yarn.nodemanager.{server}": f"127.0.0.1:{port}"
            for server, port in zip(
                ("address", "localizer.address", "webapp.address", "collector-service.address"),
                lasting_ports(4),
                strict=True,
            )
        }
        self._node_addresses.append(f"http://{own['yarn.nodemanager.webapp.address']}")
        for kind in ("local", "log"):
            own[f"yarn.nodemanager.{kind}-dirs"] = str(self.folder / f"{name}-{kind}s")
        self._write_configuration(name, own)
        more = {"JAVA_HOME": _java_home()}
        if self.keepers:
            # What a service's ApplicationMaster has of Hadoop it has by this variable.
            more["HADOOP_CONF_DIR"] = f"{self.folder}/{name}.conf:{self._jars}/jars/*"
        return Node(
            name,
            _NODE_MANAGER,
            self.folder,
            self._classpath(name),
            user=ADMINISTRATOR,
            more=more,
        )

    def _write_configuration(self, name: str, own: Mapping[str, str]) -> None:
        folder = self.folder / f"{name}.conf"
        folder.mkdir()
        (folder / "log4j.properties").write_text(LOG)
        text = configuration(
            {**self._settings, "hadoop.tmp.dir": str(self.folder / f"{name}.tmp"), **own}
        )
        for file in ("core-site.xml", "yarn-site.xml", "capacity-scheduler.xml"):
            (folder / file).write_text(text)

    def _classpath(self, name: str) -> str:
        return f"{self.folder / name}.conf:{self._jars / 'pages'}:{self._jars / 'jars'}/*"


def _java_home() -> str:
    found = shutil.which("java")
    assert found is not None
    return str(Path(found).resolve().parents[1])


def _read(url: str) -> Mapping[str, object]:
    with suppress(OSError, ValueError), urllib.request.urlopen(url, timeout=5) as answer:
        document = json.load(answer)
        return dict(document) if isinstance(document, dict) else {}
    return {}


def _entry(name: str, **parameters: str) -> Mapping[str, object]:
    entries = [{"key": key, "value": value} for key, value in parameters.items()]
    return {"queue-name": f"root.{name}", "params": {"entry": entries}}


def _send(
    method: str, url: str, document: Mapping[str, object] | None = None
) -> Mapping[str, object]:
    request = urllib.request.Request(
        f"{url}?user.name={ADMINISTRATOR}",
        method=method,
        data=json.dumps(document or {}).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=WITHIN) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:
        message = f"{method} {url}: {error.code} {error.read()[:2000]!r}"
        raise RuntimeError(message) from error
    return dict(json.loads(body)) if body.startswith(b"{") else {}


@contextmanager
def running_yarn(
    *,
    resource_managers: int = 1,
    node_managers: int = 1,
    store: str = "fs",
    settings: Mapping[str, str] | None = None,
    services: bool = False,
) -> Iterator[Yarn]:
    """Make a cluster, and leave nothing of it; see :class:`Yarn`."""

    def made(place: Path) -> Yarn:
        return Yarn(
            place,
            resource_managers=resource_managers,
            node_managers=node_managers,
            store=store,
            settings=settings,
            services=services,
        )

    folder = Path(tempfile.mkdtemp(prefix="jobyard-yarn-"))
    try:
        yarn = _started(folder, made)
        try:
            yield yarn
        finally:
            yarn.stop()
    finally:
        shutil.rmtree(folder)


def _started(folder: Path, made: Callable[[Path], Yarn]) -> Yarn:
    """Start a cluster, once more where another run of tests took one of its ports meanwhile."""
    for number in range(_STARTS):
        place = folder / f"{number}"
        place.mkdir()
        yarn = made(place)
        try:
            yarn.start()
        except RuntimeError as error:
            yarn.stop()
            if "BindException" not in str(error) or number == _STARTS - 1:
                raise
        except BaseException:
            yarn.stop()
            raise
        else:
            return yarn
    raise AssertionError

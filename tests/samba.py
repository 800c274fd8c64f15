"""A real Active Directory domain controller of the tests' own: Samba, in a namespace of its own."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import ldap3
import trustme

from jobyard.secret import Secret
from tests import samba_namespace
from tests.samba_namespace import ADMIN_PASSWORD, READY
from tests.slapd import PASSWORD

BASE: Final = "DC=ad,DC=example,DC=org"
USERS: Final = f"CN=Users,{BASE}"
SERVICE: Final = "jobyard@ad.example.org"
SERVICE_PASSWORD: Final = Secret("The gateway's own 1")

NORMAL: Final = 0x200
DISABLED: Final = 0x2
NEVER_EXPIRES: Final = 0x10000

_WITHIN: Final = 60.0


class SambaDc:
    """Be a domain controller that runs; ``port`` and ``tls_port`` lead to it."""

    def __init__(self, folder: Path, port: int, tls_port: int) -> None:
        self.folder = folder
        self.port = port
        self.tls_port = tls_port

    def settings(self, **more: object) -> dict[str, object]:
        """Give settings that log in here, spelt as in the configuration file."""
        return {
            "preset": "activedirectory",
            "urls": [f"ldaps://localhost:{self.tls_port}"],
            "ca-file": str(self.folder / "ca.pem"),
            "base-dn": BASE,
            "bind-dn": SERVICE,
            "bind-password": SERVICE_PASSWORD,
            # Other tests may keep the machine busy.
            "connect-timeout": 10,
            "receive-timeout": 20,
            "total-timeout": 30,
            **{name.replace("_", "-"): value for name, value in more.items()},
        }

    @contextmanager
    def administered(self) -> Iterator[ldap3.Connection]:
        """Give a connection that may change everything."""
        tls = ldap3.Tls(validate=ssl.CERT_NONE)
        server = ldap3.Server(
            "127.0.0.1", self.tls_port, use_ssl=True, tls=tls, get_info=ldap3.NONE
        )
        user = f"Administrator@{samba_namespace.REALM}"
        connection = ldap3.Connection(server, user, ADMIN_PASSWORD, auto_bind=True)
        try:
            yield connection
        finally:
            connection.unbind()

    def add_user(self, name: str, *, password: Secret = PASSWORD, **more: object) -> str:
        """Add somebody, and give the DN."""
        dn = f"CN={name},{USERS}"
        attributes = {
            "objectClass": "user",
            "sAMAccountName": name,
            "userPrincipalName": f"{name}@ad.example.org",
            "unicodePwd": f'"{password.reveal()}"'.encode("utf-16-le"),
            "userAccountControl": str(NORMAL | NEVER_EXPIRES),
            **more,
        }
        self._add(dn, attributes)
        return dn

    def add_group(self, name: str, *members: str) -> str:
        """Add a group, and give the DN."""
        dn = f"CN={name},{USERS}"
        listed: dict[str, object] = {"member": list(members)} if members else {}
        self._add(dn, {"objectClass": "group", "sAMAccountName": name, **listed})
        return dn

    def change(self, dn: str, **values: object) -> None:
        """Replace attributes."""
        with self.administered() as connection:
            good = connection.modify(  # type: ignore[no-untyped-call]  # so are the stubs
                dn, {name: [(ldap3.MODIFY_REPLACE, [value])] for name, value in values.items()}
            )
            assert good, f"{dn}: {connection.result}"

    def _add(self, dn: str, attributes: Mapping[str, object]) -> None:
        with self.administered() as connection:
            good = connection.add(  # type: ignore[no-untyped-call]  # as above
                dn, attributes=dict(attributes)
            )
            assert good, f"{dn}: {connection.result}"


@contextmanager
def running_samba() -> Iterator[SambaDc]:
    """Provision a domain, run its controller, and leave nothing of it."""
    folder = Path(tempfile.mkdtemp(prefix="jobyard-samba-"))
    ca = trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    issued = ca.issue_cert("localhost", "127.0.0.1")
    issued.private_key_pem.write_to_path(folder / "server.key")
    (folder / "server.key").chmod(0o600)
    issued.cert_chain_pems[0].write_to_path(folder / "server.pem")
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        sockets = [stack.enter_context(_listening()) for _ in range(2)]
        process = stack.enter_context(_started(folder, sockets))
        _await_ready(process, folder)
        ports = [each.getsockname()[1] for each in sockets]
        yield SambaDc(folder, *ports)


def _listening() -> socket.socket:
    made = socket.create_server(("127.0.0.1", 0))
    made.set_inheritable(True)
    return made


@contextmanager
def _started(folder: Path, sockets: list[socket.socket]) -> Iterator[subprocess.Popen[bytes]]:
    plain, encrypted = (each.fileno() for each in sockets)
    alone = ["--net", "--pid", "--fork", "--kill-child"]
    if os.getuid() != 0:
        alone.append("--map-root-user")
    program = [sys.executable, samba_namespace.__file__, str(folder)]
    process = subprocess.Popen(
        ["unshare", *alone, *program, f"{plain}:389", f"{encrypted}:636"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        pass_fds=[plain, encrypted],
        env={"PATH": f"/usr/sbin:/usr/bin:/sbin:/bin:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"},
    )
    try:
        yield process
    finally:
        # The first process of its namespace of processes: all others end with it.
        process.kill()
        process.wait(_WITHIN)
        assert process.stdout is not None
        process.stdout.close()


def _await_ready(process: subprocess.Popen[bytes], folder: Path) -> None:
    assert process.stdout is not None
    if process.stdout.readline().decode().strip() != READY:
        log = folder / "log"
        text = log.read_text(errors="replace") if log.exists() else ""
        message = f"These tests need Debian's samba-ad-dc, which did not start: {text[-2000:]}"
        raise RuntimeError(message)

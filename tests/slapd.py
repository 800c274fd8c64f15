"""A real OpenLDAP server of the tests' own: in a folder of its own, on loopback ports of its own."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import ldap3
import trustme

from jobyard.secret import Secret

BASE: Final = "dc=example,dc=org"
PEOPLE: Final = f"ou=people,{BASE}"
GROUPS: Final = f"ou=groups,{BASE}"
POLICIES: Final = f"ou=policies,{BASE}"
ROOT_DN: Final = f"cn=root,{BASE}"
SERVICE_DN: Final = f"cn=jobyard,{BASE}"
ROOT_PASSWORD: Final = "the password of the root entry"
SERVICE_PASSWORD: Final = Secret("the gateway's own password")
PASSWORD: Final = Secret("The right one, of 26 signs")

_RELAX: Final = ("1.3.6.1.4.1.4203.666.5.12", True, None)
"""The control that lets attributes be written which the server itself keeps."""

_WITHIN: Final = 20.0
_PROGRAM: Final = "/usr/sbin/slapd"
_OFFLINE: Final = "/usr/sbin/slapadd"

_CONFIGURATION: Final = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload ppolicy
pidfile {folder}/slapd.pid
sizelimit {size_limit}
TLSCACertificateFile {folder}/ca.pem
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
TLSVerifyClient {verify_client}
{more}
database mdb
suffix "{base}"
rootdn "{root_dn}"
rootpw "{root_password}"
directory {folder}/data
maxsize 104857600
dbnosync
index objectClass,uid,member,uniqueMember,memberUid eq
{more_database}
overlay memberof
memberof-group-oc groupOfNames
overlay ppolicy
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{service_dn}" read by users read by anonymous {anonymous}
"""


class Slapd:
    """Run a server; ``ca`` has signed its certificate, whose file is ``ca_file``."""

    def __init__(
        self,
        folder: Path,
        *,
        ca: trustme.CA | None = None,
        names: Sequence[str] = ("localhost", "127.0.0.1"),
        certificate: trustme.LeafCert | None = None,
        anonymous: str = "auth",
        size_limit: str = "500",
        verify_client: str = "never",
        more: str = "",
        more_database: str = "",
    ) -> None:
        self.folder = folder
        self.ca = ca or trustme.CA()
        self.port = _free_port()
        self.tls_port = _free_port()
        self.ca_file = folder / "ca.pem"
        self.password = PASSWORD
        self._process: subprocess.Popen[bytes] | None = None
        self.ca.cert_pem.write_to_path(self.ca_file)
        issued = certificate or self.ca.issue_cert(*names)
        issued.private_key_pem.write_to_path(folder / "server.key")
        for number, blob in enumerate(issued.cert_chain_pems):
            blob.write_to_path(folder / "server.pem", append=number > 0)
        (folder / "data").mkdir(exist_ok=True)
        (folder / "slapd.conf").write_text(
            _CONFIGURATION.format(
                folder=folder,
                base=BASE,
                root_dn=ROOT_DN,
                root_password=ROOT_PASSWORD,
                service_dn=SERVICE_DN,
                anonymous=anonymous,
                size_limit=size_limit,
                verify_client=verify_client,
                more=more,
                more_database=more_database,
            )
        )

    @property
    def ldaps(self) -> str:
        return f"ldaps://localhost:{self.tls_port}"

    @property
    def ldap(self) -> str:
        return f"ldap://localhost:{self.port}"

    def settings(self, **more: object) -> dict[str, object]:
        """Give settings that log in here, spelt as in the configuration file."""
        return {
            "preset": "openldap",
            "urls": [self.ldaps],
            "ca-file": str(self.ca_file),
            "base-dn": BASE,
            "bind-dn": SERVICE_DN,
            "bind-password": SERVICE_PASSWORD,
            # Other tests may keep the machine busy.
            "connect-timeout": 10,
            "receive-timeout": 20,
            "total-timeout": 30,
            **{name.replace("_", "-"): value for name, value in more.items()},
        }

    def start(self) -> None:
        """Start it, or do nothing where it runs; it answers when this returns."""
        if self._process is not None and self._process.poll() is None:
            return
        urls = f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port}"
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [_PROGRAM, "-f", str(self.folder / "slapd.conf"), "-h", urls, "-d", "stats"],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._await_answer(self._process)

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(_WITHIN)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    @contextmanager
    def administered(self) -> Iterator[ldap3.Connection]:
        """Give a connection that may change everything."""
        server = ldap3.Server("127.0.0.1", self.port, get_info=ldap3.NONE)
        connection = ldap3.Connection(server, ROOT_DN, ROOT_PASSWORD, auto_bind=True)
        try:
            yield connection
        finally:
            connection.unbind()

    def add(self, *entries: tuple[str, Mapping[str, object]]) -> None:
        """Add entries; ``objectClass`` is among the attributes."""
        with self.administered() as connection:
            for dn, attributes in entries:
                good = connection.add(  # type: ignore[no-untyped-call]  # so are the stubs
                    dn, attributes=dict(attributes), controls=[_RELAX]
                )
                assert good, f"{dn}: {connection.result}"

    def change(self, dn: str, **values: object) -> None:
        """Replace attributes; ``None`` removes one."""
        changes = {
            name: [(ldap3.MODIFY_REPLACE, [] if value is None else [value])]
            for name, value in values.items()
        }
        with self.administered() as connection:
            good = connection.modify(  # type: ignore[no-untyped-call]  # as above
                dn, changes, controls=[_RELAX]
            )
            assert good, f"{dn}: {connection.result}"

    def change_list(self, dn: str, name: str, values: Sequence[str]) -> None:
        """Replace the values of an attribute."""
        with self.administered() as connection:
            good = connection.modify(  # type: ignore[no-untyped-call]  # as above
                dn, {name: [(ldap3.MODIFY_REPLACE, list(values))]}
            )
            assert good, f"{dn}: {connection.result}"

    def add_quickly(self, entries: Iterable[tuple[str, Mapping[str, object]]]) -> None:
        """Add many entries while the server is stopped, and start it again."""
        self.stop()
        done = subprocess.run(
            [_OFFLINE, "-q", "-f", str(self.folder / "slapd.conf")],
            input="\n".join(_ldif(dn, attributes) for dn, attributes in entries).encode(),
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        self.start()

    def remove(self, *dns: str) -> None:
        with self.administered() as connection:
            for dn in dns:
                good = connection.delete(dn)  # type: ignore[no-untyped-call]  # as above
                assert good, f"{dn}: {connection.result}"

    def fill(self) -> None:
        """Add the entries above the users, and the account that looks them up."""
        organization = {
            "objectClass": ["dcObject", "organization"],
            "o": "Example",
            "dc": "example",
        }
        self.add(
            (BASE, organization),
            *((dn, {"objectClass": "organizationalUnit"}) for dn in (PEOPLE, GROUPS, POLICIES)),
            (
                SERVICE_DN,
                {
                    "objectClass": ["organizationalRole", "simpleSecurityObject"],
                    "userPassword": SERVICE_PASSWORD.reveal(),
                },
            ),
        )

    def _await_answer(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + _WITHIN
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.tls_port), timeout=1).close()
            except OSError as error:
                if process.poll() is not None or time.monotonic() > end:
                    message = f"slapd did not start: {self.log[-2000:]}"
                    raise RuntimeError(message) from error
                time.sleep(0.01)
            else:
                return


def person(
    name: str, password: Secret | None = PASSWORD, **more: object
) -> tuple[str, dict[str, object]]:
    """Give the entry of somebody, for :meth:`Slapd.add`."""
    attributes: dict[str, object] = {
        "objectClass": ["inetOrgPerson"],
        "uid": name,
        "cn": f"Somebody {name}",
        "sn": name,
        **more,
    }
    if password is not None:
        attributes["userPassword"] = password.reveal()
    return dn_of(name), attributes


def dn_of(name: str) -> str:
    spelt = "".join(each if each.isalnum() and each.isascii() else _hex(each) for each in name)
    return f"uid={spelt},{PEOPLE}"


def group(name: str, *members: str, **more: object) -> tuple[str, dict[str, object]]:
    """Give the entry of a group of DNs."""
    return f"cn={name},{GROUPS}", {"objectClass": ["groupOfNames"], "member": list(members), **more}


def group_dn(name: str) -> str:
    return f"cn={name},{GROUPS}"


@contextmanager
def running_slapd(**options: object) -> Iterator[Slapd]:
    """Make a server with the entries above the users, and leave nothing of it."""
    folder = Path(tempfile.mkdtemp(prefix="jobyard-slapd-"))
    try:
        server = Slapd(folder, **options)  # type: ignore[arg-type]  # those of Slapd
        server.start()
        try:
            server.fill()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _ldif(dn: str, attributes: Mapping[str, object]) -> str:
    lines = [f"dn: {dn}"]
    for name, values in attributes.items():
        lines += [f"{name}: {each}" for each in (values if isinstance(values, list) else [values])]
    return "\n".join(lines) + "\n"


def _hex(character: str) -> str:
    return "".join(f"\\{octet:02x}" for octet in character.encode())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

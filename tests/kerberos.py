"""A KDC of the tests' own on loopback, and a Hadoop that asks for its tickets."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.hadoop import HadoopSite, Hdfs, started_hdfs
from tests.ports import lasting_ports

REALM: Final = "TEST.LOCAL"
GATEWAY: Final = "gateway"
"""The gateway's user and principal, a superuser of HDFS that may act for others."""
STRANGER: Final = "stranger"
"""A principal that HDFS knows, and lets act for nobody."""

_WITHIN: Final = 60.0
_KRB5: Final = """[libdefaults]
 default_realm = {realm}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 udp_preference_limit = 1
 default_ccache_name = FILE:{folder}/nobodys-cache
[realms]
 {realm} = {{
  kdc = 127.0.0.1:{port}
 }}
[domain_realm]
 localhost = {realm}
"""
_KDC: Final = """[kdcdefaults]
 kdc_listen = 127.0.0.1:{port}
 kdc_tcp_listen = 127.0.0.1:{port}
[realms]
 {realm} = {{
  database_name = {folder}/principal
  key_stash_file = {folder}/stash
  acl_file = {folder}/acl
  max_life = 10h
  supported_enctypes = aes256-cts-hmac-sha1-96:normal
 }}
[logging]
 kdc = FILE:{folder}/kdc.log
"""


class Kdc:
    """Be a KDC with a realm in a folder; ``configuration`` is for ``KRB5_CONFIG``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.configuration = folder / "krb5.conf"
        self.keytab = folder / "services.keytab"
        (port,) = lasting_ports(1)
        self._environment = {
            "PATH": f"{os.environ['PATH']}:/usr/sbin",
            "KRB5_CONFIG": str(self.configuration),
            "KRB5_KDC_PROFILE": str(folder / "kdc.conf"),
        }
        facts = {"realm": REALM, "folder": folder, "port": port}
        self.configuration.write_text(_KRB5.format(**facts))
        (folder / "kdc.conf").write_text(_KDC.format(**facts))
        (folder / "acl").touch()
        self._process: subprocess.Popen[bytes] | None = None
        self._run("kdb5_util", "create", "-s", "-P", "master", "-r", REALM)
        for service in ("hdfs/localhost", "HTTP/localhost"):
            self._principal(service, self.keytab)
        for user in (GATEWAY, STRANGER):
            self._principal(user, self.keytab_of(user))

    def keytab_of(self, user: str) -> Path:
        return self.folder / f"{user}.keytab"

    def cache(self, user: str, *, life: str = "1h") -> Path:
        """Give a cache with a ticket of a user that is good for so long."""
        cache = self.folder / f"{user}-{life}.cache"
        keytab = str(self.keytab_of(user))
        self._run("kinit", "-c", f"FILE:{cache}", "-l", life, "-kt", keytab, f"{user}@{REALM}")
        return cache

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["krb5kdc", "-n", "-r", REALM], env=self._environment, cwd=self.folder
        )
        end = time.monotonic() + _WITHIN
        while True:
            try:
                self.cache(GATEWAY)
            except subprocess.CalledProcessError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(_WITHIN)
            self._process = None

    def _principal(self, name: str, keytab: Path) -> None:
        self._run("kadmin.local", "-r", REALM, "-q", f"addprinc -randkey {name}@{REALM}")
        self._run("kadmin.local", "-r", REALM, "-q", f"ktadd -norandkey -k {keytab} {name}@{REALM}")

    def _run(self, *command: str) -> None:
        subprocess.run(
            command,
            check=True,
            env=self._environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_WITHIN,
        )


def _site(kdc: Kdc, renewed_within: float) -> HadoopSite:
    secret = kdc.folder / "http-secret"
    secret.write_text(os.urandom(16).hex())
    http, hdfs = f"HTTP/localhost@{REALM}", f"hdfs/localhost@{REALM}"
    settings = {
        "hadoop.security.authentication": "kerberos",
        "hadoop.security.authorization": "true",
        "hadoop.security.auth_to_local": "RULE:[2:$1](hdfs)s/.*/hdfs/ DEFAULT",
        f"hadoop.proxyuser.{GATEWAY}.hosts": "*",
        f"hadoop.proxyuser.{GATEWAY}.users": "*",
        "hadoop.http.authentication.type": "kerberos",
        "hadoop.http.authentication.kerberos.principal": http,
        "hadoop.http.authentication.kerberos.keytab": str(kdc.keytab),
        "hadoop.http.authentication.signature.secret.file": str(secret),
        "hadoop.user.group.static.mapping.overrides": f"{GATEWAY}=supergroup",
        "dfs.block.access.token.enable": "true",
        "ignore.secure.ports.for.testing": "true",
        "dfs.datanode.hostname": "localhost",
        "dfs.namenode.delegation.token.renew-interval": f"{int(renewed_within * 1000)}",
        "dfs.webhdfs.user.provider.user.pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]*[$]?$",
        "dfs.namenode.delegation.token.max-lifetime": "600000",
        "dfs.namenode.kerberos.internal.spnego.principal": http,
    }
    for role in ("namenode", "datanode"):
        settings[f"dfs.{role}.kerberos.principal"] = hdfs
        settings[f"dfs.{role}.keytab.file"] = str(kdc.keytab)
    settings["dfs.web.authentication.kerberos.principal"] = http
    settings["dfs.web.authentication.kerberos.keytab"] = str(kdc.keytab)
    java = (
        f"-Djava.security.krb5.conf={kdc.configuration}",
        "--add-exports=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
    )
    return HadoopSite("localhost", settings, java)


@contextmanager
def running_kdc() -> Iterator[Kdc]:
    """Run a KDC, and leave nothing of it."""
    folder = Path(tempfile.mkdtemp(prefix="jobyard-kdc-"))
    try:
        kdc = Kdc(folder)
        kdc.start()
        try:
            yield kdc
        finally:
            kdc.stop()
    finally:
        shutil.rmtree(folder)


@contextmanager
def running_kerberised_hdfs(kdc: Kdc, *, renewed_within: float) -> Iterator[Hdfs]:
    """Run a Hadoop whose delegation tokens are good for so many seconds unless renewed."""
    with started_hdfs(site=_site(kdc, renewed_within)) as hdfs:
        yield hdfs

"""An SSH daemon beside a task, inside of its sandbox, for the key of its job.

It is no root there, or a root that may not change accounts; a daemon that is not root gives sessions
of its own account alone. So the sandbox has its own ``/etc/passwd``, in which that account is called
``root`` too, as clients that knew OpenPAI expect, and has a shell. Everything here blocks.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from jobyard.key_pairs import new_key_pair
from jobyard_backends.scheduling.local.process import Account

FOLDER: Final = "ssh"
"""The folder, in a task's, of what its daemon needs; it is there where there is a daemon."""

_INSIDE: Final = Account(1000, 1000)
"""What root is inside, where no account is named: only so is the daemon content with one."""

_FILES: Final = ("passwd", "group", "shadow")
_START: Final = """\
( for pause in 1 1 2 3 5 8; do
  {program} -D -f {config} -E {log} && break
  sleep "$pause"
done </dev/null >/dev/null 2>&1 & )
exec "$@"
"""
"""Another program may have the port for a moment."""


@frozen
class Ssh:
    """Start daemons that listen on an address; ``program`` is sshd's absolute path."""

    program: str
    address: str

    def prepare(
        self,
        folder: Path,
        port: int,
        public_key: str,
        environment: Mapping[str, str],
        account: Account | None,
    ) -> None:
        """Write what the daemon of a task needs; sessions have the task's variables."""
        place = folder / FOLDER
        place.mkdir(mode=0o700)
        inside = _inside(account)
        passwd = _passwd(inside, folder / "work", ahead=account is None)
        host = new_key_pair()
        texts = {
            "host_key": host.private.decode(),
            "authorized_keys": f"{public_key.strip()}\n",
            "config": self._config(place, port, environment),
            "log": "",
            "passwd": passwd,
            # Without it the daemon would give terminals to a group that it is not in.
            "group": _without("tty", Path("/etc/group")),
            "shadow": _shadow(passwd, inside),
        }
        for name, text in texts.items():
            (place / name).write_text(text, encoding="utf-8")
            (place / name).chmod(0o644 if name in _FILES else 0o600)
        if account is not None:
            for path in (place, *place.iterdir()):
                os.chown(path, account.uid, account.gid)

    def _config(self, place: Path, port: int, environment: Mapping[str, str]) -> str:
        lines = [
            f"ListenAddress {self.address}",
            f"Port {port}",
            f"HostKey {_quoted(str(place / 'host_key'))}",
            f"AuthorizedKeysFile {_quoted(str(place / 'authorized_keys'))}",
            "StrictModes no",
            "UsePAM no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PidFile none",
            "PrintMotd no",
            "PrintLastLog no",
            "UseDNS no",
            "Subsystem sftp internal-sftp",
        ]
        pairs = [
            _quoted(f"{name}={value}")
            for name, value in environment.items()
            if not {"\n", "\r", "\0"} & set(value)
        ]
        return "\n".join([*lines, f"SetEnv {' '.join(pairs)}", ""])

    def sandboxed(self, folder: Path, account: Account | None) -> list[str]:
        """Give bubblewrap's words for the sandbox of a task with a daemon."""
        place = str(folder / FOLDER)
        words = ["--bind", place, place]
        for name in _FILES:
            words += ["--ro-bind", f"{place}/{name}", f"/etc/{name}"]
        if account is None and os.geteuid() == 0:
            words += ["--unshare-user", "--uid", str(_INSIDE.uid), "--gid", str(_INSIDE.gid)]
        return words

    def before(self, folder: Path) -> tuple[str, ...]:
        """Give the words before a command that start the daemon beside it."""
        place = folder / FOLDER
        start = _START.format(
            program=shlex.quote(self.program),
            config=shlex.quote(str(place / "config")),
            log=shlex.quote(str(place / "log")),
        )
        return ("/bin/bash", "-c", start, "bash")


def find_sshd() -> str | None:
    """Give where sshd is installed, if it is; it is often in no user's PATH."""
    return shutil.which("sshd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


def _inside(account: Account | None) -> Account:
    if account is not None:
        return account
    return _INSIDE if os.geteuid() == 0 else Account(os.geteuid(), os.getegid())


def _passwd(inside: Account, home: Path, *, ahead: bool) -> str:
    """Write the accounts of the machine, with ours as root, and a shell for whose number it is."""
    ours = f"root:*:{inside.uid}:{inside.gid}::{home}:/bin/bash\n"
    others = []
    for line in _without("root", Path("/etc/passwd")).splitlines():
        fields = line.split(":")
        if fields[2:3] == [str(inside.uid)]:
            fields[5:7] = [str(home), "/bin/bash"]
        others.append(":".join(fields) + "\n")
    return "".join([ours, *others] if ahead else [*others, ours])


def _shadow(passwd: str, inside: Account) -> str:
    """Write that our accounts are not locked: they have no password, and need none."""
    entries = (line.split(":") for line in passwd.splitlines())
    ours = (each[0] for each in entries if each[2:3] == [str(inside.uid)])
    return "".join(f"{name}:*:1::::::\n" for name in ours)


def _without(name: str, path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(f"{name}:"))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

"""Run a Samba domain controller in a network namespace that is this process's own.

It would take the ports of a directory, and those of whatever else a domain controller does, from
the machine. In here it has them all to itself; connections come in over listening sockets that
were opened outside. Run as a program: ``FOLDER DESCRIPTOR:PORT ...``.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

REALM: Final = "AD.EXAMPLE.ORG"
ADMIN_PASSWORD: Final = "Passw0rd.of.the.Administrator"
READY: Final = "ready"

_SET_FLAGS: Final = 0x8914
_UP: Final = 0x1 | 0x40
_CONFIGURATION: Final = """
[global]
netbios name = DC1
realm = {realm}
workgroup = AD
server role = active directory domain controller
server services = ldap
dcerpc endpoint servers = -all
interfaces = lo
bind interfaces only = yes
private dir = {folder}/dc/private
state directory = {folder}/dc/state
cache directory = {folder}/dc/cache
lock directory = {folder}/dc/lock
pid directory = {folder}/dc/run
ncalrpc dir = {folder}/dc/rpc
binddns dir = {folder}/dc/bind-dns
tls certfile = {folder}/server.pem
tls keyfile = {folder}/server.key
tls cafile = {folder}/ca.pem
log level = 1
"""


def main(arguments: Sequence[str]) -> None:
    folder = Path(arguments[0])
    _raise_loopback()
    _provision(folder)
    file = folder / "smb.conf"
    file.write_text(_CONFIGURATION.format(folder=folder, realm=REALM))
    for name in ("cache", "lock", "run", "rpc"):
        (folder / "dc" / name).mkdir(exist_ok=True)
    command = ["/usr/sbin/samba", "-F", "-M", "single", "-s", str(file), "--debug-stdout"]
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    asyncio.run(_relay(server, [each.split(":") for each in arguments[1:]]))


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))


def _provision(folder: Path) -> None:
    command = [
        *("samba-tool", "domain", "provision"),
        *(f"--realm={REALM}", "--domain=AD", "--server-role=dc", "--dns-backend=NONE"),
        *("--host-name=dc1", "--host-ip=127.0.0.1", f"--adminpass={ADMIN_PASSWORD}"),
        *("--option=interfaces=lo", "--option=bind interfaces only=yes"),
        f"--targetdir={folder / 'dc'}",
    ]
    with (folder / "log").open("ab") as log:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


async def _relay(server: subprocess.Popen[bytes], ways: Sequence[Sequence[str]]) -> None:
    for _, port in ways:
        while not await _answers(int(port)):
            if server.poll() is not None:
                sys.exit("samba ended")
            await asyncio.sleep(0.05)
    for descriptor, port in ways:
        listening = socket.socket(fileno=int(descriptor))
        await asyncio.start_server(partial(_serve, int(port)), sock=listening)
    print(READY, flush=True)  # noqa: T201 - what the other side waits for
    await asyncio.get_running_loop().run_in_executor(None, server.wait)


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _serve(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    main(sys.argv[1:])

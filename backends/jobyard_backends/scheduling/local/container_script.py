"""What a container runs first: a script that sets the variables, runs the command, and passes SIGTERM on.

It is the first process of the container's namespace, which a signal reaches only where it asked for
it, and with which all others end. A shell takes no variable whose name holds a ``.`` or ``~``, as
those of task roles may: ``env`` sets them. The values are in a file, so that no list of processes
shows them, nor the engine to those who may ask it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Final

_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BODY: Final = """\
trap 'kill -TERM -1' TERM
if test -x /bin/bash; then set -- "$2" /bin/bash "$1"; else set -- "$2" /bin/sh "$1"; fi
{before}"$2" "$3" &
set -- "$1" $!
wait "$2"
set -- "$1" "$2" $?
while kill -0 "$2" 2>/dev/null; do wait "$2"; set -- "$1" "$2" $?; done
for jobyard_file in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
  test -r "$jobyard_file" && while read -r jobyard_name jobyard_count; do
    test "$jobyard_name" = oom_kill && test "$jobyard_count" != 0 && echo killed >"$1"
  done <"$jobyard_file"
done
exit "$3"
"""


def script(environment: Mapping[str, str]) -> str:
    """Write the script; its arguments are files: the task's command, and where a kill is noted.

    Engines notice one on some machines only, and ask when the kernel has forgotten it.
    """
    plain = {name: each for name, each in environment.items() if _IDENTIFIER.fullmatch(name)}
    odd = [f"{name}={each}" for name, each in environment.items() if name not in plain]
    lines = [f"export {name}={shlex.quote(each)}\n" for name, each in plain.items()]
    before = f"env {shlex.join(odd)} " if odd else ""
    return "".join([*lines, _BODY.format(before=before)])

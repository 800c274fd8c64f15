"""Keep one task: run its command, and write down how it ended.

This file is a program of its own, started as ``python -I -S keeper.py <folder>`` in a session of
its own, so that the task outlives the gateway. It imports little, because one of it runs beside
every task, and starts in half the time without ``json``. In the folder it finds ``spec`` (what
``marshal`` wrote; removed once read: it holds the environment), and leaves there:

- ``keeper.json``: its pid, start time and the machine's boot id. It is linked into place, which
  fails where the gateway has given the task up meanwhile: then nothing is run.
- ``exit``: the exit code, the time and, where there is more to say, why; renamed into place when
  no process of the task is left.

A task in a container has its processes below the engine's, which is asked to signal, to kill and to
remove them.

SIGTERM is passed on to every process of the task, and after the grace comes SIGKILL; SIGUSR1 is
SIGKILL at once, for which the gateway wrote the code and the reason into ``verdict``. Processes
whose parent has ended become the keeper's children, so that none escapes. The keeper itself is in
none of the task's control groups, which it removes at the end.
"""

from __future__ import annotations

import ctypes
import marshal
import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_PR_SET_CHILD_SUBREAPER = 36
_WATCHED = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1}
MEMORY_EXCEEDED = -7122
"""The exit code of a task that used more memory than it asked for."""

_TICKS_FIELD = 19
_PARENT_FIELD = 1
_NOT_RUN = 126
_KILL_SECONDS = 30.0
_KILL_PAUSE = 0.02
_TIDY_SECONDS = 5.0
_ENGINE_SECONDS = 20.0


def stat_fields(pid: int) -> list[bytes]:
    """Give the fields of /proc/<pid>/stat behind the name, which may hold anything."""
    with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - pathlib costs a start 5 ms
        return file.read().rpartition(b")")[2].split()


def start_ticks(pid: int) -> int:
    """Give when a process started, in clock ticks since the machine did."""
    return int(stat_fields(pid)[_TICKS_FIELD])


def boot_id() -> str:
    """Name this run of the machine's kernel."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123
        return file.read().strip()


def claim(folder: str, document: Mapping[str, int | str]) -> bool:
    """Make ``keeper.json``, whole and once; ``False`` where it is there already.

    The texts in the document need no escapes.
    """
    draft = f"{folder}/keeper.{os.getpid()}.draft"
    _write(draft, document)
    try:
        os.link(draft, f"{folder}/keeper.json")
    except FileExistsError:
        return False
    finally:
        os.unlink(draft)  # noqa: PTH108
    return True


def _write(path: str, document: Mapping[str, int | str]) -> None:
    pairs = (
        f'"{name}": "{value}"' if isinstance(value, str) else f'"{name}": {value}'
        for name, value in document.items()
    )
    with open(path, "w", encoding="ascii") as file:  # noqa: PTH123
        file.write("{" + ", ".join(pairs) + "}")
        file.flush()
        os.fsync(file.fileno())


def descendants(root: int) -> list[int]:
    """Give every process below one, parents first."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit():
            try:
                parent = int(stat_fields(int(name))[_PARENT_FIELD])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(name))
    found: list[int] = []
    level = children.get(root, [])
    while level:
        found += level
        level = [child for pid in level for child in children.get(pid, [])]
    return found


def _signal_all(number: int, spared: set[int]) -> None:
    for pid in descendants(os.getpid()):
        if pid in spared:
            continue
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _run_command(
    folder: str, argv: list[str], environment: dict[str, str], cgroups: list[str]
) -> None:
    """Become the task; does not return."""
    try:
        for cgroup in cgroups:
            with open(f"{cgroup}/cgroup.procs", "w", encoding="ascii") as file:  # noqa: PTH123
                file.write("0")
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.setpgid(0, 0)
        os.umask(0o022)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        for descriptor, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(f"{folder}/{name}", flags, 0o600), descriptor)
        os.chdir(f"{folder}/work")
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        os.execve(argv[0], argv, environment)  # noqa: S606 - there is no shell but the task's own
    except (OSError, ValueError) as error:
        os.write(2, f"the command could not be started: {error}\n".encode(errors="replace"))
    finally:
        os._exit(_NOT_RUN)


class Keeper:
    """Wait for the task, its stop, or both.

    A ``wrapped`` task's own processes are those of a sandbox, whose two outermost hold it: they
    are killed, but never asked to end, since all would end with them at once.
    """

    def __init__(
        self, main: int, grace: float, *, wrapped: bool = False, engine: Engine | None = None
    ) -> None:
        self._main = main
        self._grace = grace
        self._engine = engine
        self._wrapped = wrapped
        self._kill_at: float | None = None
        self._main_code: int | None = None
        self._alone = False

    def watch(self) -> int:
        """Give the task's exit code, once no process of it is left."""
        while not self._over():
            self._step()
        self._clear()
        return _NOT_RUN if self._main_code is None else self._main_code

    def _over(self) -> bool:
        if self._kill_at is None:
            return self._main_code is not None
        return self._alone or time.monotonic() >= self._kill_at

    def _step(self) -> None:
        if self._kill_at is None:
            number = signal.sigwaitinfo(_WATCHED).si_signo
        else:
            left = max(0.0, self._kill_at - time.monotonic())
            caught = signal.sigtimedwait(_WATCHED, left)
            number = signal.SIGCHLD if caught is None else caught.si_signo
        if number == signal.SIGUSR1:
            self._kill_at = time.monotonic()
        elif number != signal.SIGCHLD and self._kill_at is None:
            self._kill_at = time.monotonic() + self._grace
            self._ask_to_end()
        self._reap()

    def _ask_to_end(self) -> None:
        if self._engine is None:
            _signal_all(signal.SIGTERM, self._spared())
        elif not self._engine.call("kill", "--signal", "TERM"):
            # It is not there yet: the engine is about to make it.
            os.kill(self._main, signal.SIGTERM)

    def _spared(self) -> set[int]:
        if not self._wrapped:
            return set()
        return {self._main, *descendants(self._main)[:1]}

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self._alone = True
                return
            if pid == 0:
                return
            if pid == self._main:
                self._main_code = _code(status)

    def _clear(self) -> None:
        # New processes may appear between the look and the signal: so again until none is left.
        give_up = time.monotonic() + _KILL_SECONDS
        self._reap()
        if self._engine is not None:
            self._clear_container()
        while not self._alone and time.monotonic() < give_up:
            _signal_all(signal.SIGKILL, set())
            signal.sigtimedwait({signal.SIGCHLD}, _KILL_PAUSE)
            self._reap()

    def _clear_container(self) -> None:
        """Leave the engine the time to tidy up: nobody else does."""
        if self._engine is not None and (self._main_code is None or not self._alone):
            self._engine.call("kill")
        patience = time.monotonic() + _TIDY_SECONDS
        while not self._alone and time.monotonic() < patience:
            signal.sigtimedwait({signal.SIGCHLD}, _KILL_PAUSE)
            self._reap()


class Engine:
    """Speak of one container with the engine whose it is; each call is bounded."""

    def __init__(
        self, folder: str, words: list[str], name: str, environment: dict[str, str]
    ) -> None:
        self._words = words
        self._name = name
        self._environment = environment
        self._output = f"{folder}/engine.out"

    def call(self, *words: str) -> bool:
        """Have something done with the container; tell whether it was."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        argv = [*self._words, *words, self._name]
        pid = os.posix_spawnp(
            argv[0],
            argv,
            self._environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 1, self._output, flags, 0o600),
                (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0),
            ],
            setsigmask=(),
        )
        give_up = time.monotonic() + _ENGINE_SECONDS
        while time.monotonic() < give_up:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return status == 0
            time.sleep(_KILL_PAUSE)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return False

    def judge(self, folder: str, code: int, memory_mb: int) -> tuple[int, str]:
        """Give the exit code of a container that has ended, and why it is no other."""
        started = ""
        if self.call("inspect", "--format", "{{.State.OOMKilled}} {{.State.StartedAt}}"):
            with open(self._output, encoding="utf-8") as file:  # noqa: PTH123
                killed, _, started = file.read().partition(" ")
            if code and (killed == "true" or _size(f"{folder}/memory")):
                return MEMORY_EXCEEDED, f"used {memory_mb:,} MB of {memory_mb:,} MB"
        if not code or (started and not started.startswith("0001-")):
            return code, ""
        return code, f"has no container: {_last_line(f'{folder}/stderr')}"


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except OSError:
        return 0


def _last_line(path: str) -> str:
    """Give the last line of a file, as far as it is plain."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
            lines = file.read().split(b"\n")
    except OSError:
        return "it said nothing"
    said = next((line for line in reversed(lines) if line.strip()), b"it said nothing")
    text = said.decode("ascii", "replace").replace("\ufffd", "?")
    plain = text.replace('"', "'").replace("\\", "/")
    return "".join(each if each.isprintable() else " " for each in plain).strip()[:500]


def _number(path: str, name: str = "") -> int:
    """Give the number in a file of a control group, or behind a name in it; 0 where there is none."""
    try:
        with open(path, encoding="ascii") as file:  # noqa: PTH123
            words = file.read().split()
        return int(words[words.index(name) + 1] if name else words[0])
    except (OSError, ValueError, IndexError):
        return 0


def _out_of_memory(cgroups: list[str], memory_mb: int) -> str:
    """Say how much memory a task used for which the kernel killed some of it, if it did."""
    for cgroup in cgroups:
        events = ("memory.events", "memory.oom_control")
        if any(_number(f"{cgroup}/{name}", "oom_kill") for name in events):
            peaks = ("memory.peak", "memory.max_usage_in_bytes")
            used = max(_number(f"{cgroup}/{name}") for name in peaks) // (1024 * 1024)
            return f"used {max(used, memory_mb):,} MB of {memory_mb:,} MB"
    return ""


def _judge(folder: str, code: int, spec: Mapping[str, object]) -> tuple[int, str]:
    """Give the exit code, and why it is no other."""
    try:
        with open(f"{folder}/verdict", encoding="ascii") as file:  # noqa: PTH123
            number, _, reason = file.read().partition(" ")
        return int(number), reason
    except (OSError, ValueError):
        pass
    cgroups, memory_mb = spec["cgroups"], spec["memory_mb"]
    if code and isinstance(cgroups, list) and isinstance(memory_mb, int):
        reason = _out_of_memory(cgroups, memory_mb)
        if reason:
            return MEMORY_EXCEEDED, reason
    return code, ""


def _remove_all(cgroups: list[str]) -> None:
    for cgroup in cgroups:
        try:
            os.rmdir(cgroup)  # noqa: PTH106
        except OSError:
            continue  # the gateway looks for what is left when it starts


def main(folder: str) -> None:
    """Keep the task of a folder from its start to its end."""
    path = f"{folder}/spec"
    with open(path, "rb") as file:  # noqa: PTH123
        # Nobody but the gateway can write into the folder, and it runs this same Python.
        spec = marshal.load(file)  # noqa: S302
    os.unlink(path)  # noqa: PTH108
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    me = os.getpid()
    if not claim(folder, {"pid": me, "started": start_ticks(me), "boot": boot_id()}):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = os.fork()
    if child == 0:
        _run_command(folder, spec["argv"], spec["environment"], spec["cgroups"])
    engine = None
    if spec["engine"]:
        engine = Engine(folder, spec["engine"], spec["name"], spec["environment"])
    code = Keeper(child, float(spec["grace"]), wrapped=spec["wrapped"], engine=engine).watch()
    code, reason = _judge(folder, code, spec)
    if engine is not None:
        code, reason = engine.judge(folder, code, spec["memory_mb"])
        engine.call("rm", "--force")
    end: dict[str, int | str] = {"code": code, "ended": time.time_ns() // 1_000_000}
    _write(f"{folder}/exit.draft", {**end, "reason": reason} if reason else end)
    _remove_all(spec["cgroups"])
    os.rename(f"{folder}/exit.draft", f"{folder}/exit")  # noqa: PTH104


if __name__ == "__main__":
    main(sys.argv[1])

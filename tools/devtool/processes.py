"""Finding and ending processes without ever meeting a stranger that got the same pid."""

import contextlib
import dataclasses
import os
import re
import signal
import time
from pathlib import Path

from devtool.shell import is_zombie


@dataclasses.dataclass(frozen=True)
class Process:
    """A process and the moment it started, in clock ticks since boot: a pid alone is reused."""

    pid: int
    start_time: int

    def is_running(self) -> bool:
        """True while this very process is there and not a zombie."""
        return start_time_of(self.pid) == self.start_time and not is_zombie(self.pid)

    def send(self, number: int) -> None:
        """Sends a signal; nothing happens when the process has gone."""
        with contextlib.suppress(ProcessLookupError):
            if self.is_running():
                os.kill(self.pid, number)

    def wait_end(self, timeout_s: float) -> bool:
        """Waits until it has ended; False when it has not by then."""
        deadline = time.monotonic() + timeout_s
        while self.is_running():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def end(self, grace_s: float) -> None:
        """SIGTERM, and SIGKILL when that was not enough."""
        self.send(signal.SIGTERM)
        if not self.wait_end(grace_s):
            self.send(signal.SIGKILL)
            self.wait_end(5)


def find(pid: int) -> Process | None:
    """The process that has this pid now, or None."""
    start_time = start_time_of(pid)
    return None if start_time is None else Process(pid, start_time)


def start_time_of(pid: int) -> int | None:
    """When a process started; None when there is no such process."""
    try:
        return stat_field(pid, 22)
    except OSError:
        return None


def from_pid_file(path: Path) -> Process | None:
    """The process a pid file names, or None."""
    try:
        return find(int(path.read_text(encoding="ascii").split()[0]))
    except (OSError, ValueError, IndexError):
        return None


OUR_PROGRAMS = ("pac", "par", "par-prepare", "par-telemetry")


def using(directory: Path) -> dict[Process, str]:
    """Every running process that belongs to a state directory, with its command line.

    A program of ours does when anything about it names the directory; any other process (a worker,
    an installer) when it has something below the directory: its working directory, its program, an
    open file, a path in its command line or environment. What has a terminal is the user's own (a
    shell, a pager) and never counts, nor do we and our ancestors. Processes of other users that we
    may not look into are not seen.
    """
    not_ours = ancestors(os.getpid())
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in not_ours:
            continue
        with contextlib.suppress(OSError):
            process = find(int(entry.name))
            if process and process.is_running() and belongs(entry, str(directory)):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                found[process] = command.decode(errors="replace").strip()
    return found


def stat_field(pid: int | str, number: int) -> int:
    """A numeric field of /proc/<pid>/stat, counted from 1 as proc(5) does; OSError when gone."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return int(stat.rpartition(")")[2].split()[number - 3])


def ancestors(pid: int) -> set[int]:
    """A process, its parent, and so on up to the first."""
    chain = set()
    with contextlib.suppress(OSError):
        while pid > 0 and pid not in chain:
            chain.add(pid)
            pid = stat_field(pid, 4)
    return chain


def belongs(entry: Path, directory: str) -> bool:
    """Whether a folder of /proc is a process of the state directory."""
    if stat_field(entry.name, 7) != 0:  # it has a controlling terminal
        return False
    below = directory + "/"
    named = b"\0".join((entry / name).read_bytes() for name in ("cmdline", "environ"))
    is_ours = Path(os.readlink(entry / "exe")).name.partition(" ")[0] in OUR_PROGRAMS
    end = rb"(?=[/\0\s]|$)" if is_ours else b"/"
    if re.search(re.escape(directory.encode()) + end, named):
        return True
    for link in (entry / "cwd", entry / "exe", *(entry / "fd").iterdir()):
        with contextlib.suppress(OSError):
            target = os.readlink(link)
            if target == directory or target.startswith(below):
                return True
    return False

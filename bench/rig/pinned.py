"""Starting programs on a processor of their own, and ending them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from devtool.pac import wait_until

CORES = sorted(os.sched_getaffinity(0))
PROXY_CORE, LOAD_CORE = CORES[0], CORES[-1]
END_DEADLINE_S = 60  # under valgrind too


def need_two_cores() -> None:
    """SystemExit on a machine where a proxy and its load cannot have a processor each."""
    if PROXY_CORE == LOAD_CORE:
        raise SystemExit("the proxy and its load need a processor each; this machine has one")


def on_core(core: int, argv: Sequence[str | Path]) -> list[str]:
    """The command that runs `argv` on that processor alone."""
    return ["taskset", "-c", str(core), *(str(part) for part in argv)]


def empty_logs(folder: Path) -> None:
    """Empties every log below `folder`: a minute of access lines is a gigabyte."""
    for path in folder.rglob("*.log"):
        os.truncate(path, 0)


class Program:
    """A program that runs as long as a `with` block. What it prints goes to a file."""

    def __init__(
        self,
        argv: Sequence[str | Path],
        *,
        core: int,
        log: Path,
        is_up: Callable[[], bool],
        start_deadline_s: float = 15,
        pass_fds: Sequence[int] = (),
        counts_children: bool = True,
    ) -> None:
        """`counts_children`: whether their time and memory are the program's too."""
        self._argv = on_core(core, argv)
        self._log = log
        self._is_up = is_up
        self._start_deadline_s = start_deadline_s
        self._pass_fds = pass_fds
        self._counts_children = counts_children
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The pid; taskset has become the program."""
        if self._process is None:
            raise RuntimeError(f"{self._argv[3]} has not been started")
        return self._process.pid

    def children(self) -> list[int]:
        """The pids of its children."""
        listed = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(pid) for pid in listed.split()]

    def pids(self) -> list[int]:
        """The processes whose time and memory are the program's."""
        return [self.pid, *self.children()] if self._counts_children else [self.pid]

    def __enter__(self) -> Program:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=self._pass_fds,
            )
        try:
            wait_until(f"{self._argv[3]} is up", self._check, self._start_deadline_s)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=END_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _check(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"{self._argv[3]} ended:\n{self._log.read_text()[-3000:]}")
        return self._is_up()


def listens(where: int | Path) -> bool:
    """Whether somebody accepts connections on a port of 127.0.0.1 or on a Unix socket."""
    is_port = isinstance(where, int)
    with socket.socket(socket.AF_INET if is_port else socket.AF_UNIX) as probe:
        return probe.connect_ex(("127.0.0.1", where) if is_port else str(where)) == 0


def upstream(program: Path, path: Path) -> Program:
    """One of the upstreams of bench/native, listening at `path`."""
    log = path.with_suffix(".log")
    return Program([program, path], core=LOAD_CORE, log=log, is_up=lambda: listens(path))

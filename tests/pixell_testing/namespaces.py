"""Networks and process trees that nobody else is in, for tests as root."""

from __future__ import annotations

import ctypes
import fcntl
import functools
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devtool.pac import wait_until
from devtool.paths import ROOT, program

CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFADDR, IFF_UP = 0x8913, 0x8914, 0x8916, 1
ALL = ["--pid", "--net", "--mount", "--fork", "--mount-proc"]
LIBC = ctypes.CDLL(None, use_errno=True)


@functools.cache
def refusal() -> str:
    """Why this machine gives us no namespaces; empty when it does."""
    if os.geteuid() != 0:
        return "NAMESPACES ARE NOT TESTED: only root can make them"
    tried = subprocess.run(
        ["unshare", *ALL, "true"], capture_output=True, text=True, timeout=30, check=False
    )
    if tried.returncode == 0:
        return ""
    return f"NAMESPACES ARE NOT TESTED: this machine refuses them ({tried.stderr.strip()})"


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Network:
    """A network with nothing but loopback. In its `with` block, this thread is inside: sockets it
    makes and processes it starts belong there and stay there."""

    def __init__(self) -> None:
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            _check(LIBC.unshare(CLONE_NEWNET))
            self._inside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
                name = struct.pack("16sh14x", b"lo", 0)
                flags = struct.unpack_from("16sh", fcntl.ioctl(any_socket, SIOCGIFFLAGS, name))[1]
                fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))
        finally:
            _check(LIBC.setns(before, CLONE_NEWNET))
            os.close(before)
        self._outside: list[int] = []

    @classmethod
    def of(cls, pid: int) -> Network:
        """The network that a process is in."""
        network = cls.__new__(cls)
        network._inside = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        network._outside = []
        return network

    def add_address(self, address: str) -> None:
        """Gives loopback one more address."""
        name = struct.pack("16sH2x4s8x", b"lo:1", socket.AF_INET, socket.inet_aton(address))
        with self, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket, SIOCSIFADDR, name)

    def __enter__(self) -> Network:
        self._outside.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY))
        _check(LIBC.setns(self._inside, CLONE_NEWNET))
        return self

    def __exit__(self, *_: object) -> None:
        outside = self._outside.pop()
        _check(LIBC.setns(outside, CLONE_NEWNET))
        os.close(outside)

    def close(self) -> None:
        """The network ends with its last process and socket."""
        os.close(self._inside)


INTERNET = re.compile(r'sin6?_port=htons\((\d+)\).*?(?:inet_addr\(|AF_INET6, )"([^"]+)"')
FAMILY = re.compile(r"sa_family=(AF_\w+)")


class Recording:
    """Every address that a program and all it starts connect or send to, by strace."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "strace.out"
        calls = "trace=connect,sendto,sendmsg,sendmmsg"
        options = ["-D", "-f", "--seccomp-bpf", "-q", "-e", calls, "-o", str(self._file)]
        #: What the command line of the program begins with; the program keeps its pid.
        self.prefix = ("strace", *options)

    def wait_end(self, pid: int) -> None:
        """Waits until the end of the program is written down, and with it everything before."""
        last = re.compile(rf"^{pid} +\+\+\+ exited with", re.MULTILINE)
        wait_until("strace has written everything", lambda: last.search(self._text()), 30)

    def _text(self) -> str:
        return self._file.read_text(encoding="utf-8", errors="replace")

    def internet(self) -> set[tuple[str, int]]:
        """Address and port of every destination, reached or not, that a packet would go to."""
        return {(address, int(port)) for port, address in INTERNET.findall(self._text())}

    def families(self) -> set[str]:
        """The families of all addresses that were used."""
        return set(FAMILY.findall(self._text()))


def call_grpc(address: str, method: str, message: Mapping[str, Any] | None = None) -> dict:
    """A gRPC call by a process of its own: the threads of gRPC in this one are elsewhere."""
    code = "import json,sys; from devtool import rpc; a,m,r=sys.argv[1:]; "
    code += "print(json.dumps(rpc.call(a, m, json.loads(r), timeout_s=30)))"
    done = subprocess.run(
        [sys.executable, "-B", "-c", code, address, method, json.dumps(message or {})],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tools")},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Bare:
    """`par` as the first process of a tree of its own, in a network of its own, with the given
    variables and no others. Use it inside the `with` block of that network."""

    def __init__(
        self, folder: Path, env: Mapping[str, str], read_only_but: tuple[Path, ...] = ()
    ) -> None:
        """With `read_only_but`, everything but those folders is read-only."""
        self._log_path = folder / "par.log"
        variables = [f"{name}={value}" for name, value in env.items()]
        command = ["unshare", "--pid", "--mount", "--fork", "--mount-proc"]
        if read_only_but:
            command += ["sh", "-ec", f'{read_only_script(read_only_but)}\nexec "$@"', "sh"]
        with open(self._log_path, "wb") as log:
            self._outer = subprocess.Popen(
                [*command, "env", "-i", *variables, str(program("par"))],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until("the namespace has its first process", self._children, 30)
        self.pid = int(self._children()[0])
        self.namespace = os.stat(f"/proc/{self.pid}/ns/pid").st_ino

    def _children(self) -> list[str]:
        outer = self._outer.pid
        return Path(f"/proc/{outer}/task/{outer}/children").read_text(encoding="ascii").split()

    def __enter__(self) -> Bare:
        return self

    def __exit__(self, *_: object) -> None:
        if self._outer.poll() is None:
            # With the first process of a tree, all of it ends.
            os.kill(self.pid, signal.SIGKILL)
        self._outer.wait(30)

    def has_ended(self) -> bool:
        """Whether `par` ended by itself."""
        return self._outer.poll() is not None

    def stop(self) -> int:
        """SIGTERM to `par`, and its exit code."""
        os.kill(self.pid, signal.SIGTERM)
        return self._outer.wait(60)

    def processes(self) -> list[int]:
        """The processes that are in its tree now, by their pids out here."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if os.stat(entry / "ns/pid").st_ino == self.namespace:
                    found.append(int(entry.name))
            except OSError:
                continue  # it has ended meanwhile
        return found

    def log_text(self) -> str:
        """Everything it and the agent printed."""
        return self._log_path.read_text(encoding="utf-8", errors="replace")


def read_only_script(but: tuple[Path, ...]) -> str:
    """Shell lines that make every file system but the kernel's own, and `but`, read-only."""
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    kernel = re.compile(r"/(proc|sys|dev)(/|$)")
    points = [point for point in (line.split()[1] for line in mounts) if not kernel.match(point)]
    lines = [f"mount --bind {path} {path}" for path in but]
    lines += [f"mount -o remount,bind,ro {point}" for point in dict.fromkeys(points)]
    return "\n".join(lines)

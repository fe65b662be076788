"""A tiny stand-in for `par`: starts the real worker on a socket pair and talks frames to it."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

WORKER = Path(__file__).resolve().parents[1] / "pixell_worker" / "__main__.py"
DEADLINE_SECONDS = 20


class ParDouble:
    """One worker process; every read has a deadline."""

    def __init__(self, package: Path, sockets: Path, as_module: bool = False) -> None:
        self.package = package
        self.rest_socket = sockets / "rest.sock"
        self.http_socket = sockets / "http.sock"
        self.grpc_socket = sockets / "grpc.sock"
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.settimeout(DEADLINE_SECONDS)
        self.connection = ours
        env = dict(os.environ, PAR_WORKER_FD=str(theirs.fileno()))
        command = [str(WORKER)]
        if as_module:
            env["PYTHONPATH"] = str(WORKER.parents[1])
            command = ["-m", "pixell_worker"]
        self.process = subprocess.Popen(
            [sys.executable, "-X", "utf8", *command],
            pass_fds=[theirs.fileno()],
            env=env,
            cwd=package,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        theirs.close()

    def send(self, header: dict[str, Any]) -> None:
        """Sends one frame without a body."""
        head = json.dumps(header).encode()
        self.connection.sendall(struct.pack("<II", len(head), 0) + head)

    def receive(self) -> dict[str, Any]:
        """The next frame's header; EOFError when the worker closed."""
        head_size, body_size = struct.unpack("<II", self._exactly(8))
        head = self._exactly(head_size)
        self._exactly(body_size)
        return json.loads(head)

    def load(self, base_path: str = "/", **surfaces: str) -> dict[str, Any]:
        """Asks for surfaces (`rest="m:f"`, `a2a=…`, `http_server=…`); the worker's answer."""
        frame: dict[str, Any] = {
            "t": "load",
            "v": 1,
            "agent": "test-agent",
            "package_root": str(self.package),
            "base_path": base_path,
        }
        if "entrypoint" in surfaces:
            frame["entrypoint"] = surfaces["entrypoint"]
        if "rest" in surfaces:
            frame["rest"] = {"entry": surfaces["rest"], "socket": str(self.rest_socket)}
        if "a2a" in surfaces:
            frame["a2a"] = {"entry": surfaces["a2a"], "grpc_socket": str(self.grpc_socket)}
        if "http_server" in surfaces:
            frame["http_server"] = {
                "entry": surfaces["http_server"],
                "socket": str(self.http_socket),
            }
        self.send(frame)
        answer = self.receive()
        if answer["t"] == "hello":
            self.send({"t": "ready"})
        return answer

    def execute(
        self, x: str, action: str, parameters: dict[str, Any], deadline_ms: int = 0
    ) -> None:
        """Starts a call of a handler; its answer comes from receive()."""
        self.send(
            {
                "t": "execute",
                "x": x,
                "action": action,
                "parameters": parameters,
                "request_id": f"r-{x}",
                "deadline_ms": deadline_ms,
            }
        )

    def http(self, which: str = "rest") -> httpx.Client:
        """A client of the REST (or http_server) socket."""
        path = self.rest_socket if which == "rest" else self.http_socket
        transport = httpx.HTTPTransport(uds=str(path))
        return httpx.Client(transport=transport, base_url="http://agent", timeout=DEADLINE_SECONDS)

    def wait(self) -> int:
        """The exit code, when the worker ends by itself."""
        return self.process.wait(DEADLINE_SECONDS)

    def output(self) -> tuple[str, str]:
        """Everything the worker printed, once it has ended."""
        return self.process.communicate(timeout=DEADLINE_SECONDS)

    def close(self) -> None:
        """Ends the worker whatever it does."""
        self.connection.close()
        self.process.kill()
        self.process.communicate(timeout=DEADLINE_SECONDS)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            chunk = self.connection.recv(size - len(data))
            if not chunk:
                raise EOFError("the worker closed the connection")
            data += chunk
        return data

"""`pac edge` by itself: routes of the test's own, upstreams of the test's own, no control plane."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from devtool.pac import Pac, free_port, request, wait_until
from devtool.paths import program

START_DEADLINE_S = 20
STOP_DEADLINE_S = 45
BACKLOG = 4096


def write_snapshot(path: Path, snapshot: dict) -> None:
    """Writes the routes of an edge with the checksum that it checks (64-bit FNV-1a)."""
    text = json.dumps(snapshot)
    checksum = 0xCBF29CE484222325
    for byte in text.encode():
        checksum = (checksum ^ byte) * 0x100000001B3 % 2**64
    path.write_text(f"pixell-routes 1 {checksum:016x}\n{text}")


def leg(revision: int, address: str, weight: int = 1000, tag: str = "") -> dict[str, Any]:
    """One revision of a route."""
    return {
        "revision": revision,
        "weight_permille": weight,
        "tag": tag,
        "addresses": [address],
    }


class RoutedEdge:
    """One edge on a port of its own, with the routes it is given. Use it in a `with` block."""

    def __init__(self, folder: Path, routes: Sequence[Mapping[str, Any]], *options: str) -> None:
        """`routes` are those of a snapshot; `options` come after our own."""
        (folder / "edge").mkdir(parents=True, exist_ok=True)
        write_snapshot(folder / "edge" / "routes", {"generation": 1, "routes": routes})
        self._agents = {route["app_id"] for route in routes}
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        self._listener.setblocking(False)  # as `pac serve` hands it down
        self.port = self._listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.address}"
        self._log_path = folder / "edge.log"
        fd = self._listener.fileno()
        command = [program("pac"), "edge", "--state", folder, "--listen-fd", fd]
        with open(self._log_path, "wb") as log:
            self.process = subprocess.Popen(
                [str(part) for part in [*command, *options]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=Pac.environment(),
                pass_fds=(fd,),
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        wait_until("the edge serves its routes", self._is_ready, START_DEADLINE_S)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._listener.close()

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.log_text()
        try:
            agents = request(self.url, "GET", "/agents", timeout_s=2).json()["agents"]
        except OSError:
            return False
        return {agent["id"] for agent in agents} == self._agents

    def log_text(self) -> str:
        """Everything it printed."""
        return self._log_path.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> int:
        """SIGTERM, and the exit code once it has drained."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_DEADLINE_S)


class Edge(RoutedEdge):
    """An edge that sends /agents/{app} to the address given for it."""

    def __init__(
        self,
        folder: Path,
        agents: Mapping[str, str],
        *options: str,
        routing: Mapping[str, dict] | None = None,
    ) -> None:
        """An address is `unix:/path` or `127.0.0.1:port`, or empty for an app without revisions;
        `options` come after our own; `routing` are settings by app."""
        settings = routing or {}
        routes = [
            {"app_id": app, "short_id": "", "legs": [leg(1, address)] * bool(address)}
            | ({"routing": settings[app]} if app in settings else {})
            for app, address in agents.items()
        ]
        super().__init__(folder, routes, *options)


class HelloEdge(RoutedEdge):
    """An edge that serves one app, `hello`, with legs and settings."""

    def __init__(self, folder: Path, legs: list[dict], routing: dict, *options: str) -> None:
        route = {"app_id": "hello", "short_id": "", "legs": legs, "routing": routing}
        super().__init__(folder, [route], *options)

    def explain(self) -> dict[str, Any]:
        """What it says of the app, with what it counted."""
        return request(self.url, "GET", "/v1/edge/explain?url=/agents/hello/").json()


class RemoteEdge:
    """An edge by itself whose control is elsewhere. Use it in a `with` block."""

    def __init__(
        self, folder: Path, *options: str | Path, env: Mapping[str, str] | None = None
    ) -> None:
        """`options` say which control; `env` comes on top of ours."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._options = options
        self._env = env or {}
        self._log_path = folder / "edge.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        """Starts it, again when it has ended; it may not serve yet."""
        command = [program("pac"), "edge", "--state", self._folder / "state"]
        command += ["--listen", f"127.0.0.1:{self.port}", *self._options]
        with open(self._log_path, "ab") as log:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**Pac.environment(), **self._env},
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM, and the exit code once it has drained."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_DEADLINE_S)

    def is_listening(self) -> bool:
        """Whether anybody can connect."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except OSError:
            return False
        return True

    def serves(self, app: str) -> bool:
        """Whether it has routes to the app."""
        assert self.process.poll() is None, self.log_text()
        try:
            agents = request(self.url, "GET", "/agents", timeout_s=2).json()["agents"]
        except OSError:
            return False
        return app in {agent["id"] for agent in agents}

    def log_text(self) -> str:
        """Everything it printed."""
        return self._log_path.read_text(encoding="utf-8", errors="replace")

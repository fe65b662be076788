"""`pac edge` by itself: routes of the test's own, upstreams of the test's own, no control plane."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from devtool.pac import Pac, request, wait_until
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


class Edge:
    """One edge on a port of its own that sends /agents/{app} to the address given for it."""

    def __init__(
        self,
        folder: Path,
        agents: Mapping[str, str],
        *options: str,
        routing: Mapping[str, dict] | None = None,
    ) -> None:
        """An address is `unix:/path` or `127.0.0.1:port`, or empty for an app without revisions;
        `options` come after our own; `routing` are settings by app."""
        routes = folder / "edge"
        routes.mkdir(parents=True, exist_ok=True)
        legs = [
            (app, [{"revision": 1, "weight_permille": 1000, "addresses": [address]}] * bool(address))
            for app, address in agents.items()
        ]
        settings = routing or {}
        snapshot = [
            {"app_id": app, "short_id": "", "legs": leg}
            | ({"routing": settings[app]} if app in settings else {})
            for app, leg in legs
        ]
        write_snapshot(routes / "routes", {"generation": 1, "routes": snapshot})
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
        self._agents = set(agents)

    def __enter__(self) -> Edge:
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

"""A control plane that only routes: an edge that is measured by itself pulls its routes from it."""

from __future__ import annotations

import http.server
import json
import socketserver
import threading
import time
import urllib.parse
from pathlib import Path
from typing import Any

POLL_DEADLINE_S = 30


def route(app: str, address: str, *, short_id: str = "") -> dict[str, Any]:
    """An app with one revision at one address, in the form of src/model/routes.cpp."""
    leg = {"revision": 1, "weight_permille": 1000, "tag": "", "addresses": [address]}
    return {"app_id": app, "short_id": short_id or f"short-{app}", "legs": [leg]}


class RoutesOnly:
    """Answers the long-polls for routes and takes the measurements. Use it in a `with` block."""

    def __init__(self, socket: Path, routes: list[dict[str, Any]]) -> None:
        self._changed = threading.Condition()
        self._is_over = False
        self._generation = 0
        self._snapshot = b""
        self._acknowledged = 0
        self._since = int(time.time() * 1000)
        self.publish(routes)
        self._server = Server(str(socket), self)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> RoutesOnly:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def publish(self, routes: list[dict[str, Any]]) -> int:
        """Puts these routes in the place of the former ones; returns their generation."""
        with self._changed:
            self._generation += 1
            document = {"generation": self._generation, "routes": routes}
            self._snapshot = json.dumps(document).encode()
            self._changed.notify_all()
            return self._generation

    def wait_applied(self, generation: int, timeout_s: float = 20) -> None:
        """Waits until the edge has asked for what comes after `generation`."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._acknowledged >= generation, timeout_s):
                raise RuntimeError(f"the edge did not apply generation {generation}")

    def next(self, after: int, timeout_s: float) -> bytes | None:
        """The snapshot once it is newer than `after`, else None."""
        with self._changed:
            self._acknowledged = max(self._acknowledged, after)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._is_over or self._generation > after, timeout_s)
            return self._snapshot if self._generation > after else None

    def since(self) -> bytes:
        """The answer to measurements."""
        return json.dumps({"listening_since": self._since}).encode()


class Server(socketserver.ThreadingUnixStreamServer):
    """HTTP on a Unix socket."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, path: str, routes: RoutesOnly) -> None:
        self.routes = routes
        super().__init__(path, Handler)

    def handle_error(self, *_: object) -> None:
        """An edge that stops breaks off its long-poll; what else goes wrong shows at the edge."""


class Handler(http.server.BaseHTTPRequestHandler):
    """The two requests that an edge makes of control by itself."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        """GET /internal/routes?after=N&timeout_ms=T."""
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        timeout_s = min(int(query["timeout_ms"][0]) / 1000, POLL_DEADLINE_S)
        snapshot = self.server.routes.next(int(query["after"][0]), timeout_s)
        self._answer(204 if snapshot is None else 200, snapshot or b"")

    def do_POST(self) -> None:
        """POST /internal/edges/{edge}/measurements."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200, self.server.routes.since())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        """Who asks; a Unix socket has no address."""
        return "edge"

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""

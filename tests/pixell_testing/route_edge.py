"""`pac edge` by itself, with routes and upstreams of the test's own and no control plane."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from devtool.pac import Pac, request, wait_until
from devtool.paths import program

from .edge import write_snapshot

START_DEADLINE_S = 20


def leg(revision: int, address: str, weight: int = 1000, tag: str = "") -> dict[str, Any]:
    """One revision of a route."""
    return {
        "revision": revision,
        "weight_permille": weight,
        "tag": tag,
        "addresses": [address],
    }


class RouteEdge:
    """An edge on a port of its own that serves one app, `hello`."""

    def __init__(self, folder: Path, legs: list[dict], routing: dict, *options: str) -> None:
        routes = folder / "edge"
        routes.mkdir(parents=True, exist_ok=True)
        route = {"app_id": "hello", "short_id": "", "legs": legs, "routing": routing}
        write_snapshot(routes / "routes", {"generation": 1, "routes": [route]})
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._listener.setblocking(False)  # as `pac serve` hands it down
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._log_path = folder / "edge.log"
        fd = self._listener.fileno()
        command = [program("pac"), "edge", "--state", folder, "--listen-fd", fd, *options]
        with open(self._log_path, "wb") as log:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=Pac.environment(),
                pass_fds=(fd,),
                start_new_session=True,
            )

    def __enter__(self) -> RouteEdge:
        wait_until("the edge serves its routes", self._is_ready, START_DEADLINE_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._listener.close()

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, self.log_text()
        try:
            return bool(request(self.url, "GET", "/agents", timeout_s=2).json()["agents"])
        except OSError:
            return False

    def log_text(self) -> str:
        """Everything it printed."""
        return self._log_path.read_text(encoding="utf-8", errors="replace")

    def explain(self) -> dict[str, Any]:
        """What it says of the app, with what it counted."""
        return request(self.url, "GET", "/v1/edge/explain?url=/agents/hello/").json()


class Upstream:
    """An HTTP server in a thread that remembers its requests and answers as it is told."""

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self) -> None:
                """Takes a request with a length, and leaves one without to the answer."""
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                fields = {name.lower(): value for name, value in self.headers.items()}
                seen.append((f"{self.command} {self.path}", fields, body))
                answer(self)

            do_GET = do_POST = serve  # noqa: N815 (the names are http.server's)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Upstream:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def reply(handler: BaseHTTPRequestHandler, body: bytes = b"ok", status: int = 200) -> None:
    """A whole answer."""
    handler.send_response(status)
    handler.send_header("content-type", "text/plain")
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)

"""A host of packages behind https, with a certificate of its own, that answers as it is told."""

from __future__ import annotations

import http.server
import ssl
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

Answer = Callable[["Request"], None]


class Request(http.server.BaseHTTPRequestHandler):
    """One request; the answer of its path is called with it."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        """Answers by path, 404 when there is none."""
        self.server.host.asked.append(self.path)
        answer = self.server.host.answers.get(self.path.partition("?")[0])
        if answer is None:
            self.reply(404)
        else:
            answer(self)

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        """A whole answer; header names have _ for -."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: `asked` tells."""


class _Server(http.server.ThreadingHTTPServer):
    host: PackageHost
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients that go away are what some tests are about."""


class PackageHost:
    """https://localhost:<port>, until the end of the `with` block."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate = folder / "host.pem"
        key = folder / "host.key"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        files = ["-keyout", str(key), "-out", str(self.certificate)]
        subprocess.run([*command, *names, *files], check=True, capture_output=True, timeout=60)
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self._server = _Server(("127.0.0.1", 0), Request)
        self._server.host = self
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://localhost:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> PackageHost:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def serve(self, path: str, *answers: Answer) -> str:
        """Gives a path its answers, the last one for ever; the path's URL."""
        left = list(answers)

        def next_answer(request: Request) -> None:
            (left.pop(0) if len(left) > 1 else left[0])(request)

        self.answers[path] = next_answer
        return self.url + path

    def environment(self, url: str) -> dict[str, str]:
        """What lets `par` fetch a URL of this host: it is neither public nor known."""
        return {
            "PACKAGE_URL": url,
            "PACKAGE_URL_ALLOW_HOSTS": "localhost,127.0.0.1",
            "SSL_CERT_FILE": str(self.certificate),
        }


def package(content: bytes) -> Answer:
    """200 with a body."""
    return lambda request: request.reply(200, content)


def status(code: int, **headers: str) -> Answer:
    """A status and no body."""
    return lambda request: request.reply(code, **headers)


def cut_off(content: bytes) -> Answer:
    """Half of a body, then the end of the connection."""

    def answer(request: Request) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content[: len(content) // 2])
        request.close_connection = True

    return answer


def endless() -> Answer:
    """A body without a length that does not end by itself."""

    def answer(request: Request) -> None:
        request.send_response(200)
        request.send_header("Connection", "close")
        request.end_headers()
        request.close_connection = True
        # Far above every limit of the tests; the client is expected to leave.
        for _ in range(64):
            request.wfile.write(b"\0" * 1024 * 1024)

    return answer

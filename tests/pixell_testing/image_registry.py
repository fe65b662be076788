"""An image registry behind a door like ECR's: Debian's docker-registry, for whoever has the token."""

from __future__ import annotations

import base64
import http.client
import http.server
import json
import subprocess
import threading
from pathlib import Path

from devtool.pac import free_port, wait_until

TOKEN = "ecr-" + "t0ken" * 40
CHUNK_BYTES = 64 * 1024
START_DEADLINE_S = 30
STOP_DEADLINE_S = 10
# Of one connection; the next one has its own.
NOT_PASSED_ON = ("connection", "host", "transfer-encoding", "content-length", "authorization")

CONFIG = """\
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "127.0.0.1:{port}", relativeurls: true}}
log: {{level: warn, accesslog: {{disabled: true}}}}
"""


class _Door(http.server.BaseHTTPRequestHandler):
    """Passes a request on when it has the token."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def answer(self) -> None:
        expected = base64.b64encode(f"AWS:{TOKEN}".encode()).decode()
        body = self._body()
        if self.headers.get("Authorization") != f"Basic {expected}":
            self.server.refused += 1
            self._reply(401, [("WWW-Authenticate", 'Basic realm="ecr"')], b"")
            return
        onward = http.client.HTTPConnection("127.0.0.1", self.server.onward, timeout=60)
        onward.putrequest(self.command, self.path, skip_accept_encoding=True)
        for name, value in self.headers.items():  # one by one: clients send several Accept
            if name.lower() not in NOT_PASSED_ON:
                onward.putheader(name, value)
        onward.putheader("Content-Length", str(len(body)))
        onward.endheaders(body)
        reply = onward.getresponse()
        content = reply.read()
        length = reply.headers.get("Content-Length", str(len(content)))
        kept = [(k, v) for k, v in reply.getheaders() if k.lower() not in NOT_PASSED_ON]
        self._reply(reply.status, kept, content, length)
        onward.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def _reply(
        self, status: int, headers: list[tuple[str, str]], body: bytes, length: str = ""
    ) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    onward = 0
    refused = 0


class ImageRegistry:
    """Started on construction; `address` is what images are named by."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        folder.mkdir(parents=True)
        config = folder / "config.yml"
        config.write_text(CONFIG.format(folder=folder / "data", port=port), encoding="ascii")
        self._log = open(folder / "registry.log", "wb")  # noqa: SIM115 - closed with the registry
        self._child = subprocess.Popen(
            ["docker-registry", "serve", str(config)], stdout=self._log, stderr=self._log
        )
        self._door = _Server(("127.0.0.1", 0), _Door)
        self._door.onward = port
        threading.Thread(target=self._door.serve_forever, daemon=True).start()
        self.address = f"127.0.0.1:{self._door.server_address[1]}"
        wait_until("the registry answers", self._answers, START_DEADLINE_S)

    def manifest(self, repository: str, tag: str) -> tuple[dict, str]:
        """What was pushed, and its digest."""
        connection = http.client.HTTPConnection("127.0.0.1", self._door.onward, timeout=10)
        accept = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
        connection.request("GET", f"/v2/{repository}/manifests/{tag}", headers=accept)
        reply = connection.getresponse()
        content = reply.read()
        assert reply.status == 200, content
        return json.loads(content), reply.headers["Docker-Content-Digest"]

    @property
    def refused(self) -> int:
        """Requests that came without the token."""
        return self._door.refused

    def close(self) -> None:
        """Ends it."""
        self._door.shutdown()
        self._door.server_close()
        self._child.terminate()
        self._child.wait(STOP_DEADLINE_S)
        self._log.close()

    def _answers(self) -> bool:
        assert self._child.poll() is None, "docker-registry does not start"
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self._door.onward, timeout=2)
            connection.request("GET", "/v2/")
            return connection.getresponse().status == 200
        except OSError:
            return False

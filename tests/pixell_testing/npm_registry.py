"""A registry of npm on this machine."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import json
import tarfile
import threading


class Registry:
    """A registry of npm with one package, which counts what it is asked for."""

    def __init__(self) -> None:
        files = {
            "package/package.json": '{"name":"tiny-greeting","version":"1.0.0","main":"index.js"}',
            "package/index.js": "module.exports = () => 'from the registry';",
        }
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, text in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(text)
                archive.addfile(entry, io.BytesIO(text.encode()))
        self.tarball = buffer.getvalue()
        digest = hashlib.sha512(self.tarball).digest()
        self.integrity = "sha512-" + base64.b64encode(digest).decode()
        self.downloads = 0
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = registry.answer(self.path)
                self.send_response(200 if body else 404)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """The test's output is not for this."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, path: str) -> bytes:
        """The bytes of a path; empty = 404."""
        if path == "/tiny-greeting/-/tiny-greeting-1.0.0.tgz":
            self.downloads += 1
            return self.tarball
        if path != "/tiny-greeting":
            return b""
        dist = {"tarball": self.tarball_url, "integrity": self.integrity}
        version = {"name": "tiny-greeting", "version": "1.0.0", "dist": dist}
        tags = {"latest": "1.0.0"}
        packument = {"name": "tiny-greeting", "dist-tags": tags, "versions": {"1.0.0": version}}
        return json.dumps(packument).encode()

    @property
    def tarball_url(self) -> str:
        """Where the one package is."""
        return f"{self.url}/tiny-greeting/-/tiny-greeting-1.0.0.tgz"

    def lock(self, integrity: str = "") -> str:
        """A package-lock.json for tests/agents/node_dependency."""
        pinned = {
            "version": "1.0.0",
            "resolved": self.tarball_url,
            "integrity": integrity or self.integrity,
        }
        root = {
            "name": "node-dependency",
            "version": "1.0.0",
            "dependencies": {"tiny-greeting": "1.0.0"},
        }
        packages = {"": root, "node_modules/tiny-greeting": pinned}
        return json.dumps({"name": "node-dependency", "lockfileVersion": 3, "packages": packages})

    def close(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()

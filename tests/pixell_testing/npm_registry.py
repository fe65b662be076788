"""A registry of npm on this machine."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import json
import tarfile
import threading
from collections.abc import Callable

NAME = "tiny-greeting"


def tarball(version: str) -> bytes:
    """The archive of a version."""
    files = {
        "package/package.json": json.dumps({"name": NAME, "version": version, "main": "index.js"}),
        "package/index.js": "module.exports = () => 'from the registry';",
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


def integrity_of(content: bytes) -> str:
    """What a lock says about an archive."""
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


class Registry:
    """A registry of npm with one package, which counts what it is asked for."""

    def __init__(self) -> None:
        self.versions: dict[str, bytes] = {}
        self.publish("1.0.0")
        self.downloads = 0
        self.credentials = ""  # "user:password" that it asks for
        self.on_request: Callable[[], None] | None = None
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if registry.on_request:
                    registry.on_request()
                wanted = "Basic " + base64.b64encode(registry.credentials.encode()).decode()
                is_known = not registry.credentials or self.headers.get("authorization") == wanted
                body = registry.answer(self.path) if is_known else b""
                self.send_response(200 if body else 404 if is_known else 401)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """The test's output is not for this."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def publish(self, version: str) -> None:
        """Adds a version, which is the latest from now on."""
        self.versions[version] = tarball(version)

    def answer(self, path: str) -> bytes:
        """The bytes of a path; empty = 404."""
        version = path.removeprefix(f"/{NAME}/-/{NAME}-").removesuffix(".tgz")
        if version in self.versions:
            self.downloads += 1
            return self.versions[version]
        if path != f"/{NAME}":
            return b""
        versions = {
            version: {
                "name": NAME,
                "version": version,
                "dist": {"tarball": self.url_of(version), "integrity": integrity_of(content)},
            }
            for version, content in self.versions.items()
        }
        tags = {"latest": list(versions)[-1]}
        return json.dumps({"name": NAME, "dist-tags": tags, "versions": versions}).encode()

    def url_of(self, version: str) -> str:
        """Where a version is."""
        return f"{self.url}/{NAME}/-/{NAME}-{version}.tgz"

    def lock(self, integrity: str = "") -> str:
        """A package-lock.json for tests/agents/node_dependency."""
        pinned = {
            "version": "1.0.0",
            "resolved": self.url_of("1.0.0"),
            "integrity": integrity or integrity_of(self.versions["1.0.0"]),
        }
        root = {
            "name": "node-dependency",
            "version": "1.0.0",
            "dependencies": {NAME: "1.0.0"},
        }
        packages = {"": root, f"node_modules/{NAME}": pinned}
        return json.dumps({"name": "node-dependency", "lockfileVersion": 3, "packages": packages})

    def close(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()

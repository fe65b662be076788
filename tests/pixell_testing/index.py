"""A package index of the test's own, wheels made on the spot, and `par-prepare` by itself."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import subprocess
import threading
import time
import zipfile
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from devtool.paths import ROOT, program
from pixell_testing.packages import from_files
from pixell_testing.stack import clean_environment

HOLD_DEADLINE_S = 60
BASE_LOCK = ROOT / "workers" / "python" / "base_requirements.lock"
MANIFEST = 'name: made-up\nversion: "1.0"\nrest:\n  entry: routes:mount\n'


def wheel(name: str, version: str, requires: tuple[str, ...] = (), module: str = "") -> bytes:
    """A pure wheel with one module, which has VERSION unless it is given."""
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
    files = {
        f"{name}.py": module or f"VERSION = '{version}'\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    buffer = io.BytesIO()
    record = ""
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
            record += f"{path},sha256={digest.decode()},{len(text)}\n"
        archive.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return buffer.getvalue()


class Index:
    """A simple index (PEP 503) on loopback. It counts requests, may be slow, may ask a password."""

    def __init__(self) -> None:
        self.wheels: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.delay_s = 0.0
        self.hold: threading.Event | None = None  # answers nothing before it is set
        self.credentials = ""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()

    def add(self, name: str, version: str, *requires: str) -> bytes:
        """Publishes a wheel."""
        content = wheel(name, version, requires)
        self.wheels[f"{name}-{version}-py3-none-any.whl"] = content
        return content

    @property
    def url(self) -> str:
        """What PIP_INDEX_URL is set to."""
        user = f"{self.credentials}@" if self.credentials else ""
        return f"http://{user}127.0.0.1:{self._server.server_port}/simple"

    def _answer(self, path: str) -> tuple[int, bytes]:
        parts = path.strip("/").split("/")
        if parts[0] == "files":
            content = self.wheels.get(parts[-1])
            return (200, content) if content is not None else (404, b"")
        links = "".join(
            f'<a href="/files/{file}#sha256={hashlib.sha256(content).hexdigest()}">{file}</a>'
            for file, content in self.wheels.items()
            if file.split("-")[0].replace("_", "-") == parts[-1]
        )
        return (200, f"<!DOCTYPE html><body>{links}</body>".encode()) if links else (404, b"")

    def _handler(index) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                index.requests.append(self.path)
                time.sleep(index.delay_s)
                if index.hold is not None:
                    index.hold.wait(HOLD_DEADLINE_S)
                given = self.headers.get("Authorization", "")
                wanted = base64.b64encode(index.credentials.encode()).decode()
                status, body = 401, b""
                if not index.credentials or given == f"Basic {wanted}":
                    status, body = index._answer(self.path)
                self.send_response(status)
                if status == 401:
                    self.send_header("WWW-Authenticate", "Basic")
                is_wheel = self.path.endswith(".whl")
                self.send_header("Content-Type", "binary/wheel" if is_wheel else "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Silent."""

        return Handler


class Preparing:
    """One run of `par-prepare`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.text = ""

    def lines(self) -> list[dict[str, Any]]:
        """Everything it answered, once it has ended."""
        if not self.text:
            out, err = self._process.communicate(timeout=180)
            assert self._process.returncode == 0, err
            self.text = out.decode() + err.decode()
        return [json.loads(line) for line in self.text.splitlines() if line.startswith("{")]

    @property
    def result(self) -> dict[str, Any]:
        """The answer; only what was removed from the store may be told after it."""
        lines = self.lines()
        [at] = [number for number, line in enumerate(lines) if "ok" in line]
        assert {line["event"] for line in lines[at + 1 :]} <= {"Removed an environment"}
        return lines[at]

    @property
    def events(self) -> list[str]:
        """The events it logged."""
        return [line["event"] for line in self.lines() if "event" in line]

    @property
    def lock(self) -> list[str]:
        """name==version of what was installed."""
        assert self.result["ok"], self.result
        return [line.split(" ")[0] for line in self.lock_lines]

    @property
    def lock_lines(self) -> list[str]:
        """The lines of the lock it names."""
        return Path(self.result["lock_file"]).read_text().splitlines()

    @property
    def cause(self) -> str:
        """Why it failed."""
        assert not self.result["ok"], self.result
        return self.result["failure"]["cause"]

    def run(self, code: str) -> str:
        """What the prepared interpreter prints."""
        done = subprocess.run(
            [self.result["venv_python"], "-c", code], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


class Prepare:
    """Starts `par-prepare` on packages, with a store of its own and no base packages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "store"
        self._runs = 0
        (folder / "base.in").write_text("")
        (folder / "base.lock").write_text("")

    def start(
        self, package: Path | None, *options: str, env: Mapping[str, str] | None = None, **spec: Any
    ) -> Preparing:
        """Starts it; `spec` members come on top."""
        self._runs += 1
        work = self.folder / f"work-{self._runs}"
        work.mkdir()
        given = {
            "package_path": str(package or ""),
            "work_dir": str(work),
            "env_store": str(self.store),
            "base_lock": str(self.folder / "base.lock"),
            "install_timeout_s": 60,
            **spec,
        }
        process = subprocess.Popen(
            [str(program("par-prepare")), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**clean_environment(), **(env or {})},
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(given).encode())
        process.stdin.close()
        process.stdin = None
        return Preparing(process)

    def environments(self) -> list[Path]:
        """The complete environments."""
        if not self.store.is_dir():
            return []
        return sorted(each for each in self.store.iterdir() if len(each.name) == 64)

    def leases(self, environment: Path) -> list[Path]:
        """The leases on an environment."""
        return sorted((self.store / ".leases" / environment.name).iterdir())

    def end_leases(self, environment: Path) -> None:
        """As if everybody who uses it had ended: all leases are of this process, which lives."""
        for lease in self.leases(environment):
            lease.unlink()

    def unfinished(self) -> list[Path]:
        """What a failed or running install has in the store."""
        return sorted(self.store.glob(".building-*"))


def set_age(path: Path, days: float) -> None:
    """Makes a file look last used so many days ago."""
    then = time.time() - days * 86_400
    os.utime(path, (then, then), follow_symlinks=False)


def warm(store: Path) -> None:
    """Puts the base environment into a store, as the image has it. Uses the real index."""
    spec = {"env_store": str(store), "base_lock": str(BASE_LOCK), "install_timeout_s": 280}
    done = subprocess.run(
        [str(program("par-prepare")), "--warm"],
        input=json.dumps(spec).encode(),
        capture_output=True,
        env=clean_environment(),
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["ok"], done.stdout


def package(folder: Path, **files: str) -> Path:
    """A package with these files; `__` stands for a dot in their names."""
    named = {name.replace("__", "."): text for name, text in files.items()}
    path = folder / f"agent-{len(list(folder.glob('agent-*')))}.apkg"
    path.write_bytes(from_files({"agent.yaml": MANIFEST, "routes.py": "", **named}))
    return path

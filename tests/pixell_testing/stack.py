"""The programs under test: `pac serve` as a platform, and `par` by itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devtool.pac import Pac, Reply, free_port, request, wait_until
from devtool.paths import build_dir, program
from devtool.shell import Failure

READY_DEADLINE_S = 120
EXIT_DEADLINE_S = 120


def use_given_programs() -> None:
    """$PIXELL_BIN names the folder of the programs; else the release build, else the dev build."""
    given = os.environ.get("PIXELL_BIN") or os.environ.get("PIXELL_BIN_DIR")
    if not given:
        built = [build_dir(preset) / "bin" for preset in ("release", "dev")]
        given = str(next((folder for folder in built if (folder / "pac").exists()), built[0]))
    # Programs are started in other folders.
    os.environ["PIXELL_BIN_DIR"] = os.path.abspath(given)


def put(pac: Pac, name: str, content: bytes) -> Path:
    """Writes a package where `pac` may read it by file://."""
    pac.inbox.mkdir(parents=True, exist_ok=True)
    path = pac.inbox / name
    path.write_bytes(content)
    return path


def upload(pac: Pac, app: str, content: bytes, version: str = "1.0.0", **fields: str) -> Reply:
    """The CLI's multipart request, made by hand."""
    boundary = "-------------pixell-test"
    parts = []
    for name, value in {"version": version, **fields}.items():
        head = f'Content-Disposition: form-data; name="{name}"'
        parts.append(f"--{boundary}\r\n{head}\r\n\r\n{value}\r\n".encode())
    head = 'Content-Disposition: form-data; name="file"; filename="agent.apkg"'
    parts.append(
        f"--{boundary}\r\n{head}\r\nContent-Type: application/octet-stream\r\n\r\n".encode()
        + content
        + b"\r\n"
    )
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Authorization": "Bearer any",
    }
    path = f"/api/agent-apps/{app}/packages/deploy"
    return request(pac.url, "POST", path, body=body, headers=headers, timeout_s=60)


class Par:
    """One `par` with ports of its own and a log file that is JSON line by line."""

    def __init__(
        self,
        folder: Path,
        package: Path | None,
        arguments: tuple[str, ...] = (),
        env: Mapping[str, str | None] | None = None,
        base_path: str = "",
        prefix: tuple[str, ...] = (),
    ) -> None:
        """`package` is run by AGENT_PACKAGE_PATH; `env` comes on top, None removes a variable.

        `prefix` is a command that becomes `par`."""
        ports = {name: free_port() for name in ("REST_PORT", "A2A_PORT", "UI_PORT")}
        self.url = f"http://127.0.0.1:{ports['REST_PORT']}"
        self.a2a_address = f"127.0.0.1:{ports['A2A_PORT']}"
        self.base = base_path
        folder.mkdir(parents=True, exist_ok=True)
        self._log_path = folder / "par.log"
        settings: dict[str, str | None] = {
            "AGENT_APP_ID": "test-agent",
            "LISTEN_ADDR": "127.0.0.1",
            **{name: str(port) for name, port in ports.items()},
        }
        if package is not None:
            settings["AGENT_PACKAGE_PATH"] = str(package)
        if base_path:
            settings["BASE_PATH"] = base_path
        settings.update(env or {})
        given = {name: value for name, value in settings.items() if value is not None}
        with open(self._log_path, "wb") as log:
            self.process = subprocess.Popen(
                [*prefix, str(program("par")), *arguments],
                env={**clean_environment(), **given},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Par:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            # Its own session: everything it started goes with it.
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def get(self, path: str, **options: Any) -> Reply:
        """GET at the REST port."""
        return request(self.url, "GET", path, **options)

    def wait_ready(self) -> Par:
        """Waits until /health is 200. Failure with the log's end when par has ended."""

        def is_ready() -> bool:
            if self.process.poll() is not None:
                raise Failure(f"par ended with {self.process.returncode}:\n{self.log_text()}")
            return self.status_of("/health") == 200

        wait_until("par is ready", is_ready, READY_DEADLINE_S)
        return self

    def status_of(self, path: str) -> int | None:
        """The status of a GET, None when nobody listens."""
        try:
            return self.get(path, timeout_s=5).status
        except OSError:
            return None

    def wait_exit(self) -> int:
        """The exit code, when it ends by itself."""
        return self.process.wait(EXIT_DEADLINE_S)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait_exit()

    def log_text(self) -> str:
        """Everything it and the agent printed."""
        return self._log_path.read_text(encoding="utf-8", errors="replace")

    def log(self) -> list[dict[str, Any]]:
        """The lines of its log that are JSON objects."""
        lines = []
        for line in self.log_text().splitlines():
            if line.startswith("{"):
                lines.append(json.loads(line))
        return lines

    def events(self) -> list[str]:
        """The `event` of each line."""
        return [line.get("event", "") for line in self.log()]


def clean_environment() -> dict[str, str]:
    """Ours without anything that par itself would read, with the installer on PATH."""
    ours = Pac.environment()
    kept = {"PATH", "HOME", "LANG", "SSL_CERT_FILE", "TMPDIR", "ENV_STORE_DIR", "PIXELL_SHARE"}
    prefixes = ("PIP_", "UV_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    return {
        name: value
        for name, value in ours.items()
        if name in kept or name.upper().startswith(prefixes)
    }


def last_log_line(par: Par) -> dict[str, Any]:
    """The last line of par's output, which must be JSON."""
    return json.loads(par.log_text().strip().splitlines()[-1])

"""What the AWS tests share: the probe that drives Pixell's clients, and an emulated AWS (moto)."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from devtool.pac import free_port, wait_until
from devtool.paths import DEV_DIR, program
from devtool.shell import Failure

REGION = "us-east-2"
ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
HOP_BY_HOP = {"connection", "transfer-encoding", "date", "server"}
SUITE = "@aws-sdk/signature-v4@3.20.0"


def probe(asked: Iterable[Mapping[str, Any]], env: Mapping[str, str] | None = None) -> list[dict]:
    """The answers of `aws-probe`, one for each request; `env` is all of its environment."""
    lines = "".join(json.dumps(line) + "\n" for line in asked)
    done = subprocess.run(
        [program("aws-probe")],
        input=lines.encode(),
        stdout=subprocess.PIPE,
        env=dict(env or {}),
        timeout=300,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


class Probe:
    """An `aws-probe` that is asked one thing after the other; `env` is all of its environment."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [program("aws-probe")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(env)
        )

    def ask(self, **asked: Any) -> dict[str, Any]:
        """The answer to one request."""
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """Ends it."""
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


def signature_suite() -> dict[str, Any]:
    """AWS's own signing vectors, as their JavaScript SDK publishes them; fetched once a checkout."""
    folder = DEV_DIR / "aws-signature-suite"
    fixture = folder / "package" / "dist" / "cjs" / "suite.fixture.js"
    if not fixture.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pack = ["npm", "pack", "--silent", SUITE]
        done = subprocess.run(
            pack, cwd=folder, stdout=subprocess.PIPE, text=True, timeout=120, check=True
        )
        archive = done.stdout.strip().splitlines()[-1]
        subprocess.run(["tar", "xzf", archive], cwd=folder, timeout=60, check=True)
    script = f"process.stdout.write(JSON.stringify(require({json.dumps(str(fixture))})))"
    done = subprocess.run(
        ["node", "-e", script], stdout=subprocess.PIPE, text=True, timeout=60, check=True
    )
    return json.loads(done.stdout)


class Moto:
    """moto's server on loopback, in a process of its own."""

    def __init__(self, folder: Path, env: Mapping[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / "moto.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
            )
        wait_until("moto answers", self._is_up, 120)

    def _is_up(self) -> bool:
        if self._process.poll() is not None:
            raise Failure(f"moto ended: {self._log.read_text()[-2000:]}")
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{self.url}/moto-api/", timeout=5).close()
            return True
        return False

    def reset(self) -> None:
        """Forgets everything."""
        request = urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")
        urllib.request.urlopen(request, timeout=10).close()

    def keep_states(self, model: str) -> None:
        """What it has of this kind stays as it is, instead of moving on whenever it is described."""
        asked = {"model_name": model, "transition": {"progression": "manual", "times": 1_000_000}}
        request = urllib.request.Request(
            f"{self.url}/moto-api/state-manager/set-transition",
            data=json.dumps(asked).encode(),
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=10).close()

    def client(self, service: str) -> Any:
        """boto3, which reads what Pixell wrote."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def environment(self, endpoint: str = "") -> dict[str, str]:
        """What makes Pixell's clients speak to it, or to `endpoint` before it."""
        return {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": endpoint or self.url,
        }

    def close(self) -> None:
        """Stops it."""
        self._process.terminate()
        self._process.wait(20)


@contextlib.contextmanager
def running_moto(folder: Path, env: Mapping[str, str] | None = None) -> Iterator[Moto]:
    """An emulated AWS for a `with` block."""
    served = Moto(folder, env)
    try:
        yield served
    finally:
        served.close()


class _Handler(http.server.BaseHTTPRequestHandler):
    """Passes requests on, unless the next trouble wants one."""

    protocol_version = "HTTP/1.1"
    server: _TroubledServer

    def _serve(self) -> None:
        proxy = self.server.proxy
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        headers = dict(self.headers.items())
        proxy.asked.append((self.command, self.path, headers))
        proxy.bodies.append(body)
        trouble = proxy.next_trouble(headers)
        if trouble.status:
            return self._reply(trouble.status, trouble.headers, trouble.body)
        address = urllib.parse.urlsplit(proxy.upstream)
        upstream = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        try:
            upstream.request(self.command, self.path, body=body, headers=headers)
            answer = upstream.getresponse()
            kept = [pair for pair in answer.getheaders() if pair[0].lower() not in HOP_BY_HOP]
            self._reply(answer.status, dict(kept), answer.read(), trouble.cut_after)
        finally:
            upstream.close()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve

    def _reply(
        self, status: int, headers: Mapping[str, str], body: bytes, cut_after: int = 0
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() != "content-length" or self.command == "HEAD":
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body[:cut_after] if cut_after else body)
        if cut_after:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing: `asked` tells."""


class _TroubledServer(http.server.ThreadingHTTPServer):
    proxy: TroubledProxy
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Cut connections are what it is for."""


@dataclasses.dataclass(frozen=True)
class Trouble:
    """What happens to one request: an answer of its own, or a cut after some bytes."""

    status: int = 0
    body: bytes = b""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    cut_after: int = 0


class TroubledProxy:
    """Stands before moto; `troubles` are used up one by one, and `judge` may add one for each."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.troubles: list[Trouble] = []
        self.judge: Callable[[Mapping[str, str]], Trouble | None] = lambda _: None
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.bodies: list[bytes] = []
        self._server = _TroubledServer(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def next_trouble(self, headers: Mapping[str, str]) -> Trouble:
        """What to do to a request."""
        judged = self.judge(headers)
        if judged is not None:
            return judged
        return self.troubles.pop(0) if self.troubles else Trouble()

    def close(self) -> None:
        """Stops it."""
        self._server.shutdown()
        self._server.server_close()


def s3_error(code: str, message: str = "as the test says") -> bytes:
    """The body of a refusal of S3."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code>'
        f"<Message>{message}</Message><RequestId>TESTREQUEST1</RequestId></Error>"
    ).encode()

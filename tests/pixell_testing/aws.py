"""What the AWS tests share: the probe that drives Pixell's clients, and an emulated AWS (moto)."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
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
        wait_until("moto answers", self._is_up, 60)

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

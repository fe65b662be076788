"""Clients of the tests: gRPC in both numberings, load, and the real `pixell` CLI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from devtool import rpc
from devtool.pac import Pac

KIT = "pixell-kit==0.4.12"
SDK = "pixell-sdk==0.5.4"


class Agent:
    """The gRPC surface of one agent, at an address and below a path prefix."""

    def __init__(self, address: str, prefix: str = "") -> None:
        self._address = address
        self._prefix = prefix

    def call(self, method: str, request: dict | None = None, **options: Any) -> dict[str, Any]:
        """One unary call; the answer as a dict."""
        return rpc.call(self._address, method, request, prefix=self._prefix, **options)

    def invoke(self, action: str, generation: int = 1, **parameters: str) -> dict[str, Any]:
        """Invoke in the first or second numbering of the fields."""
        request = {"action": action, "parameters": parameters, "request_id": "r-1"}
        name = {1: "ActionRequest", 2: "ActionRequestV2"}[generation]
        return self.call("Invoke", request, request_type=name)

    def send_message(self, skill: str, **params: Any) -> dict[str, Any]:
        """Invoke with an A2A message inside, as the newest clients send it."""
        message = {
            "kind": "message",
            "role": "user",
            "messageId": "m-1",
            "metadata": {"skill": skill, "params": params},
            "parts": [{"kind": "text", "text": "please"}],
        }
        a2a_message = {
            "jsonrpc": "2.0",
            "id": "r-2",
            "method": "message/send",
            "params_json": json.dumps({"message": message}),
        }
        return self.call("Invoke", {"a2a_message": a2a_message}, request_type="ActionRequestV2")


def agent_of(pac: Pac, app: str) -> Agent:
    """The gRPC surface of a deployed agent, through the edge."""
    return Agent(pac.address, f"/agents/{app}/a2a")


class PixellCli:
    """The published `pixell` program in a virtual environment of its own."""

    def __init__(self, folder: Path, distribution: str) -> None:
        self._home = folder / "home"
        self._home.mkdir(parents=True)
        venv = folder / "venv"
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True, timeout=120)
        pip = [str(venv / "bin" / "pip"), "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, distribution], check=True, timeout=300)
        self._program = venv / "bin" / "pixell"

    def run(self, *arguments: str, folder: Path, port: int | None = None) -> tuple[int, str]:
        """Runs it in a folder; exit code and everything it printed.

        Its address for `--env local` is fixed, so the edge at `port` is made its HTTP proxy.
        """
        return self._run(self._program, *arguments, folder=folder, port=port)

    def library(self, code: str, *, folder: Path, port: int) -> tuple[int, str]:
        """Runs Python code that uses its modules; exit code and everything it printed."""
        python = self._program.with_name("python")
        return self._run(python, "-c", code, folder=folder, port=port)

    def _run(self, *command: str | Path, folder: Path, port: int | None) -> tuple[int, str]:
        hidden = ("pixell_", "http_proxy", "https_proxy", "all_proxy", "no_proxy")
        env = {k: v for k, v in os.environ.items() if not k.lower().startswith(hidden)}
        env.update(HOME=str(self._home), PYTHONUTF8="1")
        if port is not None:
            env["HTTP_PROXY"] = env["http_proxy"] = f"http://127.0.0.1:{port}"
        done = subprocess.run(
            [str(part) for part in command],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=400,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

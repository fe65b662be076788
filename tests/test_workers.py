"""Several processes of one agent (`WORKERS`): shared requests, one death at a time."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import httpx

from devtool.pac import wait_until
from pixell_testing.packages import from_files
from pixell_testing.stack import Par

StartPar = Callable[..., Par]

MANIFEST = """\
name: several
version: "1.0"
rest: {entry: "routes:mount"}
a2a: {service: "routes:service"}
"""
ROUTES = """\
import asyncio
import os


def mount(app):
    @app.get("/api/pid")
    async def pid():
        return os.getpid()

    @app.get("/api/slow")
    async def slow():
        await asyncio.sleep(60)


def service():
    async def pid(parameters):
        return os.getpid()

    return {"custom_handlers": {"pid": pid}}
"""
PROGRAM_MANIFEST = """\
name: several
version: "1.0"
entrypoint: exec:./agent
"""
PROGRAM = """\
#!/usr/bin/python3
import http.server
import os


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = str(os.getpid()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""


def pids(par: Par, path: str = "/api/pid", requests: int = 12) -> set[int]:
    """The processes that answer."""
    with httpx.Client(base_url=par.url, timeout=20) as client:
        return {int(client.get(path).raise_for_status().text) for _ in range(requests)}


def workers(par: Par) -> dict:
    """What /meta says of the agent's processes."""
    return httpx.get(f"{par.url}/meta", timeout=20).json()["workers"]


PYTHON_AGENT = from_files({"agent.yaml": MANIFEST, "routes.py": ROUTES})


def test_requests_and_calls_are_shared(par: StartPar) -> None:
    running = par(PYTHON_AGENT, env={"WORKERS": "2"})
    running.wait_ready()

    over_http = pids(running)
    calls = {
        int(
            httpx.post(
                f"{running.url}/a2a",
                json={"jsonrpc": "2.0", "id": n, "method": "pid"},
                timeout=20,
            ).json()["result"]
        )
        for n in range(4)
    }

    assert len(over_http) == 2
    assert calls == over_http
    assert workers(running) == {"configured": 2, "up": 2}


def test_one_that_dies_is_replaced_while_the_other_answers(par: StartPar) -> None:
    running = par(PYTHON_AGENT, env={"WORKERS": "2"})
    running.wait_ready()
    first, second = sorted(pids(running))

    os.kill(first, signal.SIGKILL)
    wait_until("one is left", lambda: workers(running)["up"] == 1, 20)
    assert httpx.get(f"{running.url}/health", timeout=20).status_code == 200
    assert pids(running) == {second}

    wait_until("both are up", lambda: workers(running)["up"] == 2, 60)
    assert len(pids(running)) == 2
    assert "pixell_worker_restarts_total 1" in httpx.get(f"{running.url}/metrics").text
    assert running.stop() == 0


def test_programs_have_a_port_each(par: StartPar) -> None:
    package = from_files({"agent.yaml": PROGRAM_MANIFEST, "agent": PROGRAM})
    running = par(package, env={"WORKERS": "3"})
    running.wait_ready()

    assert len(pids(running, "/pid")) == 3

"""SIGTERM and SIGINT: nothing that runs is cut before the grace is over, and the end is certain."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import h2.connection
import h2.events
import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from devtool import processes
from devtool.pac import wait_until
from pixell_testing.clients import Agent
from pixell_testing.packages import from_files
from pixell_testing.stack import Par

StartPar = Callable[..., Par]

AGENT = from_files(
    {
        "agent.yaml": "name: busy\nrest: {entry: 'r:mount'}\na2a: {service: 'r:create'}\n",
        "r.py": """
import asyncio, os

from fastapi import WebSocket
from fastapi.responses import StreamingResponse


def mount(app):
    @app.get("/api/pid")
    async def pid():
        return {"pid": os.getpid()}

    @app.get("/api/slow")
    async def slow(seconds: float):
        print("slow began", flush=True)
        await asyncio.sleep(seconds)
        return {"slow": True}

    @app.get("/api/stream")
    async def stream(count: int, pause: float):
        async def events():
            for number in range(count):
                yield f"data: {number}\\n\\n"
                await asyncio.sleep(pause)

        return StreamingResponse(events(), media_type="text/event-stream")

    @app.websocket("/api/echo")
    async def echo(socket: WebSocket):
        await socket.accept()
        while True:
            await socket.send_text(await socket.receive_text())


async def slow_action(parameters):
    print("slow began", flush=True)
    await asyncio.sleep(float(parameters["seconds"]))
    return "done"


def create():
    return {"custom_handlers": {"slow": slow_action}}
""",
    }
)


# A servicer of its own whose Invoke takes its time.
SERVICER = from_files(
    {
        "agent.yaml": "name: busy-servicer\na2a: {service: 's:create'}\n",
        "s.py": """
import asyncio


class Service:
    async def Health(self, request, context):
        return {"ok": True}

    async def Invoke(self, request, context):
        print("slow began", flush=True)
        await asyncio.sleep(float(request.parameters["seconds"]))
        return {"success": True, "result": "done"}


def create():
    return Service()
""",
    }
)
SHORT_GRACE = {"GRACEFUL_SHUTDOWN_TIMEOUT_SEC": "3"}


class Asking(threading.Thread):
    """One call in a thread of its own: what came back, or the exception."""

    def __init__(self, call: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._call = call
        self.answer: object = None
        self.start()

    def run(self) -> None:
        """Makes the call."""
        try:
            self.answer = self._call()
        except (OSError, grpc.RpcError, httpx.HTTPError) as error:
            self.answer = error

    def result(self) -> object:
        """What came back, within a minute."""
        self.join(60)
        assert not self.is_alive()
        return self.answer


def slow_began(running: Par) -> None:
    """Waits until the agent works on the slow call."""
    wait_until("the call runs", lambda: "slow began" in running.log_text(), 20)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_agent_ends_soon_with_0(par: StartPar, number: int) -> None:
    running = par(AGENT).wait_ready()
    worker = processes.find(running.get("/api/pid").json()["pid"])
    began = time.monotonic()

    running.process.send_signal(number)

    assert running.wait_exit() == 0
    assert time.monotonic() - began < 15
    assert worker is not None
    assert not worker.is_running()
    events = running.events()
    order = ["Received shutdown signal", "Shutting down three-surface runtime"]
    order += ["Marked runtime as not ready, health check will return 503"]
    order += ["Runtime shutdown complete"]
    positions = [events.index(event) for event in order]
    assert positions == sorted(positions)


def test_health_is_503_at_once_and_calls_are_still_served(par: StartPar) -> None:
    running = par(AGENT).wait_ready()
    asking = Asking(lambda: running.get("/api/slow?seconds=3", timeout_s=30).json())
    slow_began(running)

    running.process.send_signal(signal.SIGTERM)
    wait_until("health is 503", lambda: running.status_of("/health") == 503, 1)
    # For a moment more, so that balancers hear of it before a connection is refused.
    still = running.get("/api/pid").status
    wait_until("nobody listens", lambda: running.status_of("/health") is None, 10)

    assert still == 200
    assert asking.result() == {"slow": True}
    assert running.wait_exit() == 0


def test_streams_and_grpc_calls_run_to_their_end(par: StartPar) -> None:
    running = par(AGENT).wait_ready()
    stream = Asking(lambda: running.get("/api/stream?count=6&pause=0.5", timeout_s=30).text)
    call = Asking(lambda: Agent(running.a2a_address).invoke("slow", seconds="3")["result"])
    slow_began(running)

    running.process.send_signal(signal.SIGTERM)

    assert stream.result() == "".join(f"data: {number}\n\n" for number in range(6))
    assert call.result() == "done"
    assert running.wait_exit() == 0


def test_what_runs_longer_than_the_grace_is_cut(par: StartPar) -> None:
    running = par(AGENT, env={"GRACEFUL_SHUTDOWN_TIMEOUT_SEC": "1"}).wait_ready()
    asking = Asking(lambda: running.get("/api/slow?seconds=50", timeout_s=60))
    call = Asking(
        lambda: Agent(running.a2a_address).call(
            "Invoke", {"action": "slow", "parameters": {"seconds": "50"}}, timeout_s=60
        )
    )
    slow_began(running)
    began = time.monotonic()

    running.process.send_signal(signal.SIGTERM)

    assert running.wait_exit() == 0
    assert time.monotonic() - began < 20
    # Told, not left hanging.
    assert asking.result() is not None
    said = call.result()
    assert isinstance(said, grpc.RpcError)
    assert said.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


def test_an_event_stream_that_outlives_the_grace_ends_in_order(par: StartPar) -> None:
    running = par(AGENT, env=SHORT_GRACE).wait_ready()
    with httpx.stream("GET", f"{running.url}/api/stream?count=900&pause=0.1", timeout=30) as reply:
        lines = reply.iter_lines()
        assert next(lines) == "data: 0"
        running.process.send_signal(signal.SIGTERM)
        # httpx raises when the body is cut instead of ended.
        rest = [line for line in lines if line]

    assert len(rest) > 10, "it went on for most of the grace"
    assert running.wait_exit() == 0


@pytest.mark.parametrize("package", [AGENT, SERVICER], ids=["handler", "servicer"])
def test_a_call_that_outlives_the_grace_ends_as_unavailable(par: StartPar, package: bytes) -> None:
    running = par(package, env=SHORT_GRACE).wait_ready()
    call = Asking(
        lambda: Agent(running.a2a_address).call(
            "Invoke", {"action": "slow", "parameters": {"seconds": "50"}}, timeout_s=60
        )
    )
    slow_began(running)

    running.process.send_signal(signal.SIGTERM)

    said = call.result()
    assert isinstance(said, grpc.RpcError)
    assert said.code() == grpc.StatusCode.UNAVAILABLE
    assert running.wait_exit() == 0


def test_a_servicers_call_runs_to_its_end(par: StartPar) -> None:
    running = par(SERVICER).wait_ready()
    call = Asking(lambda: Agent(running.a2a_address).invoke("slow", seconds="3")["result"])
    slow_began(running)

    running.process.send_signal(signal.SIGTERM)

    assert call.result() == "done"
    assert running.wait_exit() == 0


def test_a_websocket_goes_on_and_gets_a_close_frame(par: StartPar) -> None:
    running = par(AGENT, env=SHORT_GRACE).wait_ready()
    with connect(f"ws{running.url.removeprefix('http')}/api/echo", proxy=None) as web_socket:
        running.process.send_signal(signal.SIGTERM)
        wait_until("nobody listens", lambda: running.status_of("/health") is None, 10)
        web_socket.send("still here")
        assert web_socket.recv(timeout=20) == "still here"
        with pytest.raises(ConnectionClosed) as closed:
            web_socket.recv(timeout=20)

    assert closed.value.rcvd is not None, "the connection was cut without a close frame"
    assert closed.value.rcvd.code in (1001, 1012)
    assert running.wait_exit() == 0


def test_http2_clients_are_told_to_go_away(par: StartPar) -> None:
    running = par(AGENT).wait_ready()
    host, port = running.url.removeprefix("http://").split(":")
    http2 = h2.connection.H2Connection()
    http2.initiate_connection()
    with socket.create_connection((host, int(port)), timeout=20) as client:
        client.sendall(http2.data_to_send())
        wait_until("the connection stands", lambda: http2.receive_data(client.recv(65535)), 20)
        running.process.send_signal(signal.SIGTERM)
        events = []
        while received := client.recv(65535):
            events += http2.receive_data(received)
            client.sendall(http2.data_to_send())

    assert any(isinstance(event, h2.events.ConnectionTerminated) for event in events)
    assert running.wait_exit() == 0


def test_a_second_signal_hastens(par: StartPar) -> None:
    running = par(AGENT, env={"GRACEFUL_SHUTDOWN_TIMEOUT_SEC": "60"}).wait_ready()
    asking = Asking(lambda: running.get("/api/slow?seconds=50", timeout_s=60))
    slow_began(running)
    running.process.send_signal(signal.SIGTERM)
    wait_until("health is 503", lambda: running.status_of("/health") in (503, None), 5)
    began = time.monotonic()

    running.process.send_signal(signal.SIGTERM)

    assert running.wait_exit() == 0
    assert time.monotonic() - began < 10
    assert asking.result() is not None


def test_an_idle_connection_does_not_hold_it(par: StartPar) -> None:
    running = par(AGENT).wait_ready()
    host, port = running.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as idle:
        began = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - began < 15
        assert idle.recv(1) == b""


def test_a_stop_during_the_boot_ends_it(par: StartPar, tmp_path: Path) -> None:
    routes = "import time\n\ntime.sleep(60)\n"
    files = {"agent.yaml": "rest: {entry: 'r:mount'}\n", "r.py": routes}
    running = par(from_files(files))
    wait_until("the package is known", lambda: running.status_of("/meta") == 200, 60)
    began = time.monotonic()

    assert running.stop() == 0
    assert time.monotonic() - began < 20


def test_nothing_is_left_behind(par: StartPar, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    running = par(AGENT, env={"TMPDIR": str(scratch)}).wait_ready()

    assert running.stop() == 0
    assert list(scratch.iterdir()) == []

"""Fifty changes of an app under requests of every kind: none fails, no stream is cut."""

from __future__ import annotations

import collections
import json
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from websockets.sync.client import connect

from conftest import run_platform
from devtool.load import Calls, ask
from devtool.pac import Pac, wait_until
from pixell_testing.clients import agent_of
from pixell_testing.crashes import wait_settled
from pixell_testing.packages import from_files
from pixell_testing.rollouts import MovedApp, canary, plain
from pixell_testing.stack import put

APP = "busy"
CYCLES = 50
CALL_DEADLINE_S = 60
PAUSE_S = 0.05
# Every so many changes one fails: its package cannot start.
BROKEN_EVERY = 10
BROKEN = {"agent.yaml": "name: broken\nhttp_server: main:app\n", "main.py": "import not_there\n"}
EVENTS = "".join(f"data: {number}\n\n" for number in range(30)) + "data: end\n\n"
MESSAGES = [str(number) for number in range(20)] + ["end"]


@pytest.fixture(scope="module")
def app(scratch: Path) -> Iterator[MovedApp]:
    """A platform with the app; what is replaced ends at once."""
    for pac in run_platform(scratch / "redeploy"):
        app = MovedApp(pac, APP)
        app.complete(app.deploy(package(pac, "first")))
        app.settings(warm_seconds=0)
        yield app


def package(pac: Pac, version: str) -> Path:
    return put(pac, f"{version}.apkg", plain(version, has_grpc=True))


class Clients:
    """Every kind of request, each checked to its last byte. They return their kind."""

    def __init__(self, pac: Pac) -> None:
        self._pac = pac
        self._base = f"/agents/{APP}"
        self._agent = agent_of(pac, APP)
        options = (("grpc.enable_http_proxy", 0),)
        self._channel = grpc.insecure_channel(pac.address, options=options)
        self._count = self._channel.unary_stream(f"{self._base}/a2a/pixell.test.Stream/Count")

    def close(self) -> None:
        self._channel.close()

    def short(self) -> str:
        ask(self._pac, f"{self._base}/api/version")
        return "short"

    def slow(self) -> str:
        ask(self._pac, f"{self._base}/api/version?delay_ms=300")
        return "slow"

    def events(self) -> str:
        """Server-sent events for three seconds."""
        path = f"{self._base}/api/events?count=30&pause_s=0.1"
        reply = self._pac.get(path, timeout_s=CALL_DEADLINE_S)
        assert (reply.status, reply.text) == (200, EVENTS)
        return "events"

    def json_rpc(self) -> str:
        call = {"jsonrpc": "2.0", "id": 7, "method": "message/send", "params": {}}
        reply = self._pac.post(f"{self._base}/a2a", call, timeout_s=CALL_DEADLINE_S)
        assert reply.status == 200, reply.text
        assert reply.json()["id"] == 7
        return "json_rpc"

    def unary(self) -> str:
        answer = self._agent.call("Invoke", {"action": "x"}, timeout_s=CALL_DEADLINE_S)
        assert answer["success"]
        return "unary"

    def streaming(self) -> str:
        """A gRPC stream of two seconds."""
        call = self._count(bytes([20, 10]), timeout=CALL_DEADLINE_S)
        assert [message.decode() for message in call] == MESSAGES
        assert call.code() == grpc.StatusCode.OK
        assert "x-pixell-revision" in dict(call.initial_metadata())
        return "streaming"

    def web_socket(self) -> str:
        url = f"ws://{self._pac.address}{self._base}/api/ws"
        with connect(url, proxy=None, open_timeout=CALL_DEADLINE_S) as socket:
            for number in range(10):
                socket.send(json.dumps(number))
                assert socket.recv(timeout=CALL_DEADLINE_S) == json.dumps(number)
        return "web_socket"

    def calls(self) -> Calls:
        """Everything at once."""
        kinds = [self.short, self.slow, self.json_rpc, self.unary, self.web_socket]
        kinds += [self.events, self.streaming] * 2
        return Calls([(kind.__name__, kind) for kind in kinds], pause_s=PAUSE_S)


def change(app: MovedApp, number: int) -> dict:
    """One change of the app, each kind in its turn; the deployment as it ended."""
    if number % BROKEN_EVERY == BROKEN_EVERY - 1:
        return app.end_of(app.deploy(put(app.pac, "broken.apkg", from_files(BROKEN))))
    kind = number % 3
    if kind == 2:
        return app.complete(app.roll_back())
    strategy = {"strategy": canary((300, 0), (600, 1), min_requests=1000)} if kind == 1 else {}
    return app.complete(app.deploy(package(app.pac, f"v{number}"), **strategy))


@pytest.mark.timeout(600)
def test_fifty_changes_under_every_kind_of_request(app: MovedApp) -> None:
    clients = Clients(app.pac)
    ends = []

    with clients.calls() as calls:
        wait_until("the load runs", lambda: len(set(calls.answers)) == 7, 60)
        ends += [change(app, number) for number in range(CYCLES)]
        app.wait_instances(1)
    clients.close()

    assert calls.failures == []
    answers = collections.Counter(calls.answers)
    assert min(answers.values()) >= CYCLES // 3, answers
    states = collections.Counter(end["state"] for end in ends)
    broken = CYCLES // BROKEN_EVERY
    assert states == {"completed": CYCLES - broken, "failed": broken}
    causes = {end["failure"]["cause"] for end in ends if end["state"] == "failed"}
    assert causes == {"missing_module"}
    kinds = collections.Counter(end["kind"] for end in ends)
    assert kinds["rollback"] >= CYCLES // 4
    assert app.leading() == ends[-1 if ends[-1]["state"] == "completed" else -2]["revision"]
    wait_settled(app.pac, {APP: 1})

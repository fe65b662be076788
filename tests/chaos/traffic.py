"""Requests of every kind, without a pause, and what became of each."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Iterable

import grpc
from websockets.sync.client import connect

from devtool.load import Calls, Repeated
from devtool.pac import Pac, Reply
from pixell_testing.clients import agent_of

CALL_DEADLINE_S = 60
PAUSE_S = 0.05
# Between the clock of the one who kills and that of the one who asks; of one who keeps a connection.
SLACK_S = 0.05
KEPT_SLACK_S = 0.5
EVENTS = "".join(f"data: {number}\n\n" for number in range(30)) + "data: end\n\n"
MESSAGES = [str(number) for number in range(20)] + ["end"]


@dataclasses.dataclass(frozen=True)
class Failure:
    """A call that failed. The times are of time.monotonic()."""

    kind: str
    started_at: float
    ended_at: float
    error: str
    # Whether it says what happened: a 502, 503 or 504, UNAVAILABLE, or a connection that was cut.
    is_typed: bool

    def was_running(self, since: float, until: float) -> bool:
        """Whether it had been sent before `until` and had not ended before `since`."""
        return self.started_at <= until and self.ended_at >= since

    def was_cut(self, at: float, over_at: float) -> bool:
        """Whether it was in a process that was killed. A gRPC call is in the connection it shares,
        and a client on a busy machine hears a little later that it is gone."""
        slack_s = KEPT_SLACK_S if self.kind in ("unary", "streaming") else SLACK_S
        return self.was_running(at - SLACK_S, over_at + slack_s)


def is_typed(error: Exception) -> bool:
    """Whether an error says that the other side was lost. An answer with wrong or missing bytes that
    looks complete does not."""
    if isinstance(error, grpc.RpcError):
        return error.code() == grpc.StatusCode.UNAVAILABLE
    if isinstance(error, Refusal):
        return error.status in (502, 503, 504)
    # Raised by the clients for a connection that ended before its answer was complete.
    names = ("ConnectionClosedError", "InvalidMessage", "InvalidHandshake", "InvalidStatus")
    return isinstance(error, (OSError, EOFError)) or type(error).__name__ in names


class Refusal(OSError):
    """An answer that is not 200."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"{reply.status} {reply.text[:200]}")
        self.status = reply.status


def expect_ok(reply: Reply) -> Reply:
    """The reply; Refusal unless it is 200."""
    if reply.status != 200:
        raise Refusal(reply)
    return reply


class Recorder(Repeated):
    """Counts the answers of each kind and keeps what failed, and when."""

    def __init__(self, calls: Iterable[Callable[[], str]], *, pause_s: float) -> None:
        super().__init__(((call.__name__, call) for call in calls), pause_s=pause_s)
        self._lock = threading.Lock()
        self.answers: dict[str, int] = {}
        self.failures: list[Failure] = []

    def answered(self, name: str, answer: str) -> None:
        with self._lock:
            self.answers[answer] = self.answers.get(answer, 0) + 1

    def failed(self, name: str, error: Exception, started_at: float) -> None:
        text = f"{type(error).__name__}: {error}"
        self.failures.append(
            Failure(name, started_at, time.monotonic(), text[:300], is_typed(error))
        )


class Clients:
    """Every kind of request, each checked to its last byte. They return their kind.

    The app is one of `rollouts.plain(…, has_grpc=True)`.
    """

    def __init__(self, pac: Pac, app: str) -> None:
        self._pac = pac
        self._base = f"/agents/{app}"
        self._agent = agent_of(pac, app)
        options = (("grpc.enable_http_proxy", 0),)
        self._channel = grpc.insecure_channel(pac.address, options=options)
        self._count = self._channel.unary_stream(f"{self._base}/a2a/pixell.test.Stream/Count")

    def close(self) -> None:
        self._channel.close()

    def short(self) -> str:
        expect_ok(self._pac.get(f"{self._base}/api/version", timeout_s=CALL_DEADLINE_S))
        return "short"

    def slow(self) -> str:
        path = f"{self._base}/api/version?delay_ms=300"
        expect_ok(self._pac.get(path, timeout_s=CALL_DEADLINE_S))
        return "slow"

    def events(self) -> str:
        """Server-sent events for three seconds."""
        path = f"{self._base}/api/events?count=30&pause_s=0.1"
        reply = self._pac.get(path, timeout_s=CALL_DEADLINE_S)
        expect_ok(reply)
        assert reply.text == EVENTS
        return "events"

    def json_rpc(self) -> str:
        call = {"jsonrpc": "2.0", "id": 7, "method": "message/send", "params": {}}
        reply = self._pac.post(f"{self._base}/a2a", call, timeout_s=CALL_DEADLINE_S)
        expect_ok(reply)
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

    def kinds(self) -> list[Callable[[], str]]:
        """Everything at once; the long ones twice."""
        short = [self.short, self.slow, self.json_rpc, self.unary, self.web_socket]
        return short + [self.events, self.streaming] * 2

    def calls(self) -> Calls:
        return Calls([(kind.__name__, kind) for kind in self.kinds()], pause_s=PAUSE_S)

    def recorded(self) -> Recorder:
        return Recorder(self.kinds(), pause_s=PAUSE_S)

"""What an app and the edge itself take: rate, concurrency, body, time; and who the agent sees."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import grpc
import pytest

from devtool.pac import request
from pixell_testing.edge import HelloEdge, leg
from pixell_testing.upstream import Upstream, reply

REPLY_DEADLINE_S = 20


class Held:
    """Answers below /slow wait until the test lets them go."""

    def __init__(self) -> None:
        self.arrived = threading.Semaphore(0)
        self.go = threading.Event()

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        if "/slow" in handler.path:
            self.arrived.release()
            self.go.wait(REPLY_DEADLINE_S)
        reply(handler)


@pytest.fixture
def held() -> Iterator[Held]:
    """Lets everything go at the end."""
    answer = Held()
    yield answer
    answer.go.set()


def get(edge: HelloEdge, path: str = "/agents/hello/api", **headers: str):
    """One request on a connection of its own."""
    return request(edge.url, "GET", path, headers=headers, timeout_s=REPLY_DEADLINE_S)


def test_the_rate_of_an_app(tmp_path: Path) -> None:
    """A burst is taken, the rest is told when to come, and comes through then."""
    limits = {"limits": {"requests_per_second": 1, "burst": 3}}
    with Upstream(reply) as agent, HelloEdge(tmp_path, [leg(1, agent.address)], limits) as edge:
        replies = [get(edge) for _ in range(6)]
        refused = [one for one in replies if one.status == 429]
        assert [one.status for one in replies[:3]] == [200, 200, 200]
        assert refused
        problem = refused[0].json()
        assert problem["status"] == 429
        assert "'hello' takes 1 requests per second" in problem["detail"]
        assert "PUT /v1/apps/hello/routing" in problem["detail"]
        wait_s = int(refused[0].headers["retry-after"])
        assert 1 <= wait_s <= 3
        deadline = time.monotonic() + 10 * wait_s
        while get(edge).status == 429:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert get(edge, "/agents/hello/health").status == 200
        assert edge.explain()["state"]["refused"]["rate"] >= len(refused)


def test_the_rate_of_an_app_over_grpc(tmp_path: Path) -> None:
    """A refused call has a status of its own."""
    limits = {"limits": {"requests_per_second": 1, "burst": 1}}
    with Upstream(reply) as agent, HelloEdge(tmp_path, [leg(1, agent.address)], limits) as edge:
        assert get(edge).status == 200
        with grpc.insecure_channel(f"127.0.0.1:{edge.port}") as channel:
            call = channel.unary_unary("/agents/hello/pixell.agent.AgentService/Ping")
            with pytest.raises(grpc.RpcError) as refused:
                call(b"", timeout=REPLY_DEADLINE_S)
        assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "requests per second" in refused.value.details()


def test_the_concurrency_of_an_app(tmp_path: Path, held: Held) -> None:
    """Counted over all threads of the edge; a place is free once its request ended."""
    limits = {"limits": {"max_concurrent": 2}}
    legs = []
    with Upstream(held) as agent:
        legs = [leg(1, agent.address)]
        with HelloEdge(tmp_path, legs, limits, "--threads", "2") as edge:
            slow = [
                threading.Thread(target=get, args=(edge, "/agents/hello/slow")) for _ in range(2)
            ]
            for one in slow:
                one.start()
            assert all(held.arrived.acquire(timeout=REPLY_DEADLINE_S) for _ in slow)
            for _ in range(4):
                refused = get(edge)
                assert refused.status == 429
                assert "2 requests at once" in refused.json()["detail"]
            held.go.set()
            for one in slow:
                one.join()
            assert get(edge).status == 200


def test_what_one_thread_of_the_edge_takes(tmp_path: Path, held: Held) -> None:
    """More exchanges are shed; health, other paths and running requests are not."""
    with (
        Upstream(held) as agent,
        HelloEdge(tmp_path, [leg(1, agent.address)], {}, "--max-exchanges", "1") as edge,
    ):
        statuses = []
        slow = threading.Thread(
            target=lambda: statuses.append(get(edge, "/agents/hello/slow").status)
        )
        slow.start()
        assert held.arrived.acquire(timeout=REPLY_DEADLINE_S)
        shed = get(edge)
        assert shed.status == 503
        assert shed.headers["retry-after"] == "1"
        assert get(edge, "/agents/hello/health").status == 200
        assert get(edge, "/agents").status == 200
        assert edge.explain()["load"]["shed"]["exchanges"] == 2
        held.go.set()
        slow.join()
        assert statuses == [200]
        assert get(edge).status == 200


def test_the_body_of_a_request(tmp_path: Path) -> None:
    """Refused at once when its length is known, and the connection goes on."""
    limits = {"limits": {"max_body_bytes": 1000}}
    with Upstream(reply) as agent, HelloEdge(tmp_path, [leg(1, agent.address)], limits) as edge:
        connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=REPLY_DEADLINE_S)
        for size, status in ((1000, 200), (1001, 413), (1000, 200)):
            connection.request("POST", "/agents/hello/api", b"x" * size)
            answer = connection.getresponse()
            text = answer.read().decode()
            assert answer.status == status
            if status == 413:
                assert "at most 1000 bytes (limits.max_body_bytes)" in text
        connection.close()
        assert [len(body) for _, _, body in agent.seen] == [1000, 1000]


def test_the_body_of_a_request_without_a_length(tmp_path: Path, held: Held) -> None:
    """Counted while it comes."""
    limits = {"limits": {"max_body_bytes": 1000}}
    with Upstream(held) as agent, HelloEdge(tmp_path, [leg(1, agent.address)], limits) as edge:
        with socket.create_connection(("127.0.0.1", edge.port), REPLY_DEADLINE_S) as client:
            client.sendall(
                b"POST /agents/hello/slow HTTP/1.1\r\nHost: x\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n" + b"x" * 1000 + b"\r\n"
            )
            assert held.arrived.acquire(timeout=REPLY_DEADLINE_S)
            client.sendall(b"1\r\nx\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_the_time_until_a_reply(tmp_path: Path, held: Held) -> None:
    """Each surface has its own; the others are not touched."""
    limits = {"limits": {"timeouts": {"rest_ms": 100}}}
    with Upstream(held) as agent, HelloEdge(tmp_path, [leg(1, agent.address)], limits) as edge:
        late = get(edge, "/agents/hello/api/slow")
        assert late.status == 504
        assert "within 100 ms (limits.timeouts)" in late.json()["detail"]
        statuses = []
        rpc = threading.Thread(
            target=lambda: statuses.append(get(edge, "/agents/hello/a2a/slow").status)
        )
        rpc.start()
        assert all(held.arrived.acquire(timeout=REPLY_DEADLINE_S) for _ in range(2))
        assert get(edge, "/agents/hello/api/slow").status == 504
        held.go.set()
        rpc.join()
        assert statuses == [200]


def test_silence_that_ends_an_exchange(tmp_path: Path) -> None:
    """A stream that goes quiet is cut after its time, and not before."""
    go = threading.Event()

    def stream(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("connection", "close")
        handler.end_headers()
        for _ in range(5):
            handler.wfile.write(b"data: x\n\n")
            time.sleep(0.1)
        go.wait(REPLY_DEADLINE_S)

    limits = {"limits": {"timeouts": {"idle_ms": 1500}}}
    with Upstream(stream) as agent, HelloEdge(tmp_path, [leg(1, agent.address)], limits) as edge:
        connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=REPLY_DEADLINE_S)
        connection.request("GET", "/agents/hello/api/events")
        answer = connection.getresponse()
        with pytest.raises(http.client.IncompleteRead) as cut:
            answer.read()
        assert cut.value.partial.count(b"data:") == 5
        go.set()


def test_who_the_agent_sees(tmp_path: Path) -> None:
    """A stranger's words about himself are replaced, a trusted proxy's are continued."""
    told = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "agents.example.com",
        "Forwarded": "for=203.0.113.9;proto=https",
        "X-Request-ID": "abc-1",
        "X-Pixell-Mirror": "1",
    }
    with Upstream(reply) as agent:
        legs = [leg(1, agent.address)]
        (tmp_path / "a").mkdir()
        with HelloEdge(tmp_path / "a", legs, {}) as edge:
            assert get(edge, **told).status == 200
            host = f"127.0.0.1:{edge.port}"
            _, seen, _ = agent.seen.pop()
            assert seen["x-forwarded-for"] == "127.0.0.1"
            assert seen["x-forwarded-proto"] == "http"
            assert seen["x-forwarded-host"] == host
            assert seen["forwarded"] == f'for=127.0.0.1;proto=http;host="{host}"'
            assert seen["x-request-id"] == "abc-1"
            assert "x-pixell-mirror" not in seen
        (tmp_path / "b").mkdir()
        with HelloEdge(tmp_path / "b", legs, {}, "--trusted-proxy", "127.0.0.0/8") as edge:
            assert get(edge, **told).status == 200
            host = f"127.0.0.1:{edge.port}"
            _, seen, _ = agent.seen.pop()
            assert seen["x-forwarded-for"] == "203.0.113.9, 127.0.0.1"
            assert seen["x-forwarded-proto"] == "https"
            assert seen["x-forwarded-host"] == "agents.example.com"
            assert seen["forwarded"] == (
                f'for=203.0.113.9;proto=https, for=127.0.0.1;proto=http;host="{host}"'
            )

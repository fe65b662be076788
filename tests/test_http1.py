"""HTTP/1.1 and 1.0 through the edge and `par`, with raw sockets, curl and a WebSocket client."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, unix_serve

from pixell_testing.edge import Edge
from pixell_testing.forwarded import APP, BASE, par_before
from pixell_testing.origin import Origin, Request

READ_DEADLINE_S = 10
FRAME = "x" * 65536
FRAMES = 5


class Chain:
    """An edge before a `par` before an origin."""

    def __init__(self, origin: Origin, edge: Edge) -> None:
        self.origin = origin
        self.edge = edge

    def connect(self) -> Wire:
        return Wire(self.edge.port)


class Wire:
    """A connection of raw bytes."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), READ_DEADLINE_S)
        self.text = b""

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, text: str, body: bytes = b"") -> None:
        """A request whose lines are joined by CR LF."""
        self.socket.sendall(text.replace("\n", "\r\n").encode() + body)

    def until(self, end: bytes) -> bytes:
        """What came up to and with `end`; it must come."""
        while end not in self.text:
            piece = self.socket.recv(65536)
            assert piece, self.text
            self.text += piece
        got, _, self.text = self.text.partition(end)
        return got + end

    def rest(self) -> bytes:
        """What comes up to the end of the connection."""
        while piece := self.socket.recv(65536):
            self.text += piece
        return self.text


@pytest.fixture(scope="module")
def chain(scratch: Path) -> Iterator[Chain]:
    """One for all tests; each adds its own answers to the origin."""
    folder = scratch / "http1"
    folder.mkdir()
    with (
        Origin(folder / "origin.sock") as origin,
        par_before(origin.path, folder / "par") as par,
    ):
        par.wait_ready()
        with Edge(folder / "edge", {APP: par.url.removeprefix("http://")}) as edge:
            yield Chain(origin, edge)


def test_keep_alive_and_pipelining(chain: Chain) -> None:
    async def slow(request: Request) -> None:
        await asyncio.sleep(0.05)
        await request.reply(b"slow")

    chain.origin.on("/slow", slow)
    with chain.connect() as wire:
        wire.send(f"GET {BASE}/slow HTTP/1.1\nHost: a\n\n")
        wire.until(b"slow")

        get = f"GET {BASE}/slow HTTP/1.1\nHost: a\n\n"
        post = f"POST {BASE}/x HTTP/1.1\nHost: a\nContent-Length: 3\n\nabc"
        wire.send(get + post + f"HEAD {BASE}/x HTTP/1.1\nHost: a\nConnection: close\n\n")
        answers = wire.rest()

    heads = answers.split(b"HTTP/1.1 200 OK\r\n")
    assert len(heads) == 4
    assert heads[1].endswith(b"\r\n\r\nslow")
    assert heads[2].endswith(b"\r\n\r\nPOST 3")
    assert heads[3].endswith(b"\r\n\r\n")
    assert b"connection: close" in heads[3].lower()


@pytest.mark.parametrize("is_chunked", [True, False])
def test_bodies_and_trailers_pass_both_ways(chain: Chain, is_chunked: bool) -> None:
    seen = []

    async def both(request: Request) -> None:
        body = await request.body()
        seen.append((body, request.trailers))
        head = b"HTTP/1.1 200 OK\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n"
        await request.send(head + b"3\r\nabc\r\n0\r\nx-sum: 6\r\n\r\n")

    chain.origin.on("/both", both)
    with chain.connect() as wire:
        head = f"POST {BASE}/both HTTP/1.1\nHost: a\n"
        if is_chunked:
            wire.send(f"{head}Transfer-Encoding: chunked\n\n4\nbody\n1\n!\n0\nX-Check: 7\n\n")
        else:
            wire.send(f"{head}Content-Length: 5\n\nbody!")
        answer = wire.until(b"x-sum: 6\r\n\r\n")

    assert b"\r\n\r\n3\r\nabc\r\n0\r\n" in answer
    body, trailers = seen[0]
    assert body == b"body!"
    assert [line.lower() for line in trailers] == ([b"x-check: 7"] if is_chunked else [])


def test_a_client_that_waits_for_100_gets_it(chain: Chain) -> None:
    with chain.connect() as wire:
        wire.send(f"PUT {BASE}/x HTTP/1.1\nHost: a\nContent-Length: 4\nExpect: 100-continue\n\n")
        assert wire.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.send("body")

        assert wire.until(b"PUT 4").startswith(b"HTTP/1.1 200 OK\r\n")


def test_curl_waits_for_100_and_uploads(chain: Chain, tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    upload.write_bytes(bytes(3 << 20))
    options = ["-sS", "-v", "--expect100-timeout", "30", "-H", "Expect: 100-continue"]

    done = subprocess.run(
        ["curl", *options, "-T", str(upload), f"{chain.edge.url}{BASE}/x"],
        capture_output=True,
        timeout=60,
        text=True,
        check=True,
    )

    assert done.stdout == f"PUT {3 << 20}"
    assert "< HTTP/1.1 100 Continue" in done.stderr


def test_early_hints_are_passed_on(chain: Chain) -> None:
    may_answer = asyncio.Event()

    async def hints(request: Request) -> None:
        await request.send(b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n")
        await may_answer.wait()
        await request.reply(b"done")

    chain.origin.on("/hints", hints)
    with chain.connect() as wire:
        wire.send(f"GET {BASE}/hints HTTP/1.1\nHost: a\n\n")
        hint = wire.until(b"\r\n\r\n")
        chain.origin.call(may_answer.set)
        wire.until(b"done")

    assert hint.startswith(b"HTTP/1.1 103 Early Hints\r\n")
    assert b"link: </a.css>" in hint


@pytest.mark.parametrize(
    ("method", "answer", "expected"),
    [
        ("HEAD", "HTTP/1.1 200 OK\ncontent-length: 1000\n\n", b"Content-Length: 1000"),
        ("GET", "HTTP/1.1 204 No Content\n\n", b"HTTP/1.1 204 No Content"),
        ("GET", "HTTP/1.1 304 Not Modified\netag: x\ncontent-length: 9\n\n", b"etag: x"),
    ],
)
def test_answers_without_a_body_end_at_once(
    chain: Chain, method: str, answer: str, expected: bytes
) -> None:
    async def bare(request: Request) -> None:
        await request.send(answer.replace("\n", "\r\n").encode())

    chain.origin.on("/bare", bare)
    with chain.connect() as wire:
        wire.send(f"{method} {BASE}/bare HTTP/1.1\nHost: a\n\nGET {BASE}/x HTTP/1.1\nHost: a\n\n")
        answers = wire.until(b"GET 0")

    assert expected in answers
    assert b"transfer-encoding" not in answers.lower()
    assert answers.count(b"HTTP/1.1 ") == 2


@pytest.mark.parametrize("keeps", [True, False])
def test_an_old_client_gets_what_it_understands(chain: Chain, keeps: bool) -> None:
    async def chunks(request: Request) -> None:
        await request.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await request.send(b"0\r\n\r\n")

    chain.origin.on("/chunks", chunks)
    kept = "Connection: keep-alive\n" if keeps else ""
    with chain.connect() as wire:
        if keeps:
            wire.send(f"GET {BASE}/x HTTP/1.0\nHost: a\n{kept}\n")
            assert b"connection: keep-alive" in wire.until(b"GET 0").lower()
        wire.send(f"GET {BASE}/chunks HTTP/1.0\nHost: a\n{kept}\n")
        answer = wire.rest()

    assert b"transfer-encoding" not in answer.lower()
    assert answer.endswith(b"\r\n\r\nabc")


# ------------------------------------------------------------------------------------- streams


@pytest.mark.parametrize("has_http2", [True, False])
def test_each_event_comes_before_the_next_is_made(chain: Chain, has_http2: bool) -> None:
    may_go_on = asyncio.Semaphore(1)

    async def events(request: Request) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        await request.send(head + b"transfer-encoding: chunked\r\n\r\n")
        for number in range(FRAMES):
            await asyncio.wait_for(may_go_on.acquire(), READ_DEADLINE_S)
            event = f"data: {number}\n\n".encode()
            await request.send(b"%x\r\n%s\r\n" % (len(event), event))
        await request.send(b"0\r\n\r\n")

    chain.origin.on("/events", events)
    got = []
    with (
        httpx.Client(
            http1=not has_http2, http2=has_http2, trust_env=False, timeout=READ_DEADLINE_S
        ) as client,
        client.stream("GET", f"{chain.edge.url}{BASE}/events") as answer,
    ):
        for line in answer.iter_lines():
            if line:
                got.append(line)
                chain.origin.call(may_go_on.release)

    assert got == [f"data: {number}" for number in range(FRAMES)]


# ---------------------------------------------------------------------------------- WebSockets


def speak(server: ServerConnection) -> None:
    """Sends back what comes; `bye` makes it close with a code of its own, `ping` makes it ping."""
    with contextlib.suppress(ConnectionClosed):
        for message in server:
            if message == "bye":
                server.close(4321, "so long")
            elif message == "ping":
                answered = server.ping(b"are you there").wait(READ_DEADLINE_S)
                server.send(f"pong {answered}")
            else:
                server.send(message)


@pytest.fixture(scope="module")
def web_socket_url(scratch: Path) -> Iterator[str]:
    """A WebSocket server behind `par` and the edge."""
    folder = scratch / "websockets"
    folder.mkdir()
    path = folder / "origin.sock"
    with unix_serve(speak, str(path), max_size=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with par_before(path, folder / "par") as par:
            par.wait_ready()
            with Edge(folder / "edge", {APP: par.url.removeprefix("http://")}) as edge:
                yield f"ws://{edge.address}{BASE}/ws"
        server.shutdown()
        thread.join(READ_DEADLINE_S)


@pytest.fixture
def web_socket(web_socket_url: str) -> Iterator[ClientConnection]:
    with connect(web_socket_url, proxy=None, max_size=None, open_timeout=READ_DEADLINE_S) as made:
        yield made


def test_large_frames_pass_both_ways(web_socket: ClientConnection) -> None:
    for number in range(50):
        message = FRAME if number % 2 else FRAME.encode()
        web_socket.send(message)
        assert web_socket.recv(timeout=READ_DEADLINE_S) == message


def test_pings_pass_both_ways(web_socket: ClientConnection) -> None:
    assert web_socket.ping(b"hello").wait(READ_DEADLINE_S)
    web_socket.send("ping")
    assert web_socket.recv(timeout=READ_DEADLINE_S) == "pong True"


def test_close_codes_pass_both_ways(web_socket: ClientConnection) -> None:
    web_socket.send("bye")
    with pytest.raises(ConnectionClosed) as caught:
        web_socket.recv(timeout=READ_DEADLINE_S)

    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (4321, "so long")


def test_a_close_of_the_client_is_answered(web_socket: ClientConnection) -> None:
    web_socket.close(4000, "enough")

    assert web_socket.close_code == 4000


@pytest.mark.parametrize(
    ("head", "status", "detail"),
    [
        ("GET / HTTP/1.1\n\n", 400, "missing host field"),
        (f"GET {BASE}/{'x' * 20_000} HTTP/1.1\nHost: a\n\n", 414, "request target too long"),
        (f"GET {BASE} HTTP/1.1\nHost: a\nX: {'y' * 70_000}\n\n", 431, "head too large"),
        ("GET / HTTP/3.0\nHost: a\n\n", 505, None),
    ],
)
def test_what_is_no_request_is_told_as_a_problem(
    chain: Chain, head: str, status: int, detail: str | None
) -> None:
    with chain.connect() as wire:
        wire.send(head)
        answer = wire.until(b"}")

    fields, _, body = answer.partition(b"\r\n\r\n")
    problem = json.loads(body)
    assert fields.startswith(f"HTTP/1.1 {status} {problem['title']}\r\n".encode())
    assert b"content-type: application/problem+json\r\n" in fields.lower()
    assert problem["type"] == "about:blank"
    assert problem["status"] == status
    assert problem["detail"] == problem["error"] == (detail or problem["detail"])

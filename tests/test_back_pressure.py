"""Slow readers, idle streams and slow heads: what edge and `par` hold for them is bounded."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import resource
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtool.pac import request, wait_until
from pixell_testing.edge import Edge
from pixell_testing.forwarded import APP, BASE, par_before
from pixell_testing.memory import open_files, private_kib
from pixell_testing.origin import Origin, Request
from pixell_testing.raw_http2 import END_HEADERS, END_STREAM, HEADERS, RawHttp2, frame
from pixell_testing.stack import Par

MIB = 1 << 20
DEADLINE_S = 120
PIECE = bytes(1 << 16)
# A stream of this size, read with this many stops.
STREAM_BYTES = 1024 * MIB
STOPS = 16
# What one stream may wait with in one hop: high-water mark, read buffers, and what the allocator
# keeps of them.
WINDOW_KIB = 4 * 1024
HEAD_TIMEOUT_MS = 5000
# As many as the usual limit of 20,000 descriptors allows: each idle stream takes one at the agent's
# side, and those over HTTP/1.1 one at the client's.
HTTP1_STREAMS = 5000
HTTP2_CONNECTIONS = 20
STREAMS_EACH = 250
IDLE_STREAMS = HTTP1_STREAMS + HTTP2_CONNECTIONS * STREAMS_EACH
IDLE_STREAM_KIB = 16
SLOW_HEADS = 10_000
SLOW_HEAD_KIB = 4
FILES = 20_000


class Hops:
    """An edge before a `par` before an origin."""

    def __init__(self, origin: Origin, par: Par, edge: Edge) -> None:
        self.origin = origin
        self.pids = {"par": par.process.pid, "edge": edge.process.pid}
        self.edge = edge

    def memory(self) -> dict[str, int]:
        """What each program holds, in KiB."""
        return {name: private_kib(pid) for name, pid in self.pids.items()}


@pytest.fixture(scope="module")
def hops(scratch: Path) -> Iterator[Hops]:
    """The chain of the streams."""
    folder = scratch / "pressure"
    folder.mkdir()
    with Origin(folder / "origin.sock") as origin, par_before(origin.path, folder / "par") as par:
        par.wait_ready()
        with Edge(folder / "edge", {APP: par.url.removeprefix("http://")}) as edge:
            yield Hops(origin, par, edge)


def assert_bounded(before: dict[str, int], most: dict[str, int]) -> None:
    """No program has grown by more than the window."""
    grown = {name: most[name] - before[name] for name in before}
    assert max(grown.values()) < WINDOW_KIB, grown


class Flow:
    """Bytes that pass the origin, until they stand still."""

    def __init__(self) -> None:
        self.bytes = 0

    def wait_still(self) -> None:
        """Returns when nothing has passed for a while."""
        last = [-1]

        def is_still() -> bool:
            time.sleep(0.1)
            was, last[0] = last[0], self.bytes
            return was == self.bytes

        wait_until("nothing passes any more", is_still, DEADLINE_S)


def test_a_slow_reader_holds_the_agent_back(hops: Hops) -> None:
    sent = Flow()

    async def endless(request: Request) -> None:
        await request.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            await request.send(b"%x\r\n%s\r\n" % (len(PIECE), PIECE))
            sent.bytes += len(PIECE)

    hops.origin.on("/endless", endless)
    before = hops.memory()
    most = dict(before)
    got = 0
    connection = http.client.HTTPConnection("127.0.0.1", hops.edge.port, timeout=DEADLINE_S)
    with contextlib.closing(connection):
        connection.request("GET", f"{BASE}/endless")
        reply = connection.getresponse()
        buffer = bytearray(MIB)
        for stop in range(1, STOPS + 1):
            sent.wait_still()
            most = {name: max(most[name], kib) for name, kib in hops.memory().items()}
            while got < stop * STREAM_BYTES // STOPS:
                got += reply.readinto(buffer)
    assert_bounded(before, most)
    # What was read is what the origin has sent; the piece it is in the middle of is not counted yet.
    assert sent.bytes >= got - len(PIECE)


def test_an_agent_that_does_not_read_holds_an_upload_back(hops: Hops) -> None:
    may_read = asyncio.Event()

    async def late(request: Request) -> None:
        await may_read.wait()
        await request.reply(str(len(await request.body())).encode())

    hops.origin.on("/late", late)
    size = 64 * MIB
    before = hops.memory()
    sent = Flow()
    with socket.create_connection(("127.0.0.1", hops.edge.port), DEADLINE_S) as client:
        head = f"POST {BASE}/late HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n"

        def upload() -> None:
            client.sendall(head.encode())
            while sent.bytes < size:
                sent.bytes += client.send(PIECE[: size - sent.bytes])

        sender = threading.Thread(target=upload)
        sender.start()
        sent.wait_still()
        held = hops.memory()
        stood_at = sent.bytes
        hops.origin.call(may_read.set)
        answer = client.recv(65536)
        while not answer.endswith(str(size).encode()):
            answer += client.recv(65536)
        sender.join(DEADLINE_S)

    assert stood_at < size // 2
    assert_bounded(before, held)


# ------------------------------------------------------------------------------ many, and idle


@pytest.fixture(scope="module", autouse=True)
def many_files() -> Iterator[None]:
    """As many descriptors as the tests need; programs started by them inherit that."""
    was = resource.getrlimit(resource.RLIMIT_NOFILE)
    hard = was[1] if was[1] != resource.RLIM_INFINITY else FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(was[0], min(FILES, hard)), was[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, was)


@pytest.fixture
def other_origin(tmp_path: Path, scratch: Path) -> Iterator[Path]:
    """An origin of event streams in a process of its own, for its descriptors."""
    path = scratch / f"{tmp_path.name[-20:]}.sock"
    command = [sys.executable, "-B", "-m", "pixell_testing.event_origin", str(path)]
    with subprocess.Popen(command, cwd=Path(__file__).parent) as running:
        wait_until("the origin listens", path.exists, DEADLINE_S)
        yield path
        running.terminate()


@contextlib.contextmanager
def program_before(name: str, origin: Path, folder: Path) -> Iterator[tuple[int, int]]:
    """The edge or `par` before that origin: its process and its port."""
    if name == "edge":
        # What waits while a test opens thousands of connections at once is not to be shed.
        limits = ["--head-timeout-ms", str(HEAD_TIMEOUT_MS), "--shed-after-ms", "0"]
        with Edge(folder, {APP: f"unix:{origin}"}, *limits) as edge:
            yield edge.process.pid, edge.port
    else:
        with par_before(origin, folder) as par:
            par.wait_ready()
            yield par.process.pid, int(par.url.rpartition(":")[2])


def open_streams(port: int, stack: contextlib.ExitStack) -> None:
    """Opens the streams and reads the first event of each."""
    get = f"GET {BASE}/events HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    for first in range(0, HTTP1_STREAMS, 100):
        clients = []
        for _ in range(first, first + 100):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), DEADLINE_S))
            client.sendall(get)
            clients.append(client)
        for client in clients:
            text = b""
            while b"data: 0\n\n" not in text:
                text += client.recv(4096)
    for _ in range(HTTP2_CONNECTIONS):
        client = stack.enter_context(RawHttp2(port))
        client.socket.settimeout(DEADLINE_S)
        ends = END_STREAM | END_HEADERS
        client.send(
            b"".join(
                frame(HEADERS, ends, 2 * number + 1, client.block(f"{BASE}/events"))
                for number in range(STREAMS_EACH)
            )
        )
        begun: set[int] = set()
        while len(begun) < STREAMS_EACH:
            begun |= {each.stream_id for each in client.frames() if hasattr(each, "data")}


@pytest.mark.parametrize("name", ["edge", "par"])
def test_idle_event_streams_are_cheap(name: str, other_origin: Path, tmp_path: Path) -> None:
    with program_before(name, other_origin, tmp_path / name) as (pid, port):
        before = private_kib(pid)
        files_before = open_files(pid)
        with contextlib.ExitStack() as stack:
            open_streams(port, stack)
            assert open_files(pid) - files_before >= IDLE_STREAMS
            each = (private_kib(pid) - before) / IDLE_STREAMS
            answer = request(f"http://127.0.0.1:{port}", "GET", f"{BASE}/x", timeout_s=DEADLINE_S)

        print(f"{name}: {each:.1f} KiB per idle event stream")
        assert answer.status == 200
        assert each < IDLE_STREAM_KIB
        # One connection to the agent may stay for the next request.
        wait_until(
            "all are closed", lambda: open_files(pid) <= files_before + 2, DEADLINE_S
        )


def test_slow_heads_end_by_their_timeout_and_disturb_nobody(
    other_origin: Path, tmp_path: Path
) -> None:
    with program_before("edge", other_origin, tmp_path / "edge") as (pid, port):
        before = private_kib(pid)
        head = f"GET {BASE}/x HTTP/1.1\r\nHost: a\r\nX: {'y' * 100}".encode()
        url = f"http://127.0.0.1:{port}"
        with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
            began = time.monotonic()
            for _ in range(SLOW_HEADS):
                address = ("127.0.0.1", port)
                client = stack.enter_context(socket.create_connection(address, DEADLINE_S))
                client.sendall(head[:1])
                selector.register(client, selectors.EVENT_READ)
            held = 0
            at = 1
            latest = 0.0
            while selector.get_map():
                assert time.monotonic() - began < DEADLINE_S
                if at < len(head):
                    for key in list(selector.get_map().values()):
                        with contextlib.suppress(ConnectionError):
                            key.fileobj.send(head[at : at + 1])
                    at += 1
                asked = time.monotonic()
                assert request(url, "GET", f"{BASE}/x", timeout_s=10).status == 200
                latest = max(latest, time.monotonic() - asked)
                held = max(held, private_kib(pid) - before)
                for key, _ in selector.select(0):
                    with contextlib.suppress(ConnectionError):
                        if text := key.fileobj.recv(4096):
                            assert text.startswith(b"HTTP/1.1 408 "), text
                            continue
                    selector.unregister(key.fileobj)

        print(f"{held / SLOW_HEADS:.1f} KiB per slow head, the others waited {latest:.3f} s at most")
        assert held / SLOW_HEADS < SLOW_HEAD_KIB
        wait_until("all are closed", lambda: open_files(pid) < 100, DEADLINE_S)

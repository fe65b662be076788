"""HTTP/2 clients that cost more than they should: ended, bounded, and nobody else notices."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from hyperframe.frame import DataFrame, GoAwayFrame, HeadersFrame, RstStreamFrame, SettingsFrame

from devtool.pac import request, wait_until
from pixell_testing.edge import Edge
from pixell_testing.memory import private_kib
from pixell_testing.origin import Origin, Request
from pixell_testing.raw_http2 import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    HEADERS,
    PING,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    RawHttp2,
    frame,
)

APP = "calm"
PATH = f"/agents/{APP}/x"
ENDLESS = f"/agents/{APP}/endless"
HEAD_TIMEOUT_MS = 1000
SEND_STALL_MS = 2000
DEADLINE_S = 20
# Far above every limit; each flood ends by itself.
FLOOD = 20_000
PIECE = 100
# What one connection may make the edge hold, and what measuring is off by.
CONNECTION_KIB = 24 * 1024


async def endless(request: Request) -> None:
    """A body that does not end."""
    await request.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    piece = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    while True:
        await request.send(piece)


@pytest.fixture(scope="module")
def edge(scratch: Path) -> Iterator[Edge]:
    """An edge with short timeouts before an origin that always answers."""
    folder = scratch / "abuse"
    folder.mkdir()
    limits = ["--head-timeout-ms", HEAD_TIMEOUT_MS, "--send-stall-timeout-ms", SEND_STALL_MS]
    with (
        Origin(folder / "origin.sock") as origin,
        Edge(folder / "edge", {APP: origin.address}, *map(str, limits)) as running,
    ):
        origin.on("/endless", endless)
        yield running


@pytest.fixture(autouse=True)
def others(edge: Edge) -> Iterator[None]:
    """Whatever a test does, other clients are served afterwards."""
    yield
    assert request(edge.url, "GET", PATH).text == "GET 0"
    assert edge.process.poll() is None


def flooded(client: RawHttp2, piece: Callable[[int], bytes]) -> int | None:
    """Sends a flood while reading nothing of it; the error code of the GOAWAY."""
    for number in range(0, FLOOD, PIECE):
        if not client.send(b"".join(piece(each) for each in range(number, number + PIECE))):
            break
    return client.until_closed()


def test_rapid_reset_ends_the_connection(edge: Edge) -> None:
    with RawHttp2(edge.port) as client:

        def reset(number: int) -> bytes:
            stream = 2 * number + 1
            head = frame(HEADERS, END_STREAM | END_HEADERS, stream, client.block(PATH))
            return head + frame(RST_STREAM, 0, stream, struct.pack("!I", 8))

        code = flooded(client, reset)

        assert client.is_reset or code == ENHANCE_YOUR_CALM


def test_an_endless_header_block_ends_the_connection(edge: Edge) -> None:
    with RawHttp2(edge.port) as client:
        assert client.send(frame(HEADERS, END_STREAM, 1, client.block(PATH)))

        # Literals without indexing, 100 bytes each.
        field = b"\x00\x01x\x60" + b"y" * 96
        flooded(client, lambda _: frame(CONTINUATION, 0, 1, field))

    with RawHttp2(edge.port) as client:
        assert client.send(frame(HEADERS, END_STREAM, 1, client.block(PATH)))

        flooded(client, lambda _: frame(CONTINUATION, 0, 1))


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param(lambda _: frame(SETTINGS, 0, 0), id="settings"),
        pytest.param(lambda _: frame(PING, 0, 0, b"12345678"), id="ping"),
        pytest.param(lambda n: frame(PRIORITY, 0, 2 * n + 1, b"\0\0\0\0\x10"), id="priority"),
        pytest.param(
            lambda _: frame(WINDOW_UPDATE, 0, 0, struct.pack("!I", 1)), id="window_update"
        ),
    ],
)
@pytest.mark.parametrize("is_reading", [True, False])
def test_a_flood_of_frames_ends_the_connection(
    edge: Edge, piece: Callable[[int], bytes], is_reading: bool
) -> None:
    before = private_kib(edge.process.pid)
    with RawHttp2(edge.port) as client:
        if is_reading:
            code = None
            for number in range(0, FLOOD, PIECE):
                flood = b"".join(piece(each) for each in range(number, number + PIECE))
                # The answer to the last PING shows that all before it were read.
                if not client.send(flood + frame(PING, 0, 0, struct.pack("!Q", number))):
                    break
                code = answer_of(client, number)
                if code is not None:
                    break
            assert client.is_reset or code == ENHANCE_YOUR_CALM
        else:
            flooded(client, piece)

    assert private_kib(edge.process.pid) - before < CONNECTION_KIB


def answer_of(client: RawHttp2, number: int) -> int | None:
    """Reads up to the answer to a PING; the error code of a GOAWAY that came before it."""
    while frames := client.frames():
        for each in frames:
            if isinstance(each, GoAwayFrame):
                return each.error_code
            payload = getattr(each, "opaque_data", b"")
            if payload == struct.pack("!Q", number):
                return None
    client.is_reset = True
    return None


def test_a_flood_of_empty_data_ends_the_connection(edge: Edge) -> None:
    with RawHttp2(edge.port) as client:
        block = client.block(PATH, method="POST")
        assert client.send(frame(HEADERS, END_HEADERS, 1, block))

        code = flooded(client, lambda _: frame(DATA, 0, 1))

        assert client.is_reset or code == ENHANCE_YOUR_CALM


def test_streams_without_window_are_bounded_and_cut(edge: Edge) -> None:
    before = private_kib(edge.process.pid)
    initial_window = SettingsFrame.INITIAL_WINDOW_SIZE
    with RawHttp2(edge.port, {initial_window: 0}) as client:
        streams = {2 * number + 1 for number in range(250)}
        for stream in sorted(streams):
            client.get(stream, ENDLESS)
        held = 0
        cut = set()
        while cut != streams:
            held = max(held, private_kib(edge.process.pid) - before)
            for each in client.frames():
                assert not isinstance(each, DataFrame)
                if isinstance(each, RstStreamFrame):
                    cut.add(each.stream_id)

    assert held < CONNECTION_KIB


def test_a_client_that_takes_a_little_is_kept(edge: Edge) -> None:
    initial_window = SettingsFrame.INITIAL_WINDOW_SIZE
    with RawHttp2(edge.port, {initial_window: 0}) as client:
        client.get(1, ENDLESS)
        got = 0
        for _ in range(3 * SEND_STALL_MS // 500):
            assert client.send(frame(WINDOW_UPDATE, 0, 1, struct.pack("!I", 10)))
            client.socket.settimeout(0.5)
            try:
                while True:
                    for each in client.frames():
                        assert not isinstance(each, RstStreamFrame)
                        got += len(each.data) if isinstance(each, DataFrame) else 0
            except TimeoutError:
                pass

    assert got == 10 * (3 * SEND_STALL_MS // 500)


def test_a_window_over_its_limit_ends_the_connection(edge: Edge) -> None:
    most = struct.pack("!I", 2**31 - 1)
    with RawHttp2(edge.port) as client:
        assert client.send(frame(WINDOW_UPDATE, 0, 0, most))

        assert client.until_closed() == 3  # FLOW_CONTROL_ERROR


def test_a_head_byte_by_byte_ends_by_its_timeout(edge: Edge) -> None:
    with RawHttp2(edge.port) as client:
        head = frame(HEADERS, END_STREAM | END_HEADERS, 1, client.block(PATH, ("x", "y" * 1000)))
        drips = iter(range(9, len(head)))
        client.send(head[:9])
        client.socket.settimeout(0.1)

        def is_closed() -> bool:
            at = next(drips)
            client.send(head[at : at + 1])
            try:
                return client.frames() == []
            except TimeoutError:
                return False

        wait_until("the edge closes", is_closed, DEADLINE_S)


def test_a_drain_says_goodbye_and_lets_streams_end(scratch: Path) -> None:
    folder = scratch / "goodbye"
    folder.mkdir()
    with (
        Origin(folder / "origin.sock") as origin,
        Edge(folder / "edge", {APP: origin.address}) as edge,
        RawHttp2(edge.port) as client,
    ):
        client.send(frame(HEADERS, END_HEADERS, 1, client.block(PATH, method="POST")))
        client.send(frame(DATA, 0, 1, b"half"))
        wait_until("the origin has the head", lambda: origin.bytes_of(b"half"), DEADLINE_S)

        edge.process.terminate()
        last_ids = []
        head = None
        while frames := client.frames():
            for each in frames:
                if isinstance(each, GoAwayFrame):
                    assert each.error_code == 0
                    last_ids.append(each.last_stream_id)
                    if len(last_ids) == 2:
                        client.send(frame(DATA, END_STREAM, 1, b" and half"))
                elif "PING" in type(each).__name__.upper() and "ACK" not in each.flags:
                    client.send(frame(PING, ACK, 0, each.opaque_data))
                elif isinstance(each, HeadersFrame):
                    head = each

        assert last_ids == [2**31 - 1, 1]
        assert head is not None
        assert edge.process.wait(DEADLINE_S) == 0


def test_requests_on_one_connection_go_on(edge: Edge) -> None:
    """Many honest requests are no flood."""
    with httpx.Client(http1=False, http2=True, base_url=edge.url, trust_env=False) as client:
        for _ in range(1000):
            assert client.get(PATH).text == "GET 0"

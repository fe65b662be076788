"""HTTP/2 requests that would be something else in HTTP/1.1 end at the first hop."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hpack import Decoder
from hyperframe.frame import DataFrame, GoAwayFrame, HeadersFrame, RstStreamFrame

from pixell_testing.edge import Edge
from pixell_testing.forwarded import APP, BASE, par_before
from pixell_testing.origin import Origin
from pixell_testing.raw_http2 import DATA, END_HEADERS, END_STREAM, HEADERS, RawHttp2, frame
from smuggling.fields import HEADS, POST, Head

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def hops(scratch: Path) -> Iterator[tuple[Origin, dict[str, int]]]:
    """The origin, and the port of each program before it."""
    folder = scratch / "smuggling2"
    folder.mkdir()
    with (
        Origin(folder / "origin.sock") as origin,
        par_before(origin.path, folder / "par") as par,
        Edge(folder / "edge", {APP: origin.address}) as edge,
    ):
        par.wait_ready()
        yield origin, {"edge": edge.port, "par": int(par.url.rpartition(":")[2])}
        assert edge.process.poll() is None
        assert par.process.poll() is None


def ask(port: int, fields: tuple[tuple[str, str], ...], body: bytes | None) -> str:
    """The status of the answer, or `refused` when the stream or the connection ends."""
    with RawHttp2(port) as client:
        block = client.encode(*((name.encode(), value.encode()) for name, value in fields))
        flags = END_HEADERS | (END_STREAM if body is None else 0)
        client.send(frame(HEADERS, flags, 1, block))
        if body is not None:
            client.send(frame(DATA, END_STREAM, 1, body))
        decoder = Decoder()
        while frames := client.frames():
            for each in frames:
                if isinstance(each, HeadersFrame):
                    return dict(decoder.decode(each.data))[":status"]
                if isinstance(each, (RstStreamFrame, GoAwayFrame)):
                    return "refused"
                assert not isinstance(each, DataFrame)
    return "refused"


@pytest.mark.parametrize("program", ["edge", "par"])
@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.name)
def test_a_head_has_one_meaning(
    hops: tuple[Origin, dict[str, int]], head: Head, program: str
) -> None:
    origin, ports = hops
    path = f"{BASE}/head-{next(NUMBERS)}-"
    fields = tuple((name, value.replace("PATH", path)) for name, value in head.fields)

    verdict = ask(ports[program], fields, head.body)

    got = origin.bytes_of(path.removeprefix(BASE).encode())
    if head.is_passed:
        assert verdict == "200"
        lines = got.partition(b"\r\n\r\n")[0].lower().split(b"\r\n")[1:]
        names = [line.partition(b":")[0] for line in lines]
        assert names.count(b"host") == 1
        assert b"host: a" in lines
        assert names.count(b"content-length") + names.count(b"transfer-encoding") <= 1
        assert b"te" not in names
    else:
        assert verdict in ("refused", "400", "501")
        assert got == b""
        assert not any(b"SMUGGLED" in bytes(each) for each in origin.received)


@pytest.mark.parametrize("program", ["edge", "par"])
@pytest.mark.parametrize(("length", "body"), [("5", b"abc"), ("2", b"abc")])
def test_a_body_that_is_not_as_long_as_said(
    hops: tuple[Origin, dict[str, int]], program: str, length: str, body: bytes
) -> None:
    """The head may have gone on by then: the connection to the agent carries nothing after it."""
    origin, ports = hops
    path = f"{BASE}/length-{next(NUMBERS)}-"
    fields = tuple((name, value.replace("PATH", path)) for name, value in POST)

    verdict = ask(ports[program], (*fields, ("content-length", length)), body)

    assert verdict == "refused"
    got = origin.bytes_of(path.removeprefix(BASE).encode())
    assert got.count(b" HTTP/1.1\r\n") <= 1
    assert len(got.partition(b"\r\n\r\n")[2]) <= int(length)

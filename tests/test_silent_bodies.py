"""Requests whose body falls silent: refused in time, and the agent is told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hyperframe.frame import DataFrame

from devtool.pac import request, wait_until
from pixell_testing.edge import Edge
from pixell_testing.origin import Origin, Request
from pixell_testing.raw_http2 import DATA, END_HEADERS, HEADERS, RawHttp2, frame

APP = "patient"
PATH = f"/agents/{APP}/upload"
STALL_MS = 1000
DEADLINE_S = 20
WORDS = b"the request body took too long"


class Uploads:
    """What the agent saw of the uploads: how many broke off."""

    def __init__(self) -> None:
        self.broken = 0

    async def take(self, asked: Request) -> None:
        try:
            await asked.body()
        except (asyncio.IncompleteReadError, ValueError):  # no more bytes, or no size of a chunk
            self.broken += 1


@pytest.fixture
def uploads() -> Uploads:
    return Uploads()


@pytest.fixture
def edge(tmp_path: Path, uploads: Uploads) -> Iterator[Edge]:
    with (
        Origin(tmp_path / "origin.sock") as origin,
        Edge(
            tmp_path / "edge",
            {APP: origin.address},
            "--body-stall-timeout-ms",
            str(STALL_MS),
            "--head-timeout-ms",
            str(STALL_MS),
        ) as running,
    ):
        origin.on("/upload", uploads.take)
        yield running
        assert request(running.url, "GET", f"/agents/{APP}/x").status == 200


def test_an_upload_that_falls_silent_is_refused_over_http1(edge: Edge, uploads: Uploads) -> None:
    with socket.create_connection(("127.0.0.1", edge.port), timeout=DEADLINE_S) as client:
        client.sendall(
            f"POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nbegin".encode()
        )

        said = b""
        while piece := client.recv(65536):
            said += piece

    assert said.startswith(b"HTTP/1.1 408 ")
    assert WORDS in said
    wait_until("the agent is told", lambda: uploads.broken == 1, DEADLINE_S)


def test_an_upload_that_falls_silent_is_refused_over_http2(edge: Edge, uploads: Uploads) -> None:
    with RawHttp2(edge.port) as client:
        client.send(frame(HEADERS, END_HEADERS, 1, client.block(PATH, method="POST")))
        client.send(frame(DATA, 0, 1, b"begin"))

        said = b""
        while WORDS not in said:
            frames = client.frames()
            assert frames, "the connection ended without an answer"
            said += b"".join(each.data for each in frames if isinstance(each, DataFrame))

    wait_until("the agent is told", lambda: uploads.broken == 1, DEADLINE_S)

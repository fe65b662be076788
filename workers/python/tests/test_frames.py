"""Frames: what is sent can be read, and what is broken is refused."""

from __future__ import annotations

import asyncio
import json
import struct

import pytest

from pixell_worker.frames import Frame, FrameError, dump_json, encode, read_frame
from pixell_worker.limits import MAX_FRAME_BYTES


def read(data: bytes) -> Frame | None:
    async def run() -> Frame | None:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return await read_frame(reader)

    return asyncio.run(run())


def raw(head: bytes, body: bytes = b"") -> bytes:
    return struct.pack("<II", len(head), len(body)) + head + body


def test_a_frame_survives_the_round_trip() -> None:
    assert read(encode({"t": "ping", "n": 7}, b"\x00\xff")) == ({"t": "ping", "n": 7}, b"\x00\xff")


def test_lengths_are_little_endian() -> None:
    assert encode({"t": "a"}, b"xy")[:8] == b"\x09\x00\x00\x00\x02\x00\x00\x00"


def test_the_end_between_frames_is_none() -> None:
    assert read(b"") is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x01\x00", "inside a frame"),
        (raw(b'{"t":"x"}')[:-2], "inside a frame"),
        (struct.pack("<II", MAX_FRAME_BYTES, 1), "over the limit"),
        (raw(b"{nope"), "not JSON"),
        (raw(b"[1]"), "not an object"),
        (raw(b'{"v":1}'), "not an object with the member t"),
    ],
)
def test_a_broken_frame_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(FrameError, match=words):
        read(data)


def test_a_frame_over_the_limit_is_not_sent() -> None:
    with pytest.raises(FrameError, match="over the limit"):
        encode({"t": "done"}, bytes(MAX_FRAME_BYTES))


def test_what_json_cannot_say_becomes_text() -> None:
    cycle: list[object] = []
    cycle.append(cycle)

    assert json.loads(dump_json({"a": {1}})) == {"a": "{1}"}
    assert json.loads(dump_json(float("nan"))) == "nan"
    assert json.loads(dump_json({("a", "b"): 1})) == "{('a', 'b'): 1}"
    assert json.loads(dump_json(cycle)) == "[[...]]"
    assert dump_json("\ud800").decode("utf-8") == '"?"'
    assert dump_json("é").decode("utf-8") == '"é"'

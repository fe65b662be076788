"""Frames of `par-worker/1`: two little-endian lengths, a JSON header, a raw body."""

from __future__ import annotations

import asyncio
import json
import struct
from typing import Any, NamedTuple

from .limits import MAX_FRAME_BYTES

_LENGTHS = struct.Struct("<II")


class FrameError(Exception):
    """The other end broke the protocol; the connection cannot go on."""


class Frame(NamedTuple):
    """One message: its header (always with the member `t`) and its raw body."""

    header: dict[str, Any]
    body: bytes = b""


def dump_json(value: Any) -> bytes:
    """JSON text of a value as UTF-8 that every strict parser accepts.

    What JSON cannot say (objects, NaN, cycles) becomes the text of `str()`.
    """
    try:
        text = json.dumps(
            value, default=str, ensure_ascii=False, allow_nan=False, separators=(",", ":")
        )
    except (TypeError, ValueError, RecursionError):
        text = json.dumps(str(value), ensure_ascii=False)
    return text.encode("utf-8", "replace")


def encode(header: dict[str, Any], body: bytes = b"") -> bytes:
    """The bytes of one frame; FrameError when it is over the limit."""
    head = dump_json(header)
    if len(head) + len(body) > MAX_FRAME_BYTES:
        size = len(head) + len(body)
        raise FrameError(f"a frame of {size} bytes is over the limit of {MAX_FRAME_BYTES}")
    return _LENGTHS.pack(len(head), len(body)) + head + body


async def read_frame(reader: asyncio.StreamReader) -> Frame | None:
    """The next frame, or None when the other end closed between frames."""
    try:
        head_size, body_size = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
        if head_size + body_size > MAX_FRAME_BYTES:
            raise FrameError(f"a frame of {head_size + body_size} bytes is over the limit")
        head = await reader.readexactly(head_size)
        body = await reader.readexactly(body_size)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise FrameError("the connection ended inside a frame") from None
        return None
    except ConnectionError:
        return None
    try:
        header = json.loads(head)
    except ValueError as error:
        raise FrameError(f"the header of a frame is not JSON: {error}") from None
    if not isinstance(header, dict) or not isinstance(header.get("t"), str):
        raise FrameError("the header of a frame is not an object with the member t")
    return Frame(header, body)


class FrameWriter:
    """Sends frames from many tasks over one connection, in the order of the calls."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._lock = asyncio.Lock()

    async def send(self, header: dict[str, Any], body: bytes = b"") -> None:
        """Sends one frame; waits while the other end does not read. FrameError over the limit.

        A connection that is already gone is not an error here: the reader ends the worker.
        """
        data = encode(header, body)
        async with self._lock:
            try:
                self._writer.write(data)
                await self._writer.drain()
            except ConnectionError:
                return

    async def close(self) -> None:
        """Closes the connection after everything was handed to the kernel."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return

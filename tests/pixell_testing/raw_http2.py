"""A client that speaks HTTP/2 frame by frame, and need not keep to the rules."""

from __future__ import annotations

import contextlib
import socket
import struct

from hpack import Encoder
from hyperframe.frame import Frame, GoAwayFrame, SettingsFrame

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
READ_DEADLINE_S = 10

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING = 0x0, 0x1, 0x2, 0x3, 0x4, 0x6
WINDOW_UPDATE, CONTINUATION = 0x8, 0x9
END_STREAM, END_HEADERS, ACK = 0x1, 0x4, 0x1

ENHANCE_YOUR_CALM = 0xB
PROTOCOL_ERROR = 0x1


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame (RFC 9113 4.1)."""
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


class RawHttp2:
    """One connection; the preface and SETTINGS are sent."""

    def __init__(self, port: int, settings: dict[int, int] | None = None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=READ_DEADLINE_S)
        self._encoder = Encoder()
        self._rest = b""
        self.is_reset = False
        mine = SettingsFrame(settings=settings or {}).serialize()
        self.socket.sendall(PREFACE + mine)

    def __enter__(self) -> RawHttp2:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def block(self, path: str, *more: tuple[str, str], method: str = "GET") -> bytes:
        """A header block with these pseudo-headers and what comes after them."""
        fields = [(":method", method), (":scheme", "http"), (":authority", "a"), (":path", path)]
        return self.encode(*fields, *more)

    def encode(self, *fields: tuple[str | bytes, str | bytes]) -> bytes:
        """A header block of exactly these fields."""
        return self._encoder.encode(list(fields), huffman=False)

    def get(self, stream: int, path: str) -> None:
        """A whole request."""
        self.send(frame(HEADERS, END_STREAM | END_HEADERS, stream, self.block(path)))

    def send(self, data: bytes) -> bool:
        """False when the other side has gone."""
        try:
            self.socket.sendall(data)
        except TimeoutError:
            raise
        except OSError:
            self.is_reset = True
        return not self.is_reset

    def frames(self) -> list[Frame]:
        """Reads what comes next; empty at the end of the connection."""
        while True:
            found = []
            while len(self._rest) >= 9:
                head, length = Frame.parse_frame_header(memoryview(self._rest[:9]))
                if len(self._rest) < 9 + length:
                    break
                head.parse_body(memoryview(self._rest[9 : 9 + length]))
                self._rest = self._rest[9 + length :]
                found.append(head)
            if found:
                return found
            data = b""
            with contextlib.suppress(ConnectionError):
                data = self.socket.recv(65536)
            if not data:
                return []
            self._rest += data

    def until_closed(self) -> int | None:
        """Reads to the end of the connection; the error code of the last GOAWAY."""
        code = None
        while frames := self.frames():
            for each in frames:
                if isinstance(each, GoAwayFrame):
                    code = each.error_code
        return code

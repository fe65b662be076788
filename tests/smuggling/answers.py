"""Answers of an agent that must never reach a client as they are."""

from __future__ import annotations

import dataclasses

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"
# Where an answer ends too early for one reader, this would be the next one.
SECOND = b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nSMUGGLED"


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the agent says, and what the client gets."""

    name: str
    text: bytes
    status: int = 502
    is_cut: bool = False  # the head was good: the client sees that the rest is missing


ANSWERS = [
    Answer("CL with TE", OK + b"content-length: 3\r\n" + CHUNKED + b"\r\n0\r\n\r\n"),
    Answer("two CLs that differ", OK + b"content-length: 3\r\ncontent-length: 4\r\n\r\nabcd"),
    Answer("CL with +", OK + b"content-length: +3\r\n\r\nabc"),
    Answer("CL empty", OK + b"content-length:\r\n\r\nabc"),
    Answer("TE unknown", OK + b"transfer-encoding: gzip\r\n\r\nabc"),
    Answer("TE twice", OK + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n"),
    Answer("TE with HTTP/1.0", b"HTTP/1.0 200 OK\r\n" + CHUNKED + b"\r\n0\r\n\r\n"),
    Answer("field that is folded", OK + b"x: a\r\n b\r\ncontent-length: 0\r\n\r\n"),
    Answer("field with a bare CR", OK + b"x: a\rset-cookie: b\r\ncontent-length: 0\r\n\r\n"),
    Answer("field with a bare LF", OK + b"x: a\nset-cookie: b\r\ncontent-length: 0\r\n\r\n"),
    Answer("field with NUL", OK + b"x: a\0\r\ncontent-length: 0\r\n\r\n"),
    Answer("field name with a blank", OK + b"x : a\r\ncontent-length: 0\r\n\r\n"),
    Answer("field without :", OK + b"x\r\ncontent-length: 0\r\n\r\n"),
    Answer("fields, too many", OK + b"x: y\r\n" * 200 + b"content-length: 0\r\n\r\n"),
    Answer("head, too long", OK + b"x: " + b"y" * 70_000 + b"\r\ncontent-length: 0\r\n\r\n"),
    Answer("no HTTP", b"hello\r\n\r\n"),
    Answer("HTTP/2.0", b"HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n"),
    Answer("status of two digits", b"HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n"),
    Answer("status in letters", b"HTTP/1.1 2OO OK\r\ncontent-length: 0\r\n\r\n"),
    Answer("status 000", b"HTTP/1.1 000 OK\r\ncontent-length: 0\r\n\r\n"),
    Answer("reason with NUL", b"HTTP/1.1 200 O\0K\r\ncontent-length: 0\r\n\r\n"),
    Answer("switch that nobody asked for", b"HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n" + SECOND),
    Answer("nothing", b""),
    Answer("half a head", OK + b"content-le"),
    Answer("two answers", OK + b"content-length: 2\r\n\r\nok" + SECOND, 200),
    Answer("204 with a body", b"HTTP/1.1 204 No\r\ncontent-length: 8\r\n\r\nSMUGGLED", 204),
    Answer("304 with a body", b"HTTP/1.1 304 No\r\ncontent-length: 8\r\n\r\nSMUGGLED", 304),
    Answer("chunk size in words", OK + CHUNKED + b"\r\n3\r\nabc\r\nzz\r\nSMUGGLED", 200, True),
    Answer("chunk ended badly", OK + CHUNKED + b"\r\n3\r\nabcXSMUGGLED", 200, True),
    Answer("chunks without an end", OK + CHUNKED + b"\r\n3\r\nabc\r\n", 200, True),
    Answer("trailer that splits", OK + CHUNKED + b"\r\n3\r\nabc\r\n0\r\nx: a\nSMUGGLED: b\r\n\r\n", 200, True),
]  # fmt: skip

"""HTTP/2 heads that must not reach an agent, which is asked in HTTP/1.1, and odd ones that may."""

from __future__ import annotations

import dataclasses

PSEUDO = ((":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "PATH"))
POST = ((":method", "POST"), *PSEUDO[1:])

Fields = tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True)
class Head:
    """The fields of a request, and whether it may be passed on."""

    name: str
    fields: Fields
    body: bytes | None = None
    is_passed: bool = False


def _with(name: str, value: str) -> Fields:
    return (*PSEUDO, (name, value))


def _instead(name: str, value: str) -> Fields:
    return tuple((given, value if given == name else was) for given, was in PSEUDO)


def _without(name: str) -> Fields:
    return tuple(field for field in PSEUDO if field[0] != name)


HEADS = [
    # RFC 9113 8.3: pseudo-header fields.
    *(Head(f"{name} twice", (*PSEUDO, (name, value))) for name, value in PSEUDO),
    *(Head(f"{name} is missing", _without(name)) for name in (":method", ":scheme", ":path")),
    *(Head(f"{name} is empty", _instead(name, "")) for name in (":method", ":path")),
    Head("pseudo behind regular", (("x", "y"), *PSEUDO)),
    Head("pseudo that is unknown", (*PSEUDO, (":x", "y"))),
    Head(":status in a request", (*PSEUDO, (":status", "200"))),
    Head(":path without /", _instead(":path", "xPATH")),
    Head(":path with a blank", _instead(":path", "PATH HTTP/1.1")),
    Head(":path with CR LF", _instead(":path", "PATH HTTP/1.1\r\nx: y")),
    Head(":path with a tab", _instead(":path", "PATH\tx")),
    Head(":path with NUL", _instead(":path", "PATH\0")),
    Head(":path with a fragment", _instead(":path", "PATH#x")),
    Head(":method with a blank", _instead(":method", "GET /SMUGGLED HTTP/1.1\r\nx:")),
    Head(":method with CR LF", _instead(":method", "GET\r\n")),
    Head(":method CONNECT", _instead(":method", "CONNECT")),
    Head(":authority with CR LF", _instead(":authority", "a\r\nx: y")),
    Head(":authority with @", _instead(":authority", "a@b")),
    Head(":authority with a path", _instead(":authority", "a/b")),
    Head(":authority with a blank", _instead(":authority", "a b")),
    Head(":scheme with CR LF", _instead(":scheme", "http\r\nx: y")),
    # RFC 9113 8.2.1: names and values.
    Head("name in capitals", _with("X-A", "y")),
    Head("name with a blank", _with("x y", "z")),
    Head("name with :", _with("x:y", "z")),
    Head("name with CR LF", _with("x: y\r\nz", "z")),
    Head("name with NUL", _with("x\0", "z")),
    Head("name is empty", _with("", "z")),
    Head("value with CR LF", _with("x", "y\r\nz: SMUGGLED")),
    Head("value with CR", _with("x", "y\rz")),
    Head("value with LF", _with("x", "y\nz: SMUGGLED")),
    Head("value with NUL", _with("x", "y\0")),
    Head("value with a request", _with("x", "y\r\n\r\nGET /SMUGGLED HTTP/1.1\r\nHost: a\r\n\r\n")),
    # RFC 9113 8.2.2: fields of a connection.
    Head("connection", _with("connection", "close")),
    Head("keep-alive", _with("keep-alive", "timeout=5")),
    Head("proxy-connection", _with("proxy-connection", "close")),
    Head("transfer-encoding", (*POST, ("transfer-encoding", "chunked")), b"0\r\n\r\nSMUGGLED"),
    Head("upgrade", _with("upgrade", "websocket")),
    Head("te: gzip", _with("te", "gzip")),
    Head("te: trailers", _with("te", "trailers"), is_passed=True),
    # RFC 9113 8.1.1: content-length and DATA.
    Head("content-length with +", (*POST, ("content-length", "+3")), b"abc"),
    Head("content-length twice", (*POST, ("content-length", "3"), ("content-length", "4")), b"abc"),
    Head("content-length in words", (*POST, ("content-length", "three")), b"abc"),
    Head("content-length that fits", (*POST, ("content-length", "3")), b"abc", is_passed=True),
    # What an HTTP/1.1 server may read another way.
    Head("host beside :authority", _with("host", "b"), is_passed=True),
    Head("two hosts", (*_without(":authority"), ("host", "a"), ("host", "b"))),
    Head("host with CR LF", (*_without(":authority"), ("host", "a\r\nx: y"))),
    Head("content-length and no body", _with("content-length", "0"), is_passed=True),
]

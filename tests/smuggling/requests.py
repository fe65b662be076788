"""HTTP/1 requests that must not reach an agent, and a few odd ones that may.

In each text PATH stands for a path of the agent. A request SMUGGLED behind it must never be read as
one of its own by whoever is upstream.
"""

from __future__ import annotations

import dataclasses

GET = b"GET PATH HTTP/1.1\r\nHost: a\r\n"
POST = b"POST PATH HTTP/1.1\r\nHost: a\r\n"
END = b"\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
# As the rest of a body, it is a request to whoever thinks the body has ended.
SMUGGLED = b"GET /SMUGGLED HTTP/1.1\r\nHost: a\r\n\r\n"
EMPTY_BODY = b"0\r\n\r\n"


@dataclasses.dataclass(frozen=True)
class Case:
    """One request, how it must be answered, and why (RFC 9110, 9112 by section)."""

    name: str
    text: bytes
    status: int  # 200 = forwarded, in one meaning only
    why: str = ""


def _length(value: bytes) -> bytes:
    return b"Content-Length: " + value + b"\r\n"


def _chunks(body: bytes) -> bytes:
    return POST + CHUNKED + END + body


_LENGTHS = [
    Case("CL with TE", POST + _length(b"6") + CHUNKED + END + b"0\r\n\r\nG", 400, "9112 6.1"),
    Case("TE with CL", POST + CHUNKED + _length(b"6") + END + b"0\r\n\r\nG", 400, "9112 6.1"),
    Case("CL 0 with TE", POST + _length(b"0") + CHUNKED + END + EMPTY_BODY + SMUGGLED, 400),
    Case("two CLs that differ", POST + _length(b"3") + _length(b"4") + END + b"abcd", 400),
    Case("two CLs that agree", POST + _length(b"3") + _length(b"3") + END + b"abc", 200),
    Case("CL list that differs", POST + _length(b"3, 4") + END + b"abcd", 400),
    Case("CL list that agrees", POST + _length(b"3, 3") + END + b"abc", 400, "9110 8.6"),
    Case("CL with +", POST + _length(b"+3") + END + b"abc", 400),
    Case("CL with -", POST + _length(b"-3") + END + b"abc", 400),
    Case("CL in hex", POST + _length(b"0x3") + END + b"abc", 400),
    Case("CL with a fraction", POST + _length(b"3.0") + END + b"abc", 400),
    Case("CL with a blank inside", POST + _length(b"3 0") + END + b"abc", 400),
    Case("CL empty", POST + _length(b"") + END, 400),
    Case("CL in words", POST + _length(b"three") + END, 400),
    Case("CL in quotes", POST + _length(b'"3"') + END + b"abc", 400),
    Case("CL over 64 bits", POST + _length(b"18446744073709551619") + END + b"abc", 400),
    Case("CL in full-width digits", POST + _length("３".encode()) + END + b"abc", 400),
    Case("CL with a vertical tab", POST + _length(b"\x0b3") + END + b"abc", 400),
    Case("CL with a leading zero", POST + _length(b"003") + END + b"abc", 200),
]

_CODINGS = [
    Case("TE twice", POST + CHUNKED + CHUNKED + END + EMPTY_BODY, 400),
    Case("TE chunked, chunked", POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n", 400),
    Case("TE identity", POST + b"Transfer-Encoding: identity\r\n\r\n" + SMUGGLED, 501),
    Case("TE chunked, identity", POST + b"Transfer-Encoding: chunked, identity\r\n\r\n", 400),
    Case("TE gzip, chunked", POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
    Case("TE xchunked", POST + b"Transfer-Encoding: xchunked\r\n\r\n" + SMUGGLED, 501),
    Case("TE in quotes", POST + b'Transfer-Encoding: "chunked"\r\n\r\n' + SMUGGLED, 501),
    Case("TE with a parameter", POST + b"Transfer-Encoding: chunked;q=1\r\n\r\n", 501),
    Case("TE empty", POST + b"Transfer-Encoding:\r\n\r\n" + SMUGGLED, 400),
    Case("TE with a comma first", POST + b"Transfer-Encoding: ,chunked\r\n\r\n", 400),
    Case("TE with a vertical tab", POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n", 400),
    Case("TE with a blank before :", POST + b"Transfer-Encoding : chunked\r\n\r\n", 400, "9112 5.1"),
    Case("TE with a tab before :", POST + b"Transfer-Encoding\t: chunked\r\n\r\n", 400),
    Case("TE with NUL", POST + b"Transfer-Encoding: chunked\0\r\n\r\n", 400),
    Case("TE behind a bare CR", POST + b"X: y\rTransfer-Encoding: chunked\r\n\r\n", 400),
    Case("TE behind a bare LF", POST + b"X: y\nTransfer-Encoding: chunked\r\n\r\n", 400),
    Case("TE folded", POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + EMPTY_BODY, 400, "9112 5.2"),
    Case("TE with _", POST + _length(b"3") + b"Transfer_Encoding: chunked\r\n\r\nabc", 200),
    Case("TE in capitals", POST + b"TRANSFER-ENCODING: CHUNKED\r\n\r\n" + EMPTY_BODY, 200),
    Case(
        "TE with HTTP/1.0", b"POST PATH HTTP/1.0\r\nHost: a\r\n" + CHUNKED + END + EMPTY_BODY, 400,
        "9112 6.1",
    ),
]  # fmt: skip

_CHUNKS = [
    Case("chunk size with +", _chunks(b"+3\r\nabc\r\n" + EMPTY_BODY), 400),
    Case("chunk size with -", _chunks(b"-1\r\n" + EMPTY_BODY), 400),
    Case("chunk size with 0x", _chunks(b"0x3\r\nabc\r\n" + EMPTY_BODY), 400),
    Case("chunk size empty", _chunks(b"\r\nabc\r\n" + EMPTY_BODY), 400),
    Case("chunk size over 64 bits", _chunks(b"10000000000000003\r\nabc\r\n" + EMPTY_BODY), 400),
    Case("chunk size with a blank first", _chunks(b" 3\r\nabc\r\n" + EMPTY_BODY), 400),
    Case("chunk size ended by LF", _chunks(b"3\nabc\r\n" + EMPTY_BODY), 400, "9112 7.1"),
    Case("chunk size ended by CR", _chunks(b"3\rabc\r\n" + EMPTY_BODY), 400),
    Case("chunk data longer than said", _chunks(b"3\r\nabcd\r\n" + EMPTY_BODY), 400),
    Case("chunk data ended by LF", _chunks(b"3\r\nabc\n" + EMPTY_BODY), 400),
    Case("chunk data ended by two bytes", _chunks(b"3\r\nabcXX" + EMPTY_BODY), 400),
    Case("chunk extension with LF", _chunks(b"3;a\nb\r\nabc\r\n" + EMPTY_BODY), 400),
    Case("chunk extension with NUL", _chunks(b"3;a\0\r\nabc\r\n" + EMPTY_BODY), 400),
    Case("chunk extension of 64 KiB", _chunks(b"3;" + b"a" * 65536 + b"\r\nabc\r\n"), 400),
    Case("chunk extension", _chunks(b'3;a="b"\r\nabc\r\n' + EMPTY_BODY), 200),
    Case("trailer with LF only", _chunks(b"0\r\nX: y\n\r\n"), 400),
    Case("trailer that is folded", _chunks(b"0\r\nX: y\r\n z\r\n\r\n"), 400),
    Case("trailer without a name", _chunks(b"0\r\n: y\r\n\r\n"), 400),
    Case("trailer that frames", _chunks(b"0\r\nContent-Length: 9\r\n\r\n"), 200, "dropped"),
]

_HEADS = [
    Case("field that is folded", GET + b"X: a\r\n b\r\n\r\n", 400, "9112 5.2"),
    Case("first field is folded", b"GET PATH HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    Case("field without :", GET + b"X\r\n\r\n", 400),
    Case("field without a name", GET + b": x\r\n\r\n", 400),
    Case("field name with a blank", GET + b"X y: z\r\n\r\n", 400),
    Case("field name with NUL", GET + b"X\0: y\r\n\r\n", 400),
    Case("field name in UTF-8", GET + "Ü: y\r\n\r\n".encode(), 400),
    Case("field value with NUL", GET + b"X: y\0\r\n\r\n", 400, "9110 5.5"),
    Case("field value with a bare CR", GET + b"X: a\rb\r\n\r\n", 400, "9110 5.5"),
    Case("field value with DEL", GET + b"X: a\x7f\r\n\r\n", 400),
    Case("head with LF only", b"GET PATH HTTP/1.1\nHost: a\n\n", 400),
    Case("head ended by LF CR", GET + b"\n\r", 400),
    Case("fields, too many", GET + b"X: y\r\n" * 200 + END, 431),
    Case("field, too long", GET + b"X: " + b"y" * 70_000 + b"\r\n\r\n", 431),
    Case("target, too long", b"GET PATH" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    Case("method, too long", b"G" * 70_000 + b" PATH HTTP/1.1\r\nHost: a\r\n\r\n", 431),
    Case("Host is missing", b"GET PATH HTTP/1.1\r\n\r\n", 400, "9112 3.2"),
    Case("Host twice", GET + b"Host: a\r\n\r\n", 400, "9112 3.2"),
    Case("Host twice, another", GET + b"Host: b\r\n\r\n", 400),
    Case("Host with a path", b"GET PATH HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    Case("Host with @", b"GET PATH HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
    Case("Host with a blank", b"GET PATH HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    Case("Host list", b"GET PATH HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
    Case("absolute target, other Host", b"GET http://b/PATH HTTP/1.1\r\nHost: a\r\n\r\n", 200, "9112 3.2.2"),
    Case("absolute target with @", b"GET http://u@b/PATH HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    Case("absolute target, no authority", b"GET http:///PATH HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    Case("absolute target, other scheme", b"GET ftp://a/PATH HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    Case("authority as target", b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 501),
    Case("target without /", b"GET xPATH HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    Case("target * with GET", b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    Case("target with a fragment", b"GET PATH#x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    Case("target with a blank", b"GET PATH x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    Case("target with a tab", b"GET PATH\tx HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    Case("target with NUL", b"GET PATH\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    Case("target with a bare CR", b"GET PATH\rX HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    Case("request line with two blanks", b"GET  PATH HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    Case("request line with tabs", b"GET\tPATH\tHTTP/1.1\r\nHost: a\r\n\r\n", 400),
    Case("request line with a blank first", b" GET PATH HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    Case("request line with a blank last", b"GET PATH HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
    Case("empty lines before", b"\r\n\r\n" + GET + END, 200, "9112 2.2"),
    Case("method with :", b"G:T PATH HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    Case("method with (", b"G(T PATH HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    Case("method is empty", b" PATH HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    Case("method of one's own", b"PURGE PATH HTTP/1.1\r\nHost: a\r\n\r\n", 200),
    Case("HTTP/0.9", b"GET PATH\r\n\r\n", 400),
    Case("HTTP/1.2", b"GET PATH HTTP/1.2\r\nHost: a\r\n\r\n", 200, "9110 2.5"),
    Case("HTTP/2.0", b"GET PATH HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    Case("HTTP/1.10", b"GET PATH HTTP/1.10\r\nHost: a\r\n\r\n", 400),
    Case("HTTP/11", b"GET PATH HTTP/11\r\nHost: a\r\n\r\n", 400),
    Case("http/1.1", b"GET PATH http/1.1\r\nHost: a\r\n\r\n", 400, "9112 2.3"),
    Case("HTTP/ 1.1", b"GET PATH HTTP/ 1.1\r\nHost: a\r\n\r\n", 400),
    Case("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03PATH\r\n\r\n", 400),
    Case("upgrade with a body", POST + b"Connection: upgrade\r\nUpgrade: x\r\n" + _length(b"3") + END + b"abc", 200),
    Case("h2c upgrade", GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n", 200, "9113 3.1: ignored"),
    Case("Connection names Host", GET + b"Connection: close, host, x-forwarded-for\r\n\r\n", 200),
    Case("Connection names CL", POST + b"Connection: content-length\r\n" + _length(b"3") + END + b"abc", 200),
]  # fmt: skip

CASES = [*_LENGTHS, *_CODINGS, *_CHUNKS, *_HEADS]

"""What the benches ask: the same headers and bodies for every proxy."""

from __future__ import annotations

from collections.abc import Sequence

FEW_HEADERS = ("accept: */*", "user-agent: bench")
# About what a browser sends, 700 bytes.
MANY_HEADERS = (
    "user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/124.0.0.0 Safari/537.36",
    "accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "accept-language: en-GB,en;q=0.9,de;q=0.8",
    "accept-encoding: gzip, deflate, br",
    "cache-control: no-cache",
    "referer: https://console.example.com/agents/bench/sessions/01HZX3V9",
    "cookie: session=6f1c2a9e4b7d8035a1f2c3d4e5f60718293a4b5c6d7e8f90; theme=dark; lang=en",
    "authorization: Bearer 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "origin: https://console.example.com",
    "sec-fetch-site: same-origin",
    "sec-fetch-mode: cors",
)

# Two apps at the edge; the other proxies pass every path on as it is.
HTTP_APP, GRPC_APP = "bench", "calls"
HTTP_PATH = f"/agents/{HTTP_APP}/api/"  # and what bench/native/http_upstream.cpp is to answer
UI_PATH = f"/agents/{HTTP_APP}/ui/"
GRPC_PATH = f"/agents/{GRPC_APP}/a2a/pixell.agent.AgentService/Ping"

# A message of 200 bytes in gRPC's frame: not compressed, its length.
GRPC_BODY = b"\0" + (200).to_bytes(4, "big") + b"\x0a" * 200
GRPC_EMPTY = bytes(5)  # a message without fields
GRPC_FIELDS = ("content-type: application/grpc", "te: trailers")


def http_request(target: str, headers: Sequence[str]) -> bytes:
    """A GET as it is sent."""
    lines = [f"GET {target} HTTP/1.1", "host: bench.example.com", *headers, "", ""]
    return "\r\n".join(lines).encode()

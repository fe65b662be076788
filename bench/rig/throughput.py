"""Requests per CPU second of a proxy, and per second, of the edge and its peers in turn."""

from __future__ import annotations

import dataclasses
import http.client
import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from measure import TICK_S, cpu_seconds, median
from rig.load import Calls, h2load, wrk
from rig.peers import Peer
from rig.requests import FEW_HEADERS, GRPC_PATH, HTTP_PATH, MANY_HEADERS

EDGE = "edge"
HEADING = """
| case | proxy | requests per CPU second | requests per second | ours against it | aim |
|---|---|---|---|---|---|"""
PROBE_DEADLINE_S = 20
WARM_UP_S = 1
TLS = "tls"  # the entry that is encrypted, and the case that uses it
Load = Callable[[Peer, str, int, Path], int]  # a proxy, where, seconds, a folder → requests


@dataclasses.dataclass(frozen=True)
class Rival:
    """A proxy the edge is compared with, where that takes the requests, and what is to be reached.

    `floor` and `aim` are the edge's requests per CPU second over the rival's; 0 = none is set.
    """

    name: str
    entry: str = "http"
    floor: float = 0
    aim: float = 0

    @property
    def title(self) -> str:
        """As the table shows it."""
        return self.name if self.entry in ("http", "grpc") else f"{self.name}, {self.entry}"


@dataclasses.dataclass(frozen=True)
class Case:
    """A kind of load and the rivals in it; `load` loads a peer's entry for some seconds."""

    what: str
    load: Load
    rivals: tuple[Rival, ...]
    edge_entry: str = "http"


@dataclasses.dataclass
class Figures:
    """One figure per round."""

    per_cpu_second: list[float] = dataclasses.field(default_factory=list)
    per_second: list[float] = dataclasses.field(default_factory=list)


def probe(port: int, path: str, size: int, *, is_encrypted: bool) -> None:
    """RuntimeError unless a proxy hands on what is answered to `path`, all of it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PROBE_DEADLINE_S)
    if is_encrypted:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # it is the bench's own
        connection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=PROBE_DEADLINE_S, context=context
        )
    connection.request("GET", path)
    reply = connection.getresponse()
    body = reply.read()
    connection.close()
    if reply.status != 200 or len(body) != size:
        raise RuntimeError(f"port {port} answered {reply.status} with {len(body)} bytes to {path}")


def http_load_of(
    path: str, size: int, connections: int, headers: Sequence[str] = FEW_HEADERS
) -> Load:
    """wrk, for a path that is answered with a body of `size` bytes."""

    def load(peer: Peer, entry: str, seconds: int, _: Path) -> int:
        port, is_encrypted = peer.ports[entry], entry == TLS
        probe(port, path, size, is_encrypted=is_encrypted)
        scheme = "https" if is_encrypted else "http"
        return wrk(f"{scheme}://127.0.0.1:{port}{path}", connections, seconds, headers)

    return load


def grpc_load_of(connections: int, streams: int, path: str = GRPC_PATH, **more: Any) -> Load:
    """h2load, unary calls; `more` as for Calls."""

    def load(peer: Peer, _: str, seconds: int, scratch: Path) -> int:
        url = f"http://127.0.0.1:{peer.ports['grpc']}{path}"
        return h2load(Calls(url, connections, streams, **more), scratch, ["-D", str(seconds)])

    return load


def bodies(what: str, name: str, size: int) -> Case:
    """A large body, against nginx with buffers as they come and with large ones."""
    return Case(
        f"{what} reply, 32 connections",
        http_load_of(f"{HTTP_PATH}{name}", size, 32),
        (
            Rival("nginx", floor=2.0, aim=2.0),
            Rival("nginx", "tuned", floor=1.0, aim=1.0),
            Rival("haproxy"),
            Rival("caddy"),
        ),
    )


CASES = {
    "small": Case(
        "200-byte reply, 64 connections, few headers",
        http_load_of(f"{HTTP_PATH}small", 200, 64),
        (Rival("nginx", floor=1.15, aim=1.25), Rival("haproxy"), Rival("caddy")),
    ),
    "headers": Case(
        "200-byte reply, 1,000 connections, 11 headers",
        http_load_of(f"{HTTP_PATH}small", 200, 1000, MANY_HEADERS),
        (Rival("nginx", floor=1.3, aim=1.5), Rival("haproxy"), Rival("caddy")),
    ),
    TLS: Case(
        "200-byte reply, 64 connections with TLS 1.3, few headers",
        http_load_of(f"{HTTP_PATH}small", 200, 64),
        (Rival("nginx", TLS),),
        edge_entry=TLS,
    ),
    "body64k": bodies("64 KiB", "64k", 64 * 1024),
    "body1m": bodies("1 MiB", "1m", 1024 * 1024),
    "stream": Case(
        "stream of 100 chunks of 64 bytes, 32 connections",
        http_load_of(f"{HTTP_PATH}stream", 6400, 32),
        (
            Rival("nginx", "unbuffered", floor=1.0, aim=1.0),
            Rival("nginx", floor=1.0, aim=1.0),
            Rival("haproxy"),
            Rival("caddy"),
        ),
    ),
    "grpc": Case(
        "gRPC unary, 8 connections × 16 streams",
        grpc_load_of(8, 16),
        (
            Rival("nginx", "grpc", floor=2.5, aim=3.0),
            Rival("haproxy", "grpc", floor=1.5, aim=1.8),
            Rival("caddy", "grpc"),
        ),
    ),
    "grpc1": Case(
        "gRPC unary, 1 connection × 1 stream",
        grpc_load_of(1, 1),
        (
            Rival("nginx", "grpc", floor=1.2, aim=1.4),
            Rival("haproxy", "grpc"),
            Rival("caddy", "grpc"),
        ),
    ),
}


def measure(
    case: Case, found: dict[str, Peer], rounds: int, seconds: int, scratch: Path
) -> dict[Rival, Figures]:
    """The figures of the edge and its rivals, round by round in turn."""
    runners = [
        Rival(EDGE, case.edge_entry),
        *(rival for rival in case.rivals if rival.name in found),
    ]
    figures = {runner: Figures() for runner in runners}
    for runner in runners:  # connections to upstreams, caches
        case.load(found[runner.name], runner.entry, WARM_UP_S, scratch)
    for _ in range(rounds):
        for runner, known in figures.items():
            peer = found[runner.name]
            pids = peer.pids()
            cpu, wall = cpu_seconds(pids), time.monotonic()
            requests = case.load(peer, runner.entry, seconds, scratch)
            wall = time.monotonic() - wall
            known.per_cpu_second.append(requests / max(cpu_seconds(pids) - cpu, TICK_S))
            known.per_second.append(requests / wall)
    return figures


def ratio(ours: Figures, theirs: Figures) -> float:
    """How often the edge's requests per CPU second are the rival's: the middle of the rounds."""
    pairs = zip(ours.per_cpu_second, theirs.per_cpu_second, strict=True)
    return median([our / their for our, their in pairs])


def rows(case: Case, figures: dict[Rival, Figures], ours_called: str = EDGE) -> list[str]:
    """The lines of the table, one for each proxy."""
    lines = []
    ours = figures[Rival(EDGE, case.edge_entry)]
    for runner, known in figures.items():
        title = ours_called if runner.name == EDGE else runner.title
        cells = [case.what, title, f"{median(known.per_cpu_second):,.0f}"]
        cells.append(f"{median(known.per_second):,.0f}")
        if runner.name == EDGE:
            cells += ["", ""]
        else:
            reached = ratio(ours, known)
            cells += [f"{reached:.2f}×", aim_text(runner, reached)]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def aim_text(rival: Rival, reached: float) -> str:
    """What is to be reached, and whether it was."""
    if not rival.floor:
        return ""
    aims = f"{rival.floor:g}×" if rival.floor == rival.aim else f"{rival.floor:g}× / {rival.aim:g}×"
    return aims if reached >= rival.floor else f"{aims}: missed"

"""Memory of the edge and of nginx: idle, and for each connection that stays open."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

from devtool.pac import Pac, free_port
from measure import pss_kib
from rig.certificate import Certificate
from rig.load import held, wrk
from rig.peers import Peer, nginx
from rig.platform import as_peer, edge_before, upstreams
from rig.requests import FEW_HEADERS, HTTP_PATH, http_request

IDLE_AIM_MIB = 8.0
CONNECTIONS = 10_000  # beside the limit of 20,000 open files that many machines have
CONNECTION_AIM_KIB = 1.0
STREAMS = 4_000  # each takes a connection to the client and one to the upstream
STREAM_AIM_KIB = 16.0
SETTLE_S = 2.0
HEADING = """
| memory | proxy | figure | aim |
|---|---|---|---|"""


def pss(peer: Peer) -> int:
    """KiB of a proxy with its children."""
    return sum(pss_kib(pid) for pid in peer.pids())


def per_connection(peer: Peer, entry: str, request: Path, connections: int) -> float:
    """KiB that each of so many connections takes once its request has been answered."""
    before = pss(peer)
    with held(peer.ports[entry], request, connections):
        time.sleep(SETTLE_S)  # buffers of the answers are given back
        return (pss(peer) - before) / connections


def figures_of(peer: Peer, scratch: Path, stream_entry: str) -> list[float]:
    """MiB when idle; KiB for a connection and for a stream, both idle."""
    idle = pss(peer) / 1024
    wrk(f"http://127.0.0.1:{peer.ports['http']}{HTTP_PATH}small", 64, 1, FEW_HEADERS)
    figures = [idle]
    cases = (("small", CONNECTIONS, "http"), ("idle", STREAMS, stream_entry))
    for what, connections, entry in cases:
        request = scratch / f"{peer.name}_{what}"
        request.write_bytes(http_request(f"{HTTP_PATH}{what}", FEW_HEADERS))
        figures.append(per_connection(peer, entry, request, connections))
        time.sleep(SETTLE_S)  # the proxy sees that they have gone
    return figures


def measure(scratch: Path, certificate: Certificate) -> list[str]:
    """The lines of the table; both end TLS, though nobody asks them to."""
    shared = beside_the_other_roles(scratch, certificate)
    shared_aim = f"≤ {IDLE_AIM_MIB:g} MiB" + (": missed" if shared > IDLE_AIM_MIB else "")
    what = "PSS when idle, TLS loaded, in `pac serve`"
    lines = [line(what, "edge", f"{shared:.2f} MiB", shared_aim)]
    with contextlib.ExitStack() as stack:
        where = stack.enter_context(upstreams(scratch))
        edge = stack.enter_context(edge_before(where, scratch / "edge", certificate=certificate))
        (scratch / "nginx").mkdir()
        rival = nginx(scratch / "nginx", where, certificate)
        for program in rival.programs:
            stack.enter_context(program)
        for peer, entry in ((as_peer(edge), "http"), (rival, "unbuffered")):
            lines += rows(peer.name, figures_of(peer, scratch, entry))
    return lines


def beside_the_other_roles(scratch: Path, certificate: Certificate) -> float:
    """MiB of the edge of a `pac serve`, whose roles share the pages of program and libraries."""
    arguments = ["--tls-listen", f"127.0.0.1:{free_port()}"]
    arguments += ["--tls-cert", certificate.certificate, "--tls-key", certificate.key]
    pac = Pac(scratch / "serve" / "state", free_port(), arguments=[str(each) for each in arguments])
    pac.start()
    try:
        edge = pac.role("edge")
        if edge is None:
            raise RuntimeError(pac.log_tail())
        time.sleep(SETTLE_S)
        return pss_kib(edge.pid) / 1024
    finally:
        pac.stop()
        pac.kill_all()


def line(what: str, name: str, figure: str, aim: str) -> str:
    """One line of the table."""
    return f"| {what} | {name} | {figure} | {aim} |"


def rows(name: str, figures: Sequence[float]) -> list[str]:
    """The lines of one proxy."""
    what = (
        ("PSS when idle, TLS loaded, by itself", "MiB", IDLE_AIM_MIB),
        (f"an idle HTTP/1.1 connection, of {CONNECTIONS:,}", "KiB", CONNECTION_AIM_KIB),
        (f"an idle stream (SSE), of {STREAMS:,}", "KiB", STREAM_AIM_KIB),
    )
    lines = []
    for (case, unit, aim), figure in zip(what, figures, strict=True):
        aim_text = "" if name != "edge" else f"≤ {aim:g} {unit}"
        if aim_text and figure > aim:
            aim_text += ": missed"
        lines.append(line(case, name, f"{figure:.2f} {unit}", aim_text))
    return lines

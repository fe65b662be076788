"""Everything that is compared, up at once: the upstreams, the edge before them, and its peers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rig.certificate import Certificate
from rig.control import route
from rig.edge import Edge
from rig.native import native
from rig.peers import Peer, Upstreams, caddy, haproxy, nginx
from rig.pinned import Program, upstream
from rig.requests import GRPC_APP, HTTP_APP

PEERS: dict[str, Callable[[Path, Upstreams, Certificate], Peer]] = {
    "nginx": nginx,
    "haproxy": haproxy,
    "caddy": caddy,
}


@contextlib.contextmanager
def upstreams(directory: Path) -> Iterator[Upstreams]:
    """Both upstreams, as long as the `with` block."""
    where = Upstreams(directory / "http.sock", directory / "grpc.sock")
    with (
        upstream(native("http_upstream"), where.http),
        upstream(native("grpc_upstream"), where.grpc),
    ):
        yield where


def edge_before(where: Upstreams, directory: Path, **more: Any) -> Edge:
    """An edge whose two apps are these upstreams; `more` as for Edge."""
    routes = [route(HTTP_APP, f"unix:{where.http}"), route(GRPC_APP, f"unix:{where.grpc}")]
    return Edge(directory, routes, **more)


def as_peer(edge: Edge, name: str = "edge", *behind: Program) -> Peer:
    """An edge that runs as one of the proxies; `behind` are par's that count with it."""
    ports = {"http": edge.port, "grpc": edge.port, "tls": edge.tls_port}
    return Peer(name, (edge.program, *behind), ports)


@contextlib.contextmanager
def proxies(
    directory: Path, names: set[str], certificate: Certificate
) -> Iterator[dict[str, Peer]]:
    """The edge and those of its peers that are named, by name, as long as the `with` block.

    The edge and nginx end TLS too.
    """
    with contextlib.ExitStack() as stack:
        where = stack.enter_context(upstreams(directory))
        edge = stack.enter_context(edge_before(where, directory / "edge", certificate=certificate))
        found = {"edge": as_peer(edge)}
        for name, make in PEERS.items():
            if name in names:
                folder = directory / name
                folder.mkdir()
                found[name] = make(folder, where, certificate)
                for program in found[name].programs:
                    stack.enter_context(program)
        yield found

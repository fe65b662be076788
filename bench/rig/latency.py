"""Latency when requests arrive by themselves (open loop), of the edge and its peers in turn."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from measure import median
from rig.load import http_load
from rig.peers import Peer
from rig.requests import FEW_HEADERS, HTTP_PATH, http_request

CONNECTIONS = 32
RATES = {"latency5k": 5_000, "latency30k": 30_000}
HEADING = """
| requests arriving a second | proxy | p50, µs | p99, µs | its p99 against the edge's | aim |
|---|---|---|---|---|---|"""


@dataclasses.dataclass
class Figures:
    """Microseconds, one figure per round."""

    p50: list[float] = dataclasses.field(default_factory=list)
    p99: list[float] = dataclasses.field(default_factory=list)


def measure(
    rate: int, found: dict[str, Peer], rounds: int, seconds: int, scratch: Path
) -> dict[str, Figures]:
    """The figures of every proxy, round by round in turn."""
    request = scratch / "open_request"
    request.write_bytes(http_request(f"{HTTP_PATH}small", FEW_HEADERS))
    figures = {name: Figures() for name in found}
    for number in range(rounds + 1):
        for name, known in figures.items():
            shape = ("open", rate, 1 if number == 0 else seconds, CONNECTIONS)
            port = found[name].ports["http"]
            done = http_load(port, request, *shape, timeout_s=20 * seconds + 60)
            if number > 0:  # the first round warms up
                known.p50.append(done["p50_us"])
                known.p99.append(done["p99_us"])
    return figures


def rows(rate: int, figures: dict[str, Figures]) -> list[str]:
    """The lines of the table, one for each proxy."""
    lines = []
    ours = median(figures["edge"].p99)
    for name, known in figures.items():
        p50, p99 = median(known.p50), median(known.p99)
        compared = "" if name == "edge" else f"{p99 / ours:.2f}×"
        aim = "" if name != "nginx" else "1×" if p99 >= ours else "1×: missed"
        lines.append(f"| {rate:,} | {name} | {p50:,.0f} | {p99:,.0f} | {compared} | {aim} |")
    return lines

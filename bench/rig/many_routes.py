"""Ten thousand routes: what looking one of them up costs, and what putting them in force does."""

from __future__ import annotations

import dataclasses
import threading
import time
from pathlib import Path

from measure import cpu_seconds, median
from rig.control import route
from rig.edge import Edge
from rig.load import http_load, wrk_paths
from rig.platform import upstreams
from rig.requests import FEW_HEADERS, http_request

FEW, MANY = 10, 10_000
APP = "%08d-7d1c-4c57-9d0e-5f0c2f6a1b2c"  # an app's id, as long as those of the API
CONNECTIONS = 64
LOOKUP_AIM = 1.1
SWAP_RATE = 1_000  # requests a second while routes are replaced
SWAP_SECONDS = 2
SWAP_AIM_MS = 5.0
HEADING = """
| routes | figure | aim |
|---|---|---|"""


def routes(count: int, address: str) -> list[dict]:
    """So many apps at one address."""
    return [route(APP % number, address, short_id=f"a{number:07d}") for number in range(count)]


def write_script(path: Path, count: int) -> Path:
    """wrk asks the apps in an order in which no two that follow one another are neighbours."""
    path.write_text(f"""
local requests = {{}}
function init()
  for number = 0, {count - 1} do
    local app = string.format("{APP}", number * 7919 % {count})
    requests[number] = wrk.format("GET", "/agents/" .. app .. "/api/small")
  end
end
local at = 0
function request()
  at = (at + 1) % {count}
  return requests[at]
end
""")
    return path


@dataclasses.dataclass
class Lookup:
    """An edge with some routes, and its requests per CPU second in each round."""

    edge: Edge
    script: Path
    per_cpu_second: list[float] = dataclasses.field(default_factory=list)

    def run(self, seconds: int) -> None:
        """One round."""
        pids = [self.edge.program.pid]
        before = cpu_seconds(pids)
        url = f"http://127.0.0.1:{self.edge.port}"
        requests = wrk_paths(url, CONNECTIONS, seconds, self.script)
        self.per_cpu_second.append(requests / (cpu_seconds(pids) - before))


def longest_ms(edge: Edge, request: Path) -> float:
    """Milliseconds that the slowest of some requests took."""
    shape = ("open", SWAP_RATE, SWAP_SECONDS, 8)
    return http_load(edge.port, request, *shape, timeout_s=60)["max_us"] / 1000


def swap(edge: Edge, address: str, request: Path) -> tuple[float, float]:
    """Milliseconds of the slowest request while all routes are replaced, and until that is done."""
    took = []

    def replace() -> None:
        time.sleep(SWAP_SECONDS / 2)
        start = time.perf_counter()
        edge.control.wait_applied(edge.control.publish(routes(MANY, address)))
        took.append((time.perf_counter() - start) * 1000)

    thread = threading.Thread(target=replace)
    thread.start()
    longest = longest_ms(edge, request)
    thread.join()
    return longest, took[0]


def measure(scratch: Path, rounds: int, seconds: int) -> list[str]:
    """The lines of the table."""
    with upstreams(scratch) as where:
        address = f"unix:{where.http}"
        with (
            Edge(scratch / "few", routes(FEW, address)) as few,
            Edge(scratch / "many", routes(MANY, address)) as many,
        ):
            lookups = [
                Lookup(few, write_script(scratch / "few.lua", FEW)),
                Lookup(many, write_script(scratch / "many.lua", MANY)),
            ]
            for _ in range(rounds):
                for lookup in lookups:
                    lookup.run(seconds)
            request = scratch / "swap_request"
            request.write_bytes(http_request(f"/agents/{APP % 7}/api/small", FEW_HEADERS))
            calm, longest, done = [], [], []
            for _ in range(rounds):
                calm.append(longest_ms(many, request))
                stall, took = swap(many, address, request)
                longest.append(stall)
                done.append(took)
    return rows(lookups, median(calm), median(longest), median(done))


def rows(lookups: list[Lookup], calm: float, longest: float, done: float) -> list[str]:
    """The lines of the table."""
    few, many = (median(each.per_cpu_second) for each in lookups)
    lookup_aim = f"≤ {LOOKUP_AIM:g}×" + ("" if few / many <= LOOKUP_AIM else ": missed")
    swap_aim = f"≤ {SWAP_AIM_MS:g} ms" + ("" if longest <= SWAP_AIM_MS else ": missed")
    return [
        f"| requests per CPU second with {FEW} routes | {few:,.0f} | |",
        f"| with {MANY:,} routes | {many:,.0f} | |",
        f"| CPU time of a request, {MANY:,} routes against {FEW} | {few / many:.2f}× | "
        f"{lookup_aim} |",
        f"| slowest request while {MANY:,} routes are replaced | {longest:.1f} ms | {swap_aim} |",
        f"| slowest request in as much time without | {calm:.1f} ms | |",
        f"| from publishing {MANY:,} routes until all are in force and saved | {done:.0f} ms | |",
    ]

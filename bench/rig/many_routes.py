"""Ten thousand routes: what looking one of them up costs, and what putting them in force does."""

from __future__ import annotations

import dataclasses
import threading
import time
from pathlib import Path

from measure import TICK_S, cpu_seconds, median
from rig.control import route
from rig.edge import Edge
from rig.load import http_load, wrk_paths
from rig.pinned import empty_logs
from rig.platform import upstreams
from rig.requests import FEW_HEADERS, http_request

FEW, MANY = 10, 10_000
APP = "%08d-7d1c-4c57-9d0e-5f0c2f6a1b2c"  # an app's id, as long as those of the API
CONNECTIONS = 64
LOOKUP_AIM = 1.1
SWAP_RATE = 1_000  # requests a second while routes are replaced
SWAP_SECONDS = 2
SWAP_AIM_MS = 5.0  # of a loop's CPU time: so long nobody is served by it
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
        self.per_cpu_second.append(requests / max(cpu_seconds(pids) - before, TICK_S))


class Swaps:
    """Replaces all routes of an edge, one of which differs from its predecessor."""

    def __init__(self, edge: Edge, address: str, scratch: Path) -> None:
        """One app is at `address` and is asked; the others are where nobody asks."""
        self._edge = edge
        self._address = address
        self._request = scratch / "swap_request"
        self._request.write_bytes(http_request(f"/agents/{APP % 0}/api/small", FEW_HEADERS))
        self._number = 0
        self.replace()
        self._loop = self._find_loop()

    def _find_loop(self) -> int:
        """The thread that serves requests: it works while some are sent."""
        pid = self._edge.program.pid
        threads = [int(entry.name) for entry in Path(f"/proc/{pid}/task").iterdir()]
        before = {thread: thread_ns(pid, thread) for thread in threads}
        http_load(self._edge.port, self._request, "closed", 10_000, 8, timeout_s=60)
        return max(threads, key=lambda thread: thread_ns(pid, thread) - before[thread])

    def replace(self) -> float:
        """Puts new routes in force; milliseconds until they are, everywhere and on disk."""
        self._number += 1
        given = [
            route(APP % number, f"unix:/run/pixell/{APP % number}.sock", short_id=f"a{number:07d}")
            for number in range(1, MANY)
        ]
        given[0]["legs"][0]["addresses"] = [f"unix:/run/pixell/other-{self._number}.sock"]
        given.append(route(APP % 0, self._address))
        start = time.perf_counter()
        self._edge.control.wait_applied(self._edge.control.publish(given))
        return (time.perf_counter() - start) * 1000

    def loop_ms(self) -> float:
        """Milliseconds of CPU time that a replacement takes of the thread that serves requests."""
        before = thread_ns(self._edge.program.pid, self._loop)
        self.replace()
        return (thread_ns(self._edge.program.pid, self._loop) - before) / 1e6

    def slowest_ms(self, replaces: bool) -> float:
        """Milliseconds of the slowest of some requests, with a replacement amid them or without."""
        timer = threading.Timer(SWAP_SECONDS / 2, self.replace)
        if replaces:
            timer.start()
        shape = ("open", SWAP_RATE, SWAP_SECONDS, 8)
        done = http_load(self._edge.port, self._request, *shape, timeout_s=60)
        if replaces:
            timer.join()
        return done["max_us"] / 1000


def thread_ns(pid: int, thread: int) -> int:
    """Nanoseconds that a thread has run."""
    return int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0])


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
                empty_logs(scratch)
                for lookup in lookups:
                    lookup.run(seconds)
            swaps = Swaps(many, address, scratch)
            times = {
                "loop": median([swaps.loop_ms() for _ in range(rounds)]),
                "done": median([swaps.replace() for _ in range(rounds)]),
                "calm": median([swaps.slowest_ms(replaces=False) for _ in range(rounds)]),
                "slowest": median([swaps.slowest_ms(replaces=True) for _ in range(rounds)]),
            }
    return rows(lookups, times)


def rows(lookups: list[Lookup], times: dict[str, float]) -> list[str]:
    """The lines of the table."""
    few, many = (median(each.per_cpu_second) for each in lookups)
    pairs = zip(*(each.per_cpu_second for each in lookups), strict=True)
    dearer = median([of_few / of_many for of_few, of_many in pairs])
    lookup_aim = f"≤ {LOOKUP_AIM:g}×" + ("" if dearer <= LOOKUP_AIM else ": missed")
    swap_aim = f"≤ {SWAP_AIM_MS:g} ms" + ("" if times["loop"] <= SWAP_AIM_MS else ": missed")
    return [
        f"| requests per CPU second with {FEW} routes | {few:,.0f} | |",
        f"| with {MANY:,} routes | {many:,.0f} | |",
        f"| CPU time of a request, {MANY:,} routes against {FEW} | {dearer:.2f}× | {lookup_aim} |",
        f"| CPU time that {MANY:,} new routes take of a loop | {times['loop']:.1f} ms | "
        f"{swap_aim} |",
        f"| slowest request while {MANY:,} routes are replaced | {times['slowest']:.1f} ms | |",
        f"| slowest request in as much time without | {times['calm']:.1f} ms | |",
        f"| from publishing {MANY:,} routes until all are in force and saved | "
        f"{times['done']:.0f} ms | |",
    ]

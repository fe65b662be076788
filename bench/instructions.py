"""./dev bench instructions: user instructions of the edge per proxied request, by function.

Runs the edge under callgrind twice for each case, with a number of requests and with twice as many;
the difference is what the requests took, without starting and stopping. Only the threads that run
an event loop count: what pulls routes and reports traffic does so by the clock, not by request.

    ./dev bench instructions [CASE…] [--top 40]     the figures and the functions that take most
    ./dev bench --check                             fails when a figure has grown by more than 5 %
    ./dev bench instructions --record               writes the figures that --check compares with
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("bench", "tools")]

from rig.callgrind import Costs, by_thread_kind, top  # noqa: E402
from rig.control import route  # noqa: E402
from rig.edge import Edge  # noqa: E402
from rig.load import UNDER_VALGRIND_S, Calls, h2load, http_load  # noqa: E402
from rig.native import native  # noqa: E402
from rig.pinned import upstream  # noqa: E402
from rig.requests import FEW_HEADERS, GRPC_PATH, MANY_HEADERS, http_request  # noqa: E402

RECORDED = ROOT / "bench" / "instructions.json"
GROWTH_ALLOWED = 0.05
BUDGET = 8_000  # user instructions that a proxied request may take, everything included
REQUESTS = 2_000
WARM_UP = 200  # pools and caches are filled in both runs alike


@dataclasses.dataclass(frozen=True)
class Case:
    """What is asked of the edge: `load` sends a number of requests to a port; all must succeed."""

    what: str
    load: Callable[[int, Path, int], None]


def http_case(headers: Sequence[str], connections: int) -> Callable[[int, Path, int], None]:
    """Requests for the small reply."""

    def load(port: int, directory: Path, requests: int) -> None:
        file = directory / "request"
        file.write_bytes(http_request("/agents/bench/api/small", headers))
        shape = ("closed", requests, connections)
        done = http_load(port, file, *shape, timeout_s=UNDER_VALGRIND_S)
        if done["requests"] != requests:
            raise RuntimeError(f"{requests} were to be answered: {done}")

    return load


def grpc_load(port: int, directory: Path, requests: int) -> None:
    """Unary calls, 16 at a time on one connection."""
    calls = Calls(f"http://127.0.0.1:{port}{GRPC_PATH}", connections=1, streams=16)
    answered = h2load(calls, directory, ["-n", str(requests)])
    if answered != requests:
        raise RuntimeError(f"{answered} of {requests} calls were answered")


CASES = {
    "http_small": Case("HTTP/1.1, 200-byte reply, few headers", http_case(FEW_HEADERS, 16)),
    "http_11_headers": Case("HTTP/1.1, 200-byte reply, 11 headers", http_case(MANY_HEADERS, 16)),
    "grpc_unary": Case("gRPC, unary, 16 streams", grpc_load),
}


def costs_of_run(case: Case, directory: Path, requests: int) -> tuple[Costs, Costs]:
    """Instructions of one run of the edge with so many requests: of its loops, of the rest."""
    directory.mkdir()
    out = directory / "callgrind.out"
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
    valgrind += ["--separate-threads=yes", "--compress-strings=no", "--compress-pos=no"]
    http, grpc = directory / "http.sock", directory / "grpc.sock"
    routes = [route("bench", f"unix:{http}"), route("calls", f"unix:{grpc}")]
    with (
        upstream(native("http_upstream"), http),
        upstream(native("grpc_upstream"), grpc),
        Edge(directory / "state", routes, under=valgrind) as edge,
    ):
        for number in (WARM_UP, requests):
            case.load(edge.port, directory, number)
    return by_thread_kind(sorted(directory.glob("callgrind.out*-*")))


def measure(case: Case, directory: Path, requests: int) -> tuple[Costs, Costs]:
    """Instructions that `requests` requests take: of the loops, of the rest."""
    shorter = costs_of_run(case, directory / "n", requests)
    longer = costs_of_run(case, directory / "2n", 2 * requests)
    return longer[0].less(shorter[0]), longer[1].less(shorter[1])


def show(name: str, costs: Costs, requests: int, count: int) -> None:
    """Prints the functions that take most."""
    for title, counter in (("themselves", costs.own), ("with what they call", costs.inclusive)):
        print(f"\n{name}: instructions per request of functions, {title}")
        for each, function in top(counter, requests, count):
            print(f"{each:10,.0f} {each * requests / costs.total:6.1%}  {function}")


def recorded_figures() -> dict[str, int]:
    """What has been recorded, by case."""
    return json.loads(RECORDED.read_text()) if RECORDED.exists() else {}


def record(figures: dict[str, int]) -> None:
    """Records these figures; those of other cases stay."""
    known = {**recorded_figures(), **figures}
    RECORDED.write_text(
        json.dumps({name: known[name] for name in CASES if name in known}, indent=2) + "\n"
    )


def check(figures: dict[str, int]) -> int:
    """Compares with what is recorded; 1 when a figure has grown too much."""
    recorded = recorded_figures()
    failed = 0
    for name, figure in figures.items():
        known = recorded.get(name)
        if known is None:
            raise SystemExit(f"{RECORDED.relative_to(ROOT)} has no figure of {name}: use --record")
        growth = figure / known - 1
        is_ok = growth <= GROWTH_ALLOWED
        failed += not is_ok
        verdict = "ok" if is_ok else "FAIL"
        hint = "; --record keeps it there" if growth < -GROWTH_ALLOWED else ""
        print(
            f"{verdict} instructions of {name}: {figure:,}, recorded {known:,} ({growth:+.1%}){hint}"
        )
    if failed:
        print(
            f"a request may take {GROWTH_ALLOWED:.0%} more than {RECORDED.relative_to(ROOT)} says; "
            "find what grew with ./dev bench instructions, or record the figures with --record and "
            "say why in the commit"
        )
    return 1 if failed else 0


def main() -> int:
    """Measures the cases that are named, or all."""
    parser = argparse.ArgumentParser(prog="./dev bench instructions", description=__doc__)
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(CASES)}; default: all")
    parser.add_argument("--top", type=int, default=40, help="functions to show; 0 = none")
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--check", action="store_true", help="compare with what is recorded")
    parser.add_argument("--record", action="store_true", help="record the figures")
    options = parser.parse_args()
    if unknown := set(options.cases) - set(CASES):
        parser.error(f"no case {', '.join(unknown)}; there are {', '.join(CASES)}")
    figures = {}
    with tempfile.TemporaryDirectory(prefix="pixell-bench-") as scratch:
        for name in options.cases or CASES:
            directory = Path(scratch) / name
            directory.mkdir()
            loops, others = measure(CASES[name], directory, options.requests)
            figures[name] = round(loops.total / options.requests)
            if not options.check and options.top > 0:
                show(name, loops, options.requests, options.top)
            rest = others.total / options.requests
            print(
                f"{CASES[name].what}: {figures[name]:,} instructions per request (budget "
                f"{BUDGET:,}); {rest:+,.0f} of other threads",
                flush=True,
            )
    if options.record:
        record(figures)
    return check(figures) if options.check else 0


if __name__ == "__main__":
    sys.exit(main())

"""./dev bench edge: the edge against nginx, HAProxy and Caddy, by CPU time, latency and memory.

    ./dev bench edge [CASE…] [--rounds N] [--seconds S] [--peers nginx,haproxy,caddy]

The proxies run on the first processor with one worker or thread each, load and upstreams on the
last.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("bench", "tools")]

from rig import latency, many_routes, memory, throughput  # noqa: E402
from rig.certificate import self_signed  # noqa: E402
from rig.pinned import LOAD_CORE, empty_logs, need_two_cores  # noqa: E402
from rig.platform import PEERS, proxies  # noqa: E402

CASES = (*throughput.CASES, *latency.RATES, "memory", "routes")
ROUNDS = 5
SECONDS = 3


def show(lines: list[str]) -> None:
    """Prints at once: a whole run takes a quarter of an hour."""
    for line in lines:
        print(line, flush=True)


def bench_proxies(names: list[str], options: argparse.Namespace, scratch: Path) -> None:
    """The cases for which everybody runs."""
    with proxies(scratch, options.peers, options.certificate) as found:
        runs = (options.rounds, options.seconds, scratch)
        loads = [name for name in names if name in throughput.CASES]
        show([throughput.HEADING] if loads else [])
        for name in loads:
            empty_logs(scratch)
            case = throughput.CASES[name]
            show(throughput.rows(case, throughput.measure(case, found, *runs)))
        rates = [latency.RATES[name] for name in names if name in latency.RATES]
        show([latency.HEADING] if rates else [])
        for rate in rates:
            show(latency.rows(rate, latency.measure(rate, found, *runs)))


def options_from(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="./dev bench edge",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(CASES)}; default: all")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of one proxy in one round")
    parser.add_argument("--peers", default=",".join(PEERS), help="those to compare with")
    options = parser.parse_args(arguments)
    options.peers = set(filter(None, options.peers.split(",")))
    if unknown := (set(options.cases) - set(CASES)) | (options.peers - set(PEERS)):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    return options


def main() -> int:
    """Measures the cases that are named, or all, and prints the tables of bench/README.md."""
    options = options_from(sys.argv[1:])
    need_two_cores()
    os.sched_setaffinity(0, {LOAD_CORE})  # what this process does is not to disturb the proxies
    names = options.cases or list(CASES)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="px-bench-") as folder:
        scratch = Path(folder)
        options.certificate = self_signed(scratch)
        for part in ("proxies", "memory", "routes"):
            (scratch / part).mkdir()
        if set(names) - {"memory", "routes"}:
            bench_proxies(names, options, scratch / "proxies")
        if "memory" in names:
            show([memory.HEADING, *memory.measure(scratch / "memory", options.certificate)])
        if "routes" in names:
            runs = (options.rounds, options.seconds)
            show([many_routes.HEADING, *many_routes.measure(scratch / "routes", *runs)])
    show([f"\nload {load:.1f} before, {os.getloadavg()[0]:.1f} after"])
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""./dev bench instructions: user instructions of edge and par per request, by function.

Runs them under callgrind twice for each case, with a number of requests and with twice as many; the
difference is what the requests took, without starting and stopping. Only the threads that run an
event loop count: what pulls routes and reports traffic does so by the clock, not by request.

    ./dev bench instructions [CASE…] [--top 40]     the figures and the functions that take most
    ./dev bench --check                             fails when a figure has grown by more than 5 %
    ./dev bench instructions --record               writes the figures that --check compares with
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("bench", "tools")]

from rig.callgrind import Costs, top  # noqa: E402
from rig.counted import CASES, Case, costs_of_run  # noqa: E402

RECORDED = ROOT / "bench" / "instructions.json"
GROWTH_ALLOWED = 0.05
BUDGET = 8_000  # user instructions that a proxied request may take, everything included
REQUESTS = 2_000
HEADING = """
| case | instructions of a request | of other threads meanwhile | aim |
|---|---|---|---|"""


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


def has_grown(name: str, figure: int) -> bool:
    """Whether it is more than what is recorded allows."""
    known = recorded_figures().get(name)
    return known is not None and figure > known * (1 + GROWTH_ALLOWED)


def check(figures: dict[str, int]) -> int:
    """Compares with what is recorded; 1 when a figure has grown too much."""
    recorded = recorded_figures()
    failed = 0
    for name, figure in figures.items():
        known = recorded.get(name)
        if known is None:
            failed += 1
            print(f"FAIL instructions of {name}: {figure:,}, none recorded; use --record")
            continue
        growth = figure / known - 1
        is_ok = figure <= known * (1 + GROWTH_ALLOWED)
        failed += not is_ok
        verdict = "ok" if is_ok else "FAIL"
        hint = "; --record keeps it there" if growth < -GROWTH_ALLOWED else ""
        change = f"recorded {known:,} ({growth:+.1%}){hint}"
        print(f"{verdict} instructions of {name}: {figure:,}, {change}")
    if failed:
        print(
            f"a request may take {GROWTH_ALLOWED:.0%} more than {RECORDED.relative_to(ROOT)} says; "
            "find what grew with ./dev bench instructions, or record the figures with --record and "
            "say why in the commit"
        )
    return 1 if failed else 0


def main() -> int:
    """Measures the cases that are named, or all."""
    parser = argparse.ArgumentParser(
        prog="./dev bench instructions",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(CASES)}; default: all")
    parser.add_argument("--top", type=int, default=40, help="functions to show; 0 = none")
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--check", action="store_true", help="compare with what is recorded")
    parser.add_argument("--record", action="store_true", help="record the figures")
    options = parser.parse_args()
    if unknown := set(options.cases) - set(CASES):
        parser.error(f"no case {', '.join(unknown)}; there are {', '.join(CASES)}")
    figures, lines = {}, [HEADING]
    with tempfile.TemporaryDirectory(prefix="pixell-bench-") as scratch:
        Path(scratch).chmod(0o755)  # agents run as users of their own
        for name in options.cases or CASES:
            directory = Path(scratch) / name
            directory.mkdir()
            loops, others = measure(CASES[name], directory, options.requests)
            figures[name] = round(loops.total / options.requests)
            if options.check and has_grown(name, figures[name]):
                # The difference of two runs: a machine that is busy in one of them shows in it.
                again = directory / "again"
                again.mkdir()
                loops, others = measure(CASES[name], again, options.requests)
                figures[name] = min(figures[name], round(loops.total / options.requests))
            if not options.check and options.top > 0:
                show(name, loops, options.requests, options.top)
            rest = others.total / options.requests
            aim = f"≤ {BUDGET:,}" + ("" if figures[name] <= BUDGET else ": missed")
            lines.append(f"| {CASES[name].what} | {figures[name]:,} | {rest:,.0f} | {aim} |")
            print(lines[-1], flush=True)
    if not options.check:
        print(*lines, sep="\n")
    if options.record:
        record(figures)
    return check(figures) if options.check else 0


if __name__ == "__main__":
    sys.exit(main())

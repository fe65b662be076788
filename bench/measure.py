"""What the benches share: percentiles, memory and CPU time of processes, sizes, wrk, the table."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
from pathlib import Path

from devtool.paths import program

TICKS = os.sysconf("SC_CLK_TCK")
TICK_S = 1 / TICKS  # CPU time is not told more exactly


def percentile(values: list[float], share: float) -> float:
    """The nearest-rank percentile of `values`; `share` is between 0 and 1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def pss_kib(pid: int) -> int:
    """Proportional set size of one process in KiB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    match = re.search(r"^Pss:\s+(\d+) kB", text, re.M)
    if match is None:
        raise RuntimeError(f"no Pss in smaps_rollup of {pid}")
    return int(match.group(1))


def cpu_seconds(pids: list[int]) -> float:
    """User and system time the processes have used so far."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def unix_socket_of(parent: int, name: str) -> Path:
    """The Unix socket called `name` that a child of `parent` listens on."""
    paths = {}
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        fields = line.split()
        if len(fields) == 8 and fields[7].endswith(f"/{name}"):
            paths[f"socket:[{fields[6]}]"] = Path(fields[7])
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        for descriptor in Path(f"/proc/{child}/fd").iterdir():
            if path := paths.get(os.readlink(descriptor)):
                return path
    raise RuntimeError(f"no child of {parent} listens on {name}")


def wrk(url: str, connections: int, seconds: int, script: Path | None = None) -> int:
    """Loads `url` and returns the number of requests answered; any error ends the bench.

    `script` is Lua that makes the requests; without one they are plain GETs.
    """
    options = ["-s", script] if script else []
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", *options, url],
        capture_output=True, text=True, check=True, timeout=seconds + 30,
    ).stdout
    return wrk_count(done, url)


def wrk_count(text: str, url: str) -> int:
    """The requests answered in what wrk printed; RuntimeError when some were not, or not well."""
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(f"wrk saw errors at {url}:\n{text}")
    match = re.search(r"(\d+) requests in", text)
    if match is None or int(match[1]) == 0:
        raise RuntimeError(f"wrk was not answered at {url}:\n{text}")
    return int(match[1])


def median(values: list[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def stripped_sizes(scratch: Path) -> list[tuple[str, str]]:
    """Rows with the sizes of the stripped programs."""
    rows = []
    for name in ("par", "par-prepare", "pac"):
        stripped = scratch / f"{name}.stripped"
        subprocess.run(["strip", "-o", stripped, program(name)], check=True)
        rows.append((f"stripped {name}", f"{stripped.stat().st_size / 1e6:.2f} MB"))
    return rows


def table(rows: list[tuple[str, str]]) -> str:
    """The table that bench/README.md keeps."""
    lines = [f"| {what} | {figure} |" for what, figure in rows]
    return "\n".join(["", "| what | figure |", "|---|---|", *lines])

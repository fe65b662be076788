"""./dev bench deploy: deploy latency, idle memory, binary sizes.

Starts its own `pac serve` on a free port with a scratch state directory.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("bench", "tools")]

from devtool.apkg import write_apkg  # noqa: E402
from devtool.pac import Pac, free_port  # noqa: E402
from measure import median, percentile, pss_kib, stripped_sizes, table  # noqa: E402

AGENT = ROOT / "bench" / "agent"
PATH = "/api/bench"
DEPLOYS = 20


def package(pac: Pac, number: int) -> Path:
    """The bench agent with one file that differs, so that every package has its own digest."""
    return write_apkg(AGENT, pac.inbox / f"bench-{number}.apkg", {"number.txt": str(number)})


def time_deploy(pac: Pac, app: str, path: Path, revision: int) -> float:
    """Milliseconds from the request to the first 200 of that revision."""
    start = time.perf_counter()
    pac.deploy(app, path)
    while time.perf_counter() - start < 300:
        reply = pac.get(f"/agents/{app}{PATH}")
        if reply.status == 200 and reply.headers.get("x-pixell-revision") == str(revision):
            return (time.perf_counter() - start) * 1000
        time.sleep(0.002)
    raise RuntimeError(f"revision {revision} of {app} did not answer within 300 s")


def bench_deploys(pac: Pac) -> dict[str, list[float]]:
    """First deploys of new apps, and new revisions of one app, with cached dependencies."""
    time_deploy(pac, "warm", package(pac, 0), 1)  # installs the base environment once
    first, again = [], []
    for i in range(DEPLOYS):
        first.append(time_deploy(pac, f"first-{i}", package(pac, 100 + i), 1))
    for i in range(DEPLOYS):
        again.append(time_deploy(pac, "warm", package(pac, 200 + i), 2 + i))
    return {"first deploy of an app": first, "next revision of an app": again}


def memory_rows(pac: Pac) -> list[tuple[str, str]]:
    """The PSS of every role, and of par: the middle one of all that run."""
    pars = [
        pss_kib(item["pid"])
        for app in ["warm", *(f"first-{i}" for i in range(DEPLOYS))]
        for item in pac.live_instances(app).values()
    ]
    rows = [
        (f"PSS of {role}, {len(pars)} agents running", mebibytes(pss_kib(pac.role(role).pid)))
        for role in ("edge", "control", "node", "serve")
    ]
    return [*rows, (f"PSS of par, idle, median of {len(pars)}", mebibytes(median(pars)))]


def mebibytes(kib: float) -> str:
    """KiB as text."""
    return f"{kib / 1024:.1f} MiB"


def main() -> int:
    """Runs everything on a platform of its own."""
    rows: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory(prefix="pixell-bench-") as scratch:
        directory = Path(scratch)
        directory.chmod(0o755)  # agents run as users of their own
        with Pac(directory / "state", free_port()) as pac:
            for name, values in bench_deploys(pac).items():
                what = f"{name} → first 200, cached dependencies, {len(values)} runs"
                p50, p95 = percentile(values, 0.5), percentile(values, 0.95)
                rows.append((what, f"p50 {p50:.0f} ms, p95 {p95:.0f} ms"))
            rows += memory_rows(pac)
        rows += stripped_sizes(directory)
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())

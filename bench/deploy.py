"""./dev bench deploy: deploy latency, idle memory, binary sizes, and the cost of a proxied request.

Starts its own `pac serve` on a free port with a scratch state directory, and nginx in front of the
very same uvicorn (the instance's worker socket) for the comparison in the same run.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("bench", "tools")]

from devtool.apkg import write_apkg  # noqa: E402
from devtool.pac import Pac, free_port, wait_until  # noqa: E402
from measure import (  # noqa: E402
    cpu_seconds,
    median,
    percentile,
    pss_kib,
    stripped_sizes,
    table,
    unix_socket_of,
    wrk,
)

AGENT = ROOT / "bench" / "agent"
PATH = "/api/bench"
DEPLOYS = 20
ROUNDS = 5
SECONDS = 4
CONNECTIONS = 32


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


def start_nginx(directory: Path, upstream: Path) -> tuple[subprocess.Popen[bytes], int]:
    """nginx with one worker in front of the worker's Unix socket, with upstream keep-alive."""
    port = free_port()
    config = directory / "nginx.conf"
    config.write_text(f"""
daemon off; master_process off; worker_processes 1; pid {directory}/nginx.pid;
user root; error_log {directory}/nginx_error.log;
events {{ worker_connections 4096; }}
http {{
  access_log {directory}/nginx_access.log;
  client_body_temp_path {directory}/t1; proxy_temp_path {directory}/t2;
  fastcgi_temp_path {directory}/t3; uwsgi_temp_path {directory}/t4; scgi_temp_path {directory}/t5;
  upstream agent {{ server unix:{upstream}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://agent; proxy_http_version 1.1;
                  proxy_set_header Connection ""; }}
  }}
}}
""")
    nginx = subprocess.Popen(["nginx", "-c", str(config)])
    wait_until("nginx listens", lambda: listens(port), 10)
    return nginx, port


def listens(port: int) -> bool:
    """Whether somebody accepts connections on a port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def bench_proxy(pac: Pac, directory: Path) -> dict[str, list[float]]:
    """Requests per CPU second of edge + par, and of nginx, interleaved; the agent's own CPU time
    is counted for neither."""
    (instance,) = (i for i in pac.live_instances("warm").values() if i["phase"] == "ready")
    nginx, port = start_nginx(directory, unix_socket_of(instance["pid"], "rest.sock"))
    try:
        cases = {
            "edge + par": (
                f"{pac.url}/agents/warm{PATH}",
                [pac.role("edge").pid, instance["pid"]],
            ),
            "nginx": (f"http://127.0.0.1:{port}{PATH}", [nginx.pid]),
        }
        figures: dict[str, list[float]] = {name: [] for name in cases}
        for _ in range(ROUNDS):
            for name, (url, pids) in cases.items():
                before = cpu_seconds(pids)
                requests = wrk(url, CONNECTIONS, SECONDS)
                figures[name].append(requests / (cpu_seconds(pids) - before))
        return figures
    finally:
        nginx.send_signal(signal.SIGTERM)
        nginx.wait(timeout=10)


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
            figures = bench_proxy(pac, directory)
        for name, values in figures.items():
            what = f"requests per CPU second, 200-byte reply, {name}"
            rows.append((what, f"{median(values):,.0f}"))
        ratios = [ours / theirs for ours, theirs in zip(*figures.values(), strict=True)]
        rows.append(
            ("edge + par (two hops) against nginx (one), same uvicorn", f"{median(ratios):.2f}×")
        )
        rows += stripped_sizes(directory)
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""./dev bench deploy: deploy latency, idle memory, binary sizes, and the cost of a proxied request.

Starts its own `pac serve` on a free port with a scratch state directory, and nginx in front of the
very same uvicorn (the instance's worker socket) for the comparison in the same run.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
sys.path.insert(0, str(ROOT / "bench"))

from measure import cpu_seconds, median, percentile, pss_kib, wrk  # noqa: E402
from pixell_testing.packages import build  # noqa: E402
from pixell_testing.stack import Stack, free_port  # noqa: E402

DEPLOYS = 20
ROUNDS = 5
SECONDS = 4
CONNECTIONS = 32
BIN = Path(os.environ.get("PIXELL_BIN", ROOT / "build/release/bin"))


def get(url: str) -> tuple[int, str | None]:
    """Status and revision header of one GET; 0 when nothing answered."""
    try:
        with urllib.request.urlopen(url, timeout=10) as reply:
            reply.read()
            return reply.status, reply.headers.get("x-pixell-revision")
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("x-pixell-revision")
    except OSError:
        return 0, None


def package(directory: Path, number: int) -> Path:
    """The bench agent with one file that differs, so that every package has its own digest."""
    source = directory / "source"
    if not source.exists():
        shutil.copytree(ROOT / "bench/agent", source)
    (source / "number.txt").write_text(str(number))
    path = directory / f"bench-{number}.apkg"
    path.write_bytes(build(source))
    return path


def deploy(base: str, app: str, path: Path) -> None:
    """The seed's request; returns when it was accepted."""
    body = json.dumps({"agentAppId": app, "packageUrl": path.as_uri()}).encode()
    request = urllib.request.Request(f"{base}/deployments", data=body, method="POST")
    with urllib.request.urlopen(request, timeout=30) as reply:
        if reply.status != 202:
            raise RuntimeError(f"deploy answered {reply.status}")


def time_deploy(base: str, app: str, path: Path, revision: int) -> float:
    """Milliseconds from the request to the first 200 of that revision."""
    start = time.perf_counter()
    deploy(base, app, path)
    while time.perf_counter() - start < 300:
        if get(f"{base}/agents/{app}/api/bench") == (200, str(revision)):
            return (time.perf_counter() - start) * 1000
        time.sleep(0.002)
    raise RuntimeError(f"revision {revision} of {app} did not answer within 300 s")


def bench_deploys(base: str, directory: Path) -> dict[str, list[float]]:
    """First deploys of new apps, and new revisions of one app, with cached dependencies."""
    time_deploy(base, "warm", package(directory, 0), 1)  # installs the base environment once
    first = [time_deploy(base, f"first-{i}", package(directory, 100 + i), 1)
             for i in range(DEPLOYS)]
    again = [time_deploy(base, "warm", package(directory, 200 + i), 2 + i)
             for i in range(DEPLOYS)]
    return {"first deploy of an app": first, "next revision of an app": again}


def binary_sizes(directory: Path) -> dict[str, int]:
    """Bytes of the stripped programs."""
    sizes = {}
    for name in ("par", "par-prepare", "pac"):
        stripped = directory / name
        subprocess.run(["strip", "-o", stripped, BIN / name], check=True)
        sizes[name] = stripped.stat().st_size
    return sizes


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
    deadline = time.monotonic() + 10
    while get(f"http://127.0.0.1:{port}/api/bench")[0] != 200:
        if time.monotonic() > deadline:
            raise RuntimeError((directory / "nginx_error.log").read_text()[-2000:])
        time.sleep(0.05)
    return nginx, port


def bench_proxy(stack: Stack, directory: Path) -> dict[str, list[float]]:
    """Requests per CPU second of edge + par, and of nginx, interleaved; the agent's own CPU time
    is counted for neither."""
    app = stack.get_json("/v1/apps/warm")
    instance = next(i for i in app["instances"] if i["phase"] == "ready")
    worker_socket = next((stack.state / "instances" / instance["id"]).rglob("rest.sock"))
    nginx, port = start_nginx(directory, worker_socket)
    try:
        ours_pids = [stack.role_pid("edge"), int(instance["pid"])]
        cases = {
            "edge + par": (f"{stack.url}/agents/warm/api/bench", ours_pids),
            "nginx": (f"http://127.0.0.1:{port}/api/bench", [nginx.pid]),
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


def report(rows: list[tuple[str, str]]) -> None:
    """Prints the table that bench/README.md keeps."""
    print("\n| what | figure |\n|---|---|")
    for what, figure in rows:
        print(f"| {what} | {figure} |")


def main() -> int:
    rows: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory(prefix="pixell-bench-") as scratch:
        directory = Path(scratch)
        os.chmod(directory, 0o755)
        with Stack(state=directory / "state", bin_dir=BIN, allow_dirs=[directory]) as stack:
            for name, values in bench_deploys(stack.url, directory).items():
                rows.append((f"{name} → first 200, cached dependencies, {len(values)} runs",
                             f"p50 {percentile(values, 0.5):.0f} ms, "
                             f"p95 {percentile(values, 0.95):.0f} ms"))
            instance = next(i for i in stack.get_json("/v1/apps/warm")["instances"]
                            if i["phase"] == "ready")
            for role in ("edge", "control", "node", "serve"):
                rows.append((f"PSS {role}, 21 agents running",
                             f"{pss_kib(stack.role_pid(role)) / 1024:.1f} MiB"))
            rows.append(("PSS par, idle, 21 running",
                         f"{pss_kib(int(instance['pid'])) / 1024:.1f} MiB"))
            figures = bench_proxy(stack, directory)
            for name, values in figures.items():
                rows.append((f"requests per CPU second, 200-byte reply, {name}",
                             f"{median(values):,.0f}"))
            ratio = median([a / b for a, b in zip(figures["edge + par"], figures["nginx"])])
            rows.append(("edge + par against nginx (one hop), same uvicorn, same run",
                         f"{ratio:.2f}×"))
        for name, size in binary_sizes(directory).items():
            rows.append((f"stripped {name}", f"{size / 1e6:.2f} MB"))
    report(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())

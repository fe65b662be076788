"""What `par` tells of itself: metrics, and a log without secrets."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devtool.pac import request, wait_until
from pixell_testing.aws import Probe
from pixell_testing.clients import Agent
from pixell_testing.observed import ECHO, metrics_of, value
from pixell_testing.packages import MANIFEST, build, from_files, source, with_routes
from pixell_testing.stack import Par

StartPar = Callable[..., Par]

@pytest.fixture(scope="module")
def three(scratch: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Par]:
    """A ready par with all three surfaces."""
    folder = tmp_path_factory.mktemp("observed")
    package = folder / "agent.apkg"
    package.write_bytes(build(source("root_modules")))
    env = {"ENV_STORE_DIR": str(scratch / "environments")}
    with Par(folder, package, env=env, base_path="/some/base") as running:
        yield running.wait_ready()


def test_requests_are_counted_by_surface(three: Par) -> None:
    before = metrics_of(three)
    for _ in range(3):
        assert three.get("/api/status").status == 200
    assert three.get("/some/base/ui/app.js").status == 200
    assert Agent(three.a2a_address).call("Ping")["message"] == "pong"

    after = metrics_of(three, "/some/base/metrics")

    def grown(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    ok = {"status_class": "2xx"}
    assert grown("pixell_requests_total", surface="rest", method="GET", **ok) == 3
    assert grown("pixell_requests_total", surface="ui", method="GET", **ok) == 1
    assert grown("pixell_requests_total", surface="a2a", method="POST", **ok) == 1
    assert grown("pixell_requests_total", surface="builtin", method="GET", **ok) == 1
    assert grown("pixell_grpc_calls_total", code="OK") == 1
    assert grown("pixell_request_duration_seconds_count", surface="rest") == 3
    assert grown("pixell_request_duration_seconds_bucket", surface="rest", le="+Inf") == 3
    assert value(after, "pixell_requests_in_flight") == 1  # the one that asks


def test_the_process_and_the_boot_are_shown(three: Par) -> None:
    samples = metrics_of(three)

    assert value(samples, "pixell_ready") == 1
    assert value(samples, "pixell_worker_up") == 1
    assert value(samples, "pixell_phase", phase="ready") == 1
    assert value(samples, "pixell_boot_seconds") > 0
    assert value(samples, "pixell_boot_phase_seconds", phase="worker") > 0
    for process in ("par", "worker"):
        assert value(samples, "pixell_process_resident_memory_bytes", process=process) > 1e6
        assert value(samples, "pixell_process_open_fds", process=process) > 2
    assert any(name == "pixell_build_info" for name, _ in samples)


def test_what_it_uses_is_read_from_its_metrics(three: Par) -> None:
    probe = Probe({})
    used = probe.ask(op="ecs.usage", address=three.url.removeprefix("http://"))
    probe.close()

    assert used["cpu_seconds"] > 0, used
    assert used["memory_bytes"] > 2e6
    assert used["threads"] >= 2


def test_metrics_can_be_left_to_the_agent(par: StartPar) -> None:
    routes = "def mount(app):\n    @app.get('/metrics')\n    def mine():\n        return 'mine'\n"
    running = par(with_routes(routes), env={"METRICS_ENABLED": "false"}).wait_ready()

    assert running.get("/metrics").json() == "mine"


def test_a_worker_that_dies_is_counted(par: StartPar) -> None:
    routes = """
import os

def mount(app):
    @app.post("/api/die")
    def die():
        os._exit(3)
"""
    running = par(with_routes(routes)).wait_ready()

    assert request(running.url, "POST", "/api/die").status == 502

    # The answer may come before par has noticed that the worker ended.
    def is_counted() -> bool:
        return value(metrics_of(running), "pixell_worker_restarts_total") == 1

    wait_until("the restart is counted", is_counted, 30)


# --------------------------------------------------------------------------- the log


SECRETS = {
    "OPENAI_API_KEY": "canary-environment",
    "PIP_INDEX_URL": "https://canary-user:canary-password@index.invalid/simple",
    "AWS_SECRET_ACCESS_KEY": "canary-aws",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=canary-header",
}


def secret_package() -> bytes:
    """A package with secrets in its .env and manifest."""
    manifest = MANIFEST + (
        "environment:\n  TOKEN: canary-manifest\n  FILLED: ${OPENAI_API_KEY}-${FROM_FILE}\n"
    )
    dot_env = "FROM_FILE=canary-dotenv\nDB_PASSWORD='canary-quoted'\n"
    return from_files({"agent.yaml": manifest, "routes.py": ECHO, ".env": dot_env})


def all_texts(par: Par, folder: Path) -> str:
    """The log and every report par leaves."""
    reports = [path.read_text() for path in folder.glob("*.json")]
    return "\n".join([par.log_text(), *reports])


def test_no_secret_is_logged_by_a_boot(par: StartPar, tmp_path: Path) -> None:
    instance = tmp_path / "instance"
    instance.mkdir()
    env = {
        **SECRETS,
        "INSTANCE_DIR": str(instance),
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1/canary-path",
    }
    # With an index of its own nothing is in the store yet: the installer runs and must fail or not,
    # but never tell.
    package = secret_package()
    running = par(package, env={**env, "ENV_STORE_DIR": str(tmp_path / "store")})
    assert running.wait_exit() == 12
    assert "canary" not in all_texts(running, instance)

    ready = par(package, env={**env, "PIP_INDEX_URL": ""})
    ready.wait_ready().get("/api/headers?secret=canary-query")
    assert ready.stop() == 0
    assert "canary" not in all_texts(ready, instance)
    environment = next(
        line for line in ready.log() if line["event"] == "Built the agent's environment"
    )
    assert "OPENAI_API_KEY" in environment["names"]


def test_no_part_of_a_package_url_is_logged(par: StartPar, tmp_path: Path) -> None:
    instance = tmp_path / "instance"
    instance.mkdir()
    env = {
        "PACKAGE_URL": "https://127.0.0.1:1/agent.apkg?X-Amz-Signature=canary-signature",
        "PACKAGE_URL_ALLOW_HOSTS": "127.0.0.1",
        "INSTANCE_DIR": str(instance),
    }
    running = par(None, env=env)

    assert running.wait_exit() == 10

    assert "Fetch attempt failed" in running.events()
    assert "canary" not in all_texts(running, instance)


def test_a_wrong_package_url_is_refused_without_its_secret(par: StartPar) -> None:
    for url in ("http://user:canary@host/x?sig=canary", "https://user:canary@host/x"):
        running = par(None, env={"PACKAGE_URL": url})

        assert running.wait_exit() in (1, 10)

        assert "canary" not in running.log_text()


CONTRACT_SEQUENCE = [
    "Starting three-surface runtime",
    "Loading agent package",
    "Package loaded successfully",
    "Starting REST server",
    "Mounted agent REST routes",
    "Setting up UI routes",
    "Starting A2A gRPC server",
    "Created A2A gRPC server",
    "Runtime ready",
    "Received shutdown signal",
    "Shutting down three-surface runtime",
    "Marked runtime as not ready, health check will return 503",
    "Runtime shutdown complete",
]


def test_the_log_tells_a_life_in_order(par: StartPar, tmp_path: Path) -> None:
    instance = tmp_path / "instance"
    instance.mkdir()
    env = {"INSTANCE_DIR": str(instance), "BOOT_BUDGET_MS": "1"}
    running = par(build(source("root_modules")), env=env).wait_ready()
    meta = running.get("/meta").json()
    assert running.stop() == 0

    events = running.events()
    assert [event for event in events if event in CONTRACT_SEQUENCE] == CONTRACT_SEQUENCE
    assert "Boot time exceeded budget" in events
    for line in running.log():
        assert {"event", "level", "timestamp", "agentAppId"} <= line.keys()
        assert line["level"] in ("debug", "info", "warning", "error")
    ready = next(line for line in running.log() if line["event"] == "Runtime ready")
    report = json.loads((instance / "boot_report.json").read_text())
    phases = {phase["name"]: phase["ms"] for phase in report["phases"]}
    assert ready["phases_ms"].keys() == phases.keys()
    assert {"download", "extract", "install", "load"} <= meta["boot_stats"]["phases_ms"].keys()
    assert sum(phases.values()) == pytest.approx(report["total_ms"], rel=0.01)
    assert len(report["package_sha256"]) == 64
    assert report["interpreter"]
    assert report["dependency_lock"]


def test_a_directory_has_no_digest(par: StartPar) -> None:
    env = {"PACKAGE_SHA256": "a" * 64}
    running = par(source("root_modules"), env=env).wait_ready()

    loaded = [line for line in running.log() if line["event"] == "Package loaded successfully"]

    assert len(loaded) == 1
    assert "package_sha256" not in loaded[0]
    assert "PACKAGE_SHA256 is not checked: the package is a directory" in running.events()


def test_the_hard_limit_is_told_and_ends_the_boot(par: StartPar) -> None:
    routes = "import time\ntime.sleep(60)\n\ndef mount(app):\n    pass\n"
    env = {"BOOT_BUDGET_MS": "500", "BOOT_HARD_LIMIT_MULTIPLIER": "2"}
    running = par(with_routes(routes), env=env)

    assert running.wait_exit() == 14

    line = next(line for line in running.log() if line["event"] == "Boot time exceeded hard limit")
    assert line["hard_limit_ms"] == 1000
    assert line["boot_ms"] >= 1000
    last = json.loads(running.log_text().strip().splitlines()[-1])
    assert (last["event"], last["cause"], last["exit_code"]) == (
        "Boot failed",
        "startup_timeout",
        14,
    )
    assert last["remedy"] and last["evidence"]


def test_a_log_that_nobody_reads_stalls_no_request(tmp_path: Path) -> None:
    requests = 12_000  # lines of more than what waits: 2 MiB
    package = tmp_path / "ui.apkg"
    package.write_bytes(
        from_files({"agent.yaml": "name: ui\nversion: '1'\nui: {path: ui}\n", "ui/index.html": "x"})
    )
    fifo = tmp_path / "log"
    os.mkfifo(fifo)
    unread = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    into_fifo = ("sh", "-c", 'exec "$0" "$@" >"$FIFO"')
    texts: list[bytes] = []
    with Par(tmp_path, package, env={"FIFO": str(fifo)}, prefix=into_fifo) as running:
        running.wait_ready()
        load = ["h2load", "--h1", "-n", str(requests), "-c", "8", f"{running.url}/ui/index.html"]
        done = subprocess.run(load, capture_output=True, text=True, timeout=120, check=False)
        assert f"{requests} succeeded, 0 failed" in done.stdout, done.stdout

        os.set_blocking(unread, True)
        with open(unread, "rb") as log:
            reader = threading.Thread(target=lambda: texts.append(log.read()))
            reader.start()
            assert running.stop() == 0
            reader.join(30)

    lines = [json.loads(line) for line in texts[0].splitlines() if line.startswith(b"{")]
    told = sum(line.get("url") == "/ui/index.html" for line in lines)
    dropped = sum(line["lines"] for line in lines if line["event"] == "Access log lines dropped")
    assert dropped > 0
    assert told + dropped == requests
    assert lines[-1]["event"] == "Runtime shutdown complete"

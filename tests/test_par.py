"""`par` by itself: its environment, its endpoints, its end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from devtool.pac import wait_until
from pixell_testing.clients import Agent
from pixell_testing.packages import EXAMPLE, ROUTES, build, source, versioned, with_routes
from pixell_testing.stack import Par

StartPar = Callable[..., Par]

GATE = """
import asyncio, os, time

while not os.path.exists(os.environ["GATE"]):
    time.sleep(0.02)

def mount(app):
    @app.get("/api/slow")
    async def slow():
        print("slow began", flush=True)
        await asyncio.sleep(1)
        return {"slow": True}
"""


def test_the_documented_local_run_works(par: StartPar, tmp_path: Path) -> None:
    package = tmp_path / "package.apkg"
    package.write_bytes(build(source("root_modules")))
    env = {"PACKAGE_URL": "s3://pixell-agent-packages/test.apkg"}

    running = par(None, "run", str(package), env=env).wait_ready()

    assert running.get("/api/status").json()["status"] == "running"
    assert Agent(running.a2a_address).invoke("get_status")["result"] == "running"
    assert running.stop() == 0


def test_a_directory_is_a_package_too(par: StartPar) -> None:
    running = par(None, "run", str(source("root_modules"))).wait_ready()

    assert running.get("/").status == 200
    assert running.get("/api/status").status == 200


def test_health_before_and_after_ready(par: StartPar, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    base = "/agents/test-agent"
    running = par(with_routes(GATE), env={"GATE": str(gate)}, base_path=base)
    wait_until("the port is open", lambda: running.status_of("/health"), 60)

    early = running.get("/health")
    early_agent = running.get(f"{base}/health")
    early_route = running.get(f"{base}/api/slow")
    gate.touch()
    running.wait_ready()
    late = running.get("/health")
    late_base = running.get(f"{base}/health")

    assert early.status == 503
    assert early.json()["ok"] is False
    assert early.json()["surfaces"] == {"rest": False}
    assert early_agent.status == 503
    assert early_agent.json()["status"] == "starting"
    assert early_route.status == 503
    assert late.status == 200
    assert (late.json()["ok"], late.json()["surfaces"]) == (True, {"rest": True})
    assert "timestamp" not in late.json()
    assert isinstance(late_base.json()["timestamp"], int)
    # Both sets of keys: the health of the runtime, and the health of the agent by its id.
    assert (late_base.json()["ok"], late_base.json()["status"]) == (True, "healthy")
    assert late_base.json()["agentId"] == "test-agent"


@pytest.fixture(scope="module")
def three(scratch: Path, tmp_path_factory: pytest.TempPathFactory):
    """A ready par with all three surfaces, below a base path of its own."""
    folder = tmp_path_factory.mktemp("three")
    package = folder / "agent.apkg"
    package.write_bytes(build(source("root_modules")))
    env = {"ENV_STORE_DIR": str(scratch / "environments")}
    with Par(folder, package, env=env, base_path="/some/base") as running:
        yield running.wait_ready()


def test_built_in_endpoints(three: Par) -> None:
    base = three.base

    assert three.get(f"{base}/health").json()["surfaces"] == {"rest": True, "a2a": True, "ui": True}
    assert three.get(f"{base}/a2a/health").json()["service"] == "a2a"
    assert three.get("/a2a/health").json()["ok"] is True
    assert three.get(f"{base}/ui/health").json()["service"] == "ui"
    assert three.get("/ui/health").json()["ok"] is True
    assert three.get("/agents/test-agent/health").json()["status"] == "healthy"
    assert three.get("/agents/other/health").status == 404
    assert three.get("/agents/other/health").json()["error"] == "Agent not found"
    assert three.get(base).status == 307
    meta = three.get(f"{base}/meta").json()
    assert meta["name"] == "example-three-surface-agent"
    assert meta["surfaces"] == {"a2a": True, "rest": True, "ui": True}
    assert meta["boot_stats"]["total_ms"] > 0
    assert meta["boot_stats"]["phases_ms"]


def test_routes_are_there_twice_and_never_doubled(three: Par) -> None:
    base = three.base

    assert three.get("/api/status").json() == three.get(f"{base}/api/status").json()
    assert three.get(f"{base}{base}/api/status").status == 404
    assert three.get(f"{base}{base}/health").status == 404
    page = {"Accept": "text/html,*/*;q=0.8"}
    assert (
        three.get(f"{base}/some/client/route", headers=page).text == three.get(f"{base}/ui/").text
    )
    assert three.get(f"{base}/api/none", headers=page).status == 404
    assert three.get(f"{base}/ui-config.json").json() == {"apiBase": f"{base}/api"}


@pytest.mark.parametrize("prefix", ["", "/agents/test-agent/a2a", "/some/base/a2a"])
def test_grpc_with_and_without_prefix(three: Par, prefix: str) -> None:
    agent = Agent(three.a2a_address, prefix)

    assert agent.call("Health")["ok"] is True
    assert agent.call("Ping")["message"] == "pong"
    assert agent.invoke("get_status", 1)["result"] == "running"
    assert agent.invoke("get_status", 2)["result"] == "running"
    assert agent.send_message("get_status")["result"] == "running"


def test_grpc_is_spoken_at_the_rest_port_too(three: Par) -> None:
    agent = Agent(three.url.removeprefix("http://"))

    assert agent.call("Ping")["message"] == "pong"


def test_bad_requests_are_results(three: Par) -> None:
    agent = Agent(three.a2a_address)
    broken = {"a2a_message": {"jsonrpc": "2.0", "id": "1", "params_json": "{nope"}}

    answer = agent.call("Invoke", broken, request_type="ActionRequestV2")

    assert answer["success"] is False
    assert answer["error"].startswith("Invalid JSON in A2A params_json")
    assert agent.send_message("")["error"] == "No action/skill specified in request"


def test_cross_origin_requests_are_allowed(three: Par) -> None:
    reply = three.get("/api/status", headers={"Origin": "https://app.example"})

    assert reply.headers["access-control-allow-origin"] == "https://app.example"
    assert reply.headers["access-control-allow-credentials"] == "true"


def test_a_servicer_is_served_at_the_a2a_port(par: StartPar) -> None:
    running = par(build(source("full_servicer"))).wait_ready()
    agent = Agent(running.a2a_address, "/agents/test-agent/a2a")

    assert agent.call("Health")["message"] == "my own health"
    assert agent.invoke("go", x="1")["result"] == "go(x=1)"
    assert running.stop() == 0


def test_a_stop_waits_for_what_runs(par: StartPar, tmp_path: Path) -> None:
    (tmp_path / "gate").touch()
    env = {"GATE": str(tmp_path / "gate"), "GRACEFUL_SHUTDOWN_TIMEOUT_SEC": "20"}
    running = par(with_routes(GATE), env=env).wait_ready()
    answers: list[dict] = []
    asking = threading.Thread(target=lambda: answers.append(running.get("/api/slow").json()))

    asking.start()
    wait_until("the request runs", lambda: "slow began" in running.log_text(), 20)
    code = running.stop()
    asking.join(20)

    assert code == 0
    assert answers == [{"slow": True}]
    events = running.events()
    received = events.index("Received shutdown signal")
    assert received < events.index("Runtime shutdown complete")


def test_the_log_tells_the_boot(par: StartPar) -> None:
    running = par(versioned("1"), env={"DEPLOYMENT_ID": "d-1"}).wait_ready()

    events = running.events()
    ready = next(line for line in running.log() if line["event"] == "Runtime ready")

    assert events.index("Starting three-surface runtime") < events.index("Runtime ready")
    assert events.index("Package loaded successfully") < events.index("Runtime ready")
    assert ready["agentAppId"] == "test-agent"
    assert ready["deploymentId"] == "d-1"
    assert ready["boot_ms"] > 0
    assert {"timestamp", "level"} <= ready.keys()


def test_the_agent_gets_its_environment(par: StartPar) -> None:
    dot_env = "FROM_FILE=file\nFROM_BOTH=file\nQUOTED='a b'\nDB_PORT=None\n"
    package = with_routes(ROUTES.format(version="1"), _dot_env=dot_env)
    running = par(package, env={"FROM_BOTH": "deployment"}).wait_ready()

    def value(name: str) -> str | None:
        return running.get(f"/api/environment/{name}").json()["value"]

    assert value("FROM_FILE") == "file"
    assert value("FROM_BOTH") == "deployment"
    assert value("QUOTED") == "a b"
    assert value("DB_PORT") is None
    assert value("AGENT_APP_ID") == "test-agent"
    assert value("PAR_WORKER_FD") is None
    assert "file" not in [line.get("value") for line in running.log()]


def test_the_example_runs_from_its_folder(par: StartPar) -> None:
    running = par(build(EXAMPLE)).wait_ready()

    assert running.get("/api/hello?name=par").json() == {"message": "Hello, par."}


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"PACKAGE_URL": "http://h.example/x"}, "PACKAGE_URL"),
        ({"PACKAGE_URL": "file:///x.apkg"}, "PACKAGE_URL"),
        ({"PACKAGE_URL": "s3://bucket"}, "PACKAGE_URL"),
        ({"PACKAGE_SHA256": "xyz"}, "PACKAGE_SHA256"),
        ({"MAX_PACKAGE_SIZE_MB": "0"}, "MAX_PACKAGE_SIZE_MB"),
        ({"REST_PORT": "0"}, "REST_PORT"),
        ({"REST_PORT": "70000"}, "REST_PORT"),
        ({"REST_PORT": "http"}, "REST_PORT"),
        ({"REST_PORT": "18080", "A2A_PORT": "18080"}, "A2A_PORT"),
        ({"BASE_PATH": "/a//b"}, "BASE_PATH"),
        ({"BASE_PATH": "/a b"}, "BASE_PATH"),
        ({"S3_BUCKET": "No"}, "S3_BUCKET"),
        ({"BOOT_BUDGET_MS": "0"}, "BOOT_BUDGET_MS"),
        ({"BOOT_HARD_LIMIT_MULTIPLIER": "-1"}, "BOOT_HARD_LIMIT_MULTIPLIER"),
    ],
)
def test_a_wrong_setting_is_named(par: StartPar, env: dict[str, str], words: str) -> None:
    running = par(versioned("1"), env=env)

    assert running.wait_exit() == 1
    errors = [line for line in running.log() if line["event"] == "Configuration validation error"]
    assert len(errors) == 1
    assert words in errors[0]["error"]


def test_all_wrong_settings_are_named_at_once(par: StartPar) -> None:
    env = {"AGENT_APP_ID": "", "REST_PORT": "0", "BASE_PATH": "//"}
    running = par(versioned("1"), env=env)

    assert running.wait_exit() == 1
    events = running.events()
    assert events.count("Configuration validation error") == 3
    summary = next(
        line for line in running.log() if line["event"] == "Runtime configuration validation failed"
    )
    assert summary["error_count"] == 3


@pytest.mark.parametrize("arguments", [(), ("status",)])
def test_nothing_to_run_is_an_error(par: StartPar, arguments: tuple[str, ...]) -> None:
    running = par(None, *arguments)

    assert running.wait_exit() == 1
    assert running.log_text().strip()


def test_a_boot_over_its_hard_limit_ends(par: StartPar, tmp_path: Path) -> None:
    env = {
        "GATE": str(tmp_path / "never"),
        "BOOT_BUDGET_MS": "500",
        "BOOT_HARD_LIMIT_MULTIPLIER": "2",
    }
    running = par(with_routes(GATE), env=env)

    assert running.wait_exit() == 14
    assert running.log()[-1]["cause"] == "startup_timeout"

"""The phases of a boot, how a package is fetched, and how a boot that fails ends."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devtool import processes
from devtool.pac import wait_until
from pixell_testing.clients import Agent
from pixell_testing.package_host import (
    PackageHost,
    cut_off,
    endless,
    package,
    status,
)
from pixell_testing.packages import from_files, with_routes
from pixell_testing.stack import Par, last_log_line

StartPar = Callable[..., Par]

LIGHT = from_files({"agent.yaml": "name: light\nui: {path: ui}\n", "ui/index.html": "light"})
SLOW_TO_LOAD = """
import os, time

while not os.path.exists(os.environ["GATE"]):
    time.sleep(0.02)

def mount(app):
    app.get("/api/here")(lambda: {"here": True})
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PackageHost]:
    """A host of packages for this file."""
    with PackageHost(tmp_path_factory.mktemp("host")) as running:
        yield running


@pytest.fixture
def path(request: pytest.FixtureRequest) -> str:
    """A path at the host for one test."""
    return f"/{abs(hash(request.node.nodeid))}/agent.apkg"


def failed(running: Par, cause: str) -> dict:
    """The last log line of a boot that failed with this cause."""
    assert running.wait_exit() != 0
    line = last_log_line(running)
    assert line["cause"] == cause, line
    return line


# ----------------------------------------------------------------------------- download


def test_a_package_is_downloaded_and_its_copy_removed(
    par: StartPar, host: PackageHost, path: str, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    env = host.environment(host.serve(path, package(LIGHT)))
    env |= {"PACKAGE_SHA256": hashlib.sha256(LIGHT).hexdigest(), "TMPDIR": str(scratch)}
    running = par(env=env).wait_ready()

    events = running.events()
    assert events.index("Downloading package from PACKAGE_URL") < events.index(
        "Package downloaded successfully"
    )
    (line,) = [line for line in running.log() if line["event"] == "Downloaded package"]
    assert line["bytes"] == len(LIGHT)
    assert host.asked.count(path) == 1
    assert {"download", "extract"} <= running.get("/meta").json()["boot_stats"]["phases_ms"].keys()
    assert running.stop() == 0
    assert not list(scratch.rglob("*.apkg*"))


@pytest.mark.parametrize("trouble", [status(503), status(500), cut_off(LIGHT)])
def test_a_host_in_trouble_is_asked_three_times(
    par: StartPar, host: PackageHost, path: str, trouble: object
) -> None:
    running = par(env=host.environment(host.serve(path, trouble, trouble, package(LIGHT))))
    running.wait_ready()

    assert host.asked.count(path) == 3
    attempts = [line for line in running.log() if line["event"] == "Fetch attempt failed"]
    assert [line["attempt"] for line in attempts] == [1, 2]
    assert all(line["error"] and 0 < line["remaining_time_sec"] <= 60 for line in attempts)


def test_the_third_failure_is_the_last(par: StartPar, host: PackageHost, path: str) -> None:
    running = par(env=host.environment(host.serve(path, status(503))))

    line = failed(running, "download_failed")

    assert host.asked.count(path) == 3
    assert "503" in json.dumps(line)


@pytest.mark.parametrize(
    ("code", "cause"),
    [(403, "download_failed"), (404, "package_not_found"), (410, "package_not_found")],
)
def test_an_answer_that_will_not_change_is_not_asked_for_again(
    par: StartPar, host: PackageHost, path: str, code: int, cause: str
) -> None:
    failed(par(env=host.environment(host.serve(path, status(code)))), cause)

    assert host.asked.count(path) == 1


def test_another_package_than_expected_is_not_asked_for_again(
    par: StartPar, host: PackageHost, path: str
) -> None:
    env = host.environment(host.serve(path, package(LIGHT))) | {"PACKAGE_SHA256": "0" * 64}

    line = failed(par(env=env), "digest_mismatch")

    assert host.asked.count(path) == 1
    assert hashlib.sha256(LIGHT).hexdigest() in json.dumps(line)


def test_a_download_ends_at_its_limit(par: StartPar, host: PackageHost, path: str) -> None:
    env = host.environment(host.serve(path, endless())) | {"MAX_PACKAGE_SIZE_MB": "1"}

    line = failed(par(env=env), "package_too_large")

    assert host.asked.count(path) == 1
    assert "MAX_PACKAGE_SIZE_MB" in line["message"] + line["remedy"]


def test_a_redirect_is_followed(par: StartPar, host: PackageHost, path: str) -> None:
    target = host.serve(path, package(LIGHT))
    url = host.serve(path + ".moved", status(302, Location=target))

    par(env=host.environment(url)).wait_ready()


@pytest.mark.parametrize("target", ["http://localhost:1/x", "file:///etc/passwd", "ftp://h/x"])
def test_a_redirect_to_something_else_is_not(
    par: StartPar, host: PackageHost, path: str, target: str
) -> None:
    url = host.serve(path, status(302, Location=target))

    failed(par(env=host.environment(url)), "download_failed")
    assert host.asked.count(path) == 1


def test_a_redirect_to_a_private_address_of_another_name_is_refused(
    par: StartPar, host: PackageHost, path: str
) -> None:
    elsewhere = host.serve(path, package(LIGHT)).replace("localhost", "127.0.0.1")
    url = host.serve(path + ".moved", status(302, Location=elsewhere))
    env = host.environment(url) | {"PACKAGE_URL_ALLOW_HOSTS": "localhost"}

    line = failed(par(env=env), "download_failed")

    assert "127.0.0.1" in line["message"] + json.dumps(line["evidence"])
    assert f"{path}.moved" in host.asked
    assert path not in host.asked


def test_a_private_address_is_refused_unless_it_is_allowed(
    par: StartPar, host: PackageHost, path: str
) -> None:
    env = host.environment(host.serve(path, package(LIGHT)))
    del env["PACKAGE_URL_ALLOW_HOSTS"]

    line = failed(par(env=env), "download_failed")

    assert "PACKAGE_URL_ALLOW_HOSTS" in json.dumps(line)
    assert path not in host.asked


def test_a_signature_in_a_url_is_not_logged(par: StartPar, host: PackageHost, path: str) -> None:
    url = host.serve(path, package(LIGHT)) + "?X-Amz-Signature=hunter2"
    running = par(env=host.environment(url)).wait_ready()

    assert "hunter2" not in running.log_text()
    assert any("hunter2" in asked for asked in host.asked)


# -------------------------------------------------------------------------------- ready


def test_the_port_is_open_before_the_package_is_there(
    par: StartPar, host: PackageHost, path: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"

    def wait_then_answer(request: object) -> None:
        wait_until("the gate is open", gate.exists, 60)
        package(LIGHT)(request)

    running = par(env=host.environment(host.serve(path, wait_then_answer)), base_path="/b")
    wait_until("the port is open", lambda: running.status_of("/health"), 30)
    health = running.get("/health")
    meta = running.get("/b/meta")
    agent = running.get("/agents/test-agent/health")
    other = running.get("/b/api/anything")
    gate.touch()
    running.wait_ready()

    assert health.status == 503
    assert health.json()["ok"] is False
    assert health.json()["surfaces"] == {"rest": False}
    assert health.json()["timestamp"] > 0
    assert meta.status == 404
    assert meta.json() == {"detail": "No package loaded"}
    assert agent.status == 503
    assert agent.json().items() >= {
        ("error", "No package loaded"),
        ("agentId", "test-agent"),
        ("loaded", False),
    }
    assert other.status == 503
    assert other.headers["retry-after"]


def test_nothing_is_healthy_before_every_surface_is(par: StartPar, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    manifest = "name: two\nrest: {entry: 'routes:mount'}\na2a: {}\n"
    files = {"agent.yaml": manifest, "routes.py": SLOW_TO_LOAD}
    running = par(from_files(files), env={"GATE": str(gate)})
    wait_until("the package is known", lambda: running.status_of("/meta") == 200, 60)

    assert running.get("/health").status == 503
    assert running.get("/health").json()["surfaces"] == {"rest": False, "a2a": False}
    assert running.get("/a2a/health").status == 503
    gate.touch()
    running.wait_ready()
    assert running.get("/a2a/health").status == 200
    assert running.get("/meta").json()["boot_stats"]["phases_ms"]["load"] > 0


@pytest.mark.parametrize(
    ("files", "cause"),
    [
        ({"agent.yaml": "rest: {entry: 'gone:mount'}"}, "missing_module"),
        ({"agent.yaml": "rest: {entry: 'm:gone'}", "m.py": ""}, "handler_missing"),
        ({"agent.yaml": "a2a: {service: 'm:f'}", "m.py": "def f(): 1 / 0"}, "handler_error"),
        ({"agent.yaml": "a2a: {service: 'm:gone'}", "m.py": ""}, "handler_missing"),
        ({"agent.yaml": "ui: {path: gone}"}, "manifest_invalid"),
        ({"agent.yaml": "http_server: 'm:app'", "m.py": "app = 1"}, "handler_error"),
    ],
)
def test_a_surface_that_cannot_be_served_ends_the_boot(
    par: StartPar, files: dict[str, str], cause: str
) -> None:
    failed(par(from_files(files)), cause)


def test_a_servicer_that_does_not_answer_ends_the_boot(par: StartPar) -> None:
    service = """
import time


class Silent:
    def Health(self, request, context):
        time.sleep(60)

    def Invoke(self, request, context):
        pass


def create_service():
    return Silent()
"""
    files = {"agent.yaml": "a2a: {service: 'm:create_service'}", "m.py": service}
    running = par(from_files(files))

    line = failed(running, "handler_error")

    assert "Health" in line["message"]


def test_health_goes_back_when_the_agent_dies_and_forth_when_it_is_back(par: StartPar) -> None:
    routes = """
import os


def mount(app):
    app.get("/api/pid")(lambda: {"pid": os.getpid()})
"""
    running = par(with_routes(routes)).wait_ready()
    first = running.get("/api/pid").json()["pid"]

    process = processes.find(first)
    assert process is not None
    process.send(9)
    wait_until("health is 503", lambda: running.status_of("/health") == 503, 10)
    running.wait_ready()

    assert running.get("/api/pid").json()["pid"] != first
    assert "The agent's process died" in running.events()


# ------------------------------------------------------------------------------ failure


@pytest.mark.parametrize(("failures", "seconds"), [(0, 0), (1, 2), (2, 4)])
def test_a_boot_that_fails_again_waits_before_it_ends(
    par: StartPar, tmp_path: Path, failures: int, seconds: int
) -> None:
    began = time.monotonic()
    running = par(tmp_path / "gone.apkg", env={"BOOT_FAILURE_COUNT": str(failures)})
    failed(running, "package_not_found")

    assert time.monotonic() - began >= seconds
    waits = [line for line in running.log() if "backing off before exit" in line["event"]]
    assert len(waits) == (1 if failures else 0)
    for line in waits:
        assert line["event"] == ("Boot failed, backing off before exit to avoid hot-restart loop")
        assert line["failure_count"] == failures
        assert line["backoff_seconds"] == seconds
        assert line["exit_code"] == running.process.returncode


def test_failures_are_counted_across_lives(par: StartPar, tmp_path: Path) -> None:
    instance = tmp_path / "instance"
    instance.mkdir()
    env = {"INSTANCE_DIR": str(instance)}
    for _ in range(2):
        failed(par(tmp_path / "gone.apkg", env=env), "package_not_found")
    again = par(tmp_path / "gone.apkg", env=env)
    failed(again, "package_not_found")
    counted = [line["failure_count"] for line in again.log() if "failure_count" in line]
    assert counted == [2]

    par(LIGHT, env=env).wait_ready().stop()

    after = par(tmp_path / "gone.apkg", env=env)
    failed(after, "package_not_found")
    assert not [line for line in after.log() if "failure_count" in line]


def test_wrong_configuration_does_not_wait(par: StartPar) -> None:
    began = time.monotonic()
    running = par(LIGHT, env={"REST_PORT": "0", "BOOT_FAILURE_COUNT": "5"})

    assert running.wait_exit() == 1
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "env",
    [
        {"STARTUP_TIMEOUT_SEC": "0.5"},
        {"BOOT_BUDGET_MS": "250", "BOOT_HARD_LIMIT_MULTIPLIER": "2"},
    ],
)
def test_a_boot_that_does_not_end_is_ended(
    par: StartPar, tmp_path: Path, env: dict[str, str]
) -> None:
    running = par(with_routes(SLOW_TO_LOAD), env={"GATE": str(tmp_path / "never"), **env})

    failed(running, "startup_timeout")
    has_line = "Boot time exceeded hard limit" in running.events()
    assert has_line is ("BOOT_HARD_LIMIT_MULTIPLIER" in env)


def test_a_full_boot_tells_its_phases_in_order(par: StartPar) -> None:
    files = {
        "agent.yaml": "name: all\nrest: {entry: 'r:mount'}\na2a: {}\nui: {path: ui}\n",
        "r.py": "def mount(app):\n    pass\n",
        "ui/index.html": "page",
    }
    running = par(from_files(files)).wait_ready()
    events = running.events()
    expected = [
        "Starting three-surface runtime",
        "Loading agent package",
        "Package loaded successfully",
        "Starting REST server",
        "Mounted agent REST routes",
        "Setting up UI routes",
        "Starting A2A gRPC server",
        "Runtime ready",
    ]

    assert [event for event in expected if event in events] == expected
    positions = [events.index(event) for event in expected]
    assert positions == sorted(positions)
    assert Agent(running.a2a_address).call("Health")["ok"] is True

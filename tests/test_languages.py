"""Agents in Node.js, and agents that are programs: through `par`, with real clients."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devtool.pac import Reply, request, wait_until
from pixell_testing.clients import Agent
from pixell_testing.npm_registry import Registry
from pixell_testing.packages import build, from_files
from pixell_testing.stack import Par, last_log_line

AGENTS = Path(__file__).parent / "agents"
BASE = "/agents/test-agent"
StartPar = Callable[..., Par]


def node_package(files: dict[str, str], **manifest: str) -> bytes:
    """A Node.js package of these files; `manifest` adds lines to agent.yaml."""
    given = {"name": "made-up", "runtime": "node18", **manifest}
    lines = "".join(f"{key}: {value}\n" for key, value in given.items())
    return from_files({"agent.yaml": lines, **files})


# ------------------------------------------------------------------------------- Node.js


def test_node_routes_with_and_without_base(par: StartPar) -> None:
    running = par(build(AGENTS / "node_mount"), base_path=BASE).wait_ready()

    greeting = {"text": "hello par", "fd": None}
    assert running.get(f"{BASE}/api/greet/par").json() == greeting
    assert running.get("/api/greet/par").json() == greeting
    body = json.dumps({"a": [1, "ä"]}).encode()
    json_body = {"Content-Type": "application/json"}
    echo = request(running.url, "POST", f"{BASE}/api/echo", body=body, headers=json_body)
    assert (echo.status, echo.json()) == (201, {"a": [1, "ä"]})
    assert running.get("/api/fail").status == 500
    assert running.get("/api/none").status == 404
    assert running.get("/api/none").json() == {"detail": "Not Found"}
    assert running.stop() == 0


def test_a_node_process_that_dies_is_started_again(par: StartPar) -> None:
    running = par(build(AGENTS / "node_mount")).wait_ready()

    assert running.get("/api/exit").status == 502
    wait_until("the agent is back", lambda: running.status_of("/api/greet/x") == 200, 30)
    assert "The agent's process died" in running.events()


def test_node_handlers_through_grpc(par: StartPar) -> None:
    running = par(build(AGENTS / "node_handlers"), base_path=BASE).wait_ready()
    agent = Agent(running.a2a_address, f"{BASE}/a2a")

    assert agent.invoke("greet", 1, name="one")["result"] == "hello one"
    assert agent.invoke("greet", 2, name="two")["result"] == "hello two"
    assert json.loads(agent.send_message("sum", a=1, b=2)["result"]) == {"sum": 3}
    failed = agent.invoke("fail")
    assert (failed["success"], failed["error"]) == (False, "on purpose")
    assert "No handler found" in agent.invoke("unknown")["error"]
    assert agent.call("Health")["ok"] is True
    assert running.stop() == 0


def test_a_node_entrypoint_and_streams_over_http(par: StartPar) -> None:
    code = """
        exports.main = async ({ name }) => ({ hello: name });
        exports.createService = () => ({
          streaming_handlers: { count: async function* () { yield 'one'; yield 'two'; } },
        });
    """
    manifest = "name: a\nruntime: node18\nentrypoint: a.js:main\n"
    package = from_files(
        {"agent.yaml": f"{manifest}a2a: {{entry: 'a.js:createService'}}\n", "a.js": code}
    )
    running = par(package, base_path=BASE).wait_ready()
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}

    def post(path: str, body: dict) -> Reply:
        return request(
            running.url, "POST", f"{BASE}{path}", body=json.dumps(body).encode(), headers=headers
        )

    assert post("/invoke", {"name": "par"}).json()["data"] == {"hello": "par"}
    message = {
        "kind": "message",
        "role": "user",
        "messageId": "m-1",
        "metadata": {"skill": "count"},
        "parts": [{"kind": "text", "text": "please"}],
    }
    call = {"jsonrpc": "2.0", "id": "1", "method": "message/stream", "params": {"message": message}}
    stream = post("/a2a", call).text
    assert stream.index("one") < stream.index("two") < stream.index("completed")


@pytest.mark.parametrize("place", ["port", "socket"])
def test_a_node_script_that_listens_by_itself(par: StartPar, place: str) -> None:
    env = {"LISTEN_ON": place}
    running = par(build(AGENTS / "node_script"), env=env, base_path=BASE).wait_ready()

    assert running.get(f"{BASE}/some/path?x=1").json() == {"url": "/some/path?x=1", "place": place}
    assert running.stop() == 0


def test_a_newer_node_than_asked_for_is_a_warning(par: StartPar) -> None:
    files = {"r.js": "exports.mount = () => {};"}
    running = par(node_package(files, runtime="node16", rest="{entry: r.js}")).wait_ready()

    assert "A newer Node.js than the package asks for is used" in running.events()


def test_node_modules_of_the_package_are_used(par: StartPar) -> None:
    routes = "exports.mount = (app) => app.get('/api/x', (req, res) => res.json(x));"
    files = {
        "r.js": f"const x = require('bundled'); {routes}",
        "package.json": '{"dependencies":{"bundled":"1.0.0"}}',
        "node_modules/bundled/index.js": "module.exports = 'mine';",
    }
    running = par(node_package(files, rest="{entry: r.js}")).wait_ready()

    assert running.get("/api/x").json() == "mine"


# ------------------------------------------------------------- dependencies from a registry


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A registry for one test."""
    running = Registry()
    yield running
    running.close()


GREETING = {"imported": "from the registry", "required": "from the registry"}


def test_npm_installs_once_for_two_instances_and_then_offline(
    par: StartPar, registry: Registry, tmp_path: Path
) -> None:
    package = build(AGENTS / "node_dependency", {"package-lock.json": registry.lock()})
    cache = tmp_path / "npm"
    env = {
        "ENV_STORE_DIR": str(tmp_path / "store"),
        "NPM_CACHE_DIR": str(cache),
        "NPM_REGISTRY_URL": registry.url,
    }

    both = [par(package, env=env), par(package, env=env)]
    for running in both:
        assert running.wait_ready().get("/api/greet").json() == GREETING
    installed = [running for running in both if "Installing dependencies" in running.events()]
    assert len(installed) == 1
    assert registry.downloads == 1
    assert not Path("/tmp/pixell-npm-script-ran").exists()

    registry.close()
    offline = {**env, "ENV_STORE_DIR": str(tmp_path / "store-2"), "OFFLINE": "1"}
    assert par(package, env=offline).wait_ready().get("/api/greet").json() == GREETING


def test_dependencies_reach_a_package_that_is_a_folder(
    par: StartPar, registry: Registry, tmp_path: Path
) -> None:
    folder = tmp_path / "source"
    shutil.copytree(AGENTS / "node_dependency", folder)
    (folder / "package-lock.json").write_text(registry.lock())
    env = {"ENV_STORE_DIR": str(tmp_path / "store"), "NPM_REGISTRY_URL": registry.url}

    running = par(folder, env=env).wait_ready()

    assert running.get("/api/greet").json() == GREETING
    assert not (folder / "node_modules").exists()


def test_a_password_of_the_registry_is_seen_by_nobody(
    par: StartPar, registry: Registry, tmp_path: Path
) -> None:
    registry.credentials = "me:hunter2secret"
    seen = []

    def look() -> None:
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                seen.append(process.read_bytes())

    registry.on_request = look
    package = build(AGENTS / "node_dependency", {"package-lock.json": registry.lock()})
    url = registry.url.replace("://", "://me:hunter2secret@")
    env = {"ENV_STORE_DIR": str(tmp_path / "store"), "NPM_REGISTRY_URL": url}

    running = par(package, env=env).wait_ready()

    assert running.get("/api/greet").json() == GREETING
    assert registry.downloads == 1
    assert any(b"npm" in line for line in seen)
    assert not any(b"hunter2" in line for line in seen)
    assert "hunter2" not in running.log_text()
    encoded = base64.b64encode(registry.credentials.encode())
    for path in (tmp_path / "store").rglob("*"):
        if path.is_file():
            assert not any(word in path.read_bytes() for word in (b"hunter2", encoded)), path
    # Another password is no other environment.
    again = {**env, "NPM_REGISTRY_URL": url.replace("secret", "changed")}
    assert "Reusing installed dependencies" in par(package, env=again).wait_ready().events()


def test_offline_without_the_package_in_the_cache(
    par: StartPar, registry: Registry, tmp_path: Path
) -> None:
    package = build(AGENTS / "node_dependency", {"package-lock.json": registry.lock()})
    env = {"ENV_STORE_DIR": str(tmp_path / "store"), "OFFLINE": "1"}

    assert_refused(par(package, env=env), 12, "dependency_not_found", "NPM_CACHE_DIR")
    assert registry.downloads == 0


def test_a_package_of_pages_needs_no_node(par: StartPar) -> None:
    """Its dependencies are what the pages were built with."""
    files = {
        "ui/index.html": "pages",
        "package.json": '{"dependencies":{"no-such-thing-anywhere":"1.0.0"}}',
    }
    package = node_package(files, ui="{path: ui}", a2a="{}")

    running = par(package, env={"PAR_NODE": "/nonexistent"}).wait_ready()

    assert "Installing dependencies" not in running.events()


def test_another_spelling_and_an_upper_bound(par: StartPar) -> None:
    files = {"r.js": "exports.mount = () => {};"}

    par(node_package(files, runtime="Node 18", rest="{entry: r.js}")).wait_ready()
    refused = par(node_package(files, runtime="node<9", rest="{entry: r.js}"))

    assert_refused(refused, 11, "wrong_runtime", "no Node.js older than 9")


# -------------------------------------------------------------------------- executables


@pytest.mark.parametrize("place", ["port", "socket"])
def test_a_script_is_an_agent(par: StartPar, place: str) -> None:
    env = {"LISTEN_ON": place}
    running = par(build(AGENTS / "exec_script"), env=env, base_path=BASE).wait_ready()

    answer = running.get(f"{BASE}/api/x?y=1").json()
    assert (answer["url"], answer["arguments"]) == ("/api/x?y=1", ["--greeting", "hello there"])
    assert answer["cwd"].endswith("/package")
    assert running.get(f"{BASE}/health").json()["ok"] is True
    assert running.get(f"{BASE}/exit").status == 502
    wait_until("the agent is back", lambda: running.status_of(f"{BASE}/api/x") == 200, 30)
    assert running.stop() == 0


def test_a_compiled_program_is_an_agent(par: StartPar, tmp_path: Path) -> None:
    folder = tmp_path / "compiled"
    shutil.copytree(AGENTS / "exec_compiled", folder)
    (folder / "bin").mkdir()
    program = folder / "bin" / "agent"
    subprocess.run(["g++", "-O0", "-o", program, folder / "agent.cpp"], check=True, timeout=120)

    running = par(folder).wait_ready()

    assert running.get("/anything").text == "compiled"
    assert Agent(running.a2a_address).call("Health")["ok"] is True
    assert running.stop() == 0


def assert_refused(running: Par, code: int, cause: str, words: str = "") -> None:
    """It ends with that code, and its last line has the cause, the words and a remedy."""
    assert running.wait_exit() == code, running.log_text()
    line = last_log_line(running)
    assert (line["event"], line["cause"]) == ("Boot failed", cause), line
    assert line["remedy"]
    told = line["message"] + line["remedy"] + json.dumps(line["evidence"])
    assert words in told, line

"""Agents in Node.js, and agents that are programs: through `par`, with real clients."""

from __future__ import annotations

import base64
import json
import os
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
    lines = "".join(f"{key}: {value}\n" for key, value in manifest.items())
    return from_files({"agent.yaml": f"name: made-up\nruntime: node18\n{lines}", **files})


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
    package = node_package({"r.js": "exports.mount = () => {};"}, rest="{entry: r.js}")
    package = package.replace(b"node18", b"node16")
    running = par(package).wait_ready()

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


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (("tiny-greeting", "no-such-greeting"), "dependency_not_found"),
        (('"resolved": "http', '"resolved": "git+http'), "dependency_failed"),
    ],
)
def test_a_wrong_lock_is_explained(
    par: StartPar, registry: Registry, tmp_path: Path, change: tuple[str, str], cause: str
) -> None:
    old, new = change
    package_json = (AGENTS / "node_dependency" / "package.json").read_text()
    replace = {
        "package-lock.json": registry.lock().replace(old, new),
        "package.json": package_json.replace(old, new),
    }
    env = {"ENV_STORE_DIR": str(tmp_path / "store"), "NPM_REGISTRY_URL": registry.url}

    running = par(build(AGENTS / "node_dependency", replace), env=env)

    assert_refused(running, 12, cause)


def test_other_bytes_than_the_lock_names_are_refused(
    par: StartPar, registry: Registry, tmp_path: Path
) -> None:
    wrong = "sha512-" + base64.b64encode(bytes(64)).decode()
    package = build(AGENTS / "node_dependency", {"package-lock.json": registry.lock(wrong)})
    env = {"ENV_STORE_DIR": str(tmp_path / "store"), "NPM_REGISTRY_URL": registry.url}

    assert_refused(par(package, env=env), 12, "dependency_failed", "other bytes")


def test_offline_without_the_package_in_the_cache(
    par: StartPar, registry: Registry, tmp_path: Path
) -> None:
    package = build(AGENTS / "node_dependency", {"package-lock.json": registry.lock()})
    env = {"ENV_STORE_DIR": str(tmp_path / "store"), "OFFLINE": "1"}

    assert_refused(par(package, env=env), 12, "dependency_not_found", "NPM_CACHE_DIR")
    assert registry.downloads == 0


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


# ------------------------------------------------------------------- what cannot be started


def of_another_machine() -> str:
    """The first bytes of an ELF program for a machine this is not (as text: all below 128)."""
    header = bytearray(64)
    header[:7] = b"\x7fELF\x02\x01\x01"
    header[16:18] = (2).to_bytes(2, "little")
    header[18:20] = (22 if os.uname().machine != "s390x" else 62).to_bytes(2, "little")
    return header.decode("ascii")


SHELL = "#!/bin/sh\n"
BROKEN = [
    ("exec:./bin/gone", {"bin/other": "x"}, 13, "handler_missing", "other"),
    ("exec:../outside", {}, 11, "manifest_invalid", "outside"),
    ("exec:/bin/sh", {}, 11, "manifest_invalid", "/bin/sh"),
    ("exec:", {}, 11, "manifest_invalid", "exec:"),
    ("exec:a", {"a": of_another_machine()}, 13, "wrong_architecture", "s390x"),
    ("exec:a", {"a": "MZ this is no Linux program"}, 13, "wrong_architecture", "exec format error"),
    ("exec:a", {"a": "#!/usr/bin/no-such-thing\n"}, 11, "wrong_runtime", "no-such-thing"),
    ("exec:a", {"a": "#!/bin/sh\r\n"}, 11, "wrong_runtime", "carriage return"),
    ("exec:a", {"a": SHELL + "echo no database >&2; exit 3\n"}, 13, "exited", "no database"),
    ("exec:a", {"a": SHELL + "kill -SEGV $$\n"}, 13, "signalled", "SIGSEGV"),
]


@pytest.mark.parametrize(("entrypoint", "files", "code", "cause", "words"), BROKEN)
def test_a_broken_executable_is_explained(
    par: StartPar, entrypoint: str, files: dict[str, str], code: int, cause: str, words: str
) -> None:
    manifest = f"name: broken\nentrypoint: '{entrypoint}'\n"

    running = par(from_files({"agent.yaml": manifest, **files}))

    assert_refused(running, code, cause, words)


def test_a_program_that_never_listens_runs_out_of_time(par: StartPar) -> None:
    files = {
        "agent.yaml": "name: silent\nentrypoint: exec:a\n",
        "a": SHELL + "echo waiting for nothing; exec sleep 600\n",
    }

    running = par(from_files(files), env={"STARTUP_TIMEOUT_SEC": "3"})

    assert_refused(running, 14, "startup_timeout", "waiting for nothing")


R_JS = "{entry: r.js}"
WRONG = "wrong_architecture"


@pytest.mark.parametrize(
    ("rest", "files", "code", "cause", "words"),
    [
        ("{entry: 'gone.js:mount'}", {}, 13, "missing_module", "gone.js"),
        ("{entry: 'r.js:gone'}", {"r.js": "exports.a = 1"}, 13, "handler_missing", "gone"),
        (R_JS, {"r.js": "require('not-there')"}, 13, "missing_module", "not-there"),
        (R_JS, {"r.js": "throw new Error('bad day')"}, 13, "handler_error", "bad day"),
        (R_JS, {"r.js": "const = 1"}, 13, "handler_error", "SyntaxError"),
        (R_JS, {"r.js": "process.exit(4)"}, 13, "exited", "code 4"),
        (R_JS, {"r.js": "", "package.json": "["}, 11, "manifest_invalid", "package.json"),
        (R_JS, {"r.js": "require('./n.node')", "n.node": "x" * 300}, 13, WRONG, "ELF"),
    ],
)
def test_a_broken_node_agent_is_explained(
    par: StartPar, rest: str, files: dict[str, str], code: int, cause: str, words: str
) -> None:
    assert_refused(par(node_package(files, rest=rest)), code, cause, words)


def test_a_node_script_that_ends_is_explained(par: StartPar) -> None:
    files = {"s.js": "console.error('no key'); process.exit(1)"}

    assert_refused(par(node_package(files, entrypoint="s.js")), 13, "exited", "no key")


def test_a_node_that_does_not_exist_yet(par: StartPar) -> None:
    manifest = "name: a\nruntime: node99\nrest: {entry: r.js}\n"
    package = from_files({"agent.yaml": manifest, "r.js": ""})

    assert_refused(par(package), 11, "wrong_runtime", "Install Node.js 99")


def assert_refused(running: Par, code: int, cause: str, words: str = "") -> None:
    """It ends with that code, and its last line has the cause, the words and a remedy."""
    assert running.wait_exit() == code, running.log_text()
    line = last_log_line(running)
    assert (line["event"], line["cause"]) == ("Boot failed", cause), line
    assert line["remedy"]
    told = line["message"] + line["remedy"] + json.dumps(line["evidence"])
    assert words in told, line

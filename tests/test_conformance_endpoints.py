"""The built-in endpoints of `par`, body for body, in each state of the agent."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devtool.pac import Reply, request, wait_until
from pixell_testing.packages import build, from_files, source
from pixell_testing.stack import Par

StartPar = Callable[..., Par]

BASE = "/some/base"
OWN_BASE = "/agents/test-agent"
CALLED = f"{BASE}/agents/test-agent"
#: A REST agent that has nothing else.
REST_ONLY = from_files(
    {
        "agent.yaml": "name: rest-only\nrest: {entry: 'routes:mount'}\n",
        "routes.py": """
from fastapi import FastAPI
from pydantic import BaseModel


class Number(BaseModel):
    value: int


def mount(app):
    @app.post("/api/double")
    async def double(number: Number):
        return {"value": 2 * number.value}

    @app.get("/health")
    async def shadowed():
        return {"never": "seen"}
""",
    }
)
#: A servicer that stops being healthy when a file appears.
SICKLY = from_files(
    {
        "agent.yaml": "name: sickly\na2a: {service: 'm:create'}\n",
        "m.py": """
import os


class Service:
    def Health(self, request, context):
        if os.path.exists(os.environ["SICK"]):
            raise RuntimeError("I feel sick")
        return {"ok": True, "message": "fine", "timestamp": 1}

    def Invoke(self, request, context):
        return {"success": True}


def create():
    return Service()
""",
    }
)


def start_module_par(scratch: Path, folder: Path, package: bytes, base: str) -> Iterator[Par]:
    """A ready par for all tests of this file."""
    path = folder / "agent.apkg"
    path.write_bytes(package)
    env = {"ENV_STORE_DIR": str(scratch / "environments")}
    with Par(folder, path, env=env, base_path=base) as running:
        yield running.wait_ready()


@pytest.fixture(scope="module")
def three(scratch: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Par]:
    """All three surfaces below a base path that is not the agent's own."""
    folder = tmp_path_factory.mktemp("three")
    yield from start_module_par(scratch, folder, build(source("root_modules")), BASE)


@pytest.fixture(scope="module")
def rest(scratch: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Par]:
    """A REST surface only, below the agent's own base path."""
    folder = tmp_path_factory.mktemp("rest")
    yield from start_module_par(scratch, folder, REST_ONLY, OWN_BASE)


def timeless(reply: Reply) -> tuple[int, dict]:
    """Status and body; a timestamp must be of now, and is left out."""
    body = reply.json()
    if "timestamp" in body:
        assert abs(body.pop("timestamp") - time.time() * 1000) < 60_000
    return reply.status, body


# ------------------------------------------------------------------------------- health


def test_health_below_the_base_path_has_a_timestamp(three: Par) -> None:
    reply = three.get(f"{BASE}/health")

    assert reply.status == 200
    assert reply.json().keys() == {"ok", "status", "surfaces", "timestamp"}
    assert reply.json()["ok"] is True
    assert reply.json()["surfaces"] == {"rest": True, "a2a": True, "ui": True}


def test_health_at_the_root_has_none(three: Par) -> None:
    assert three.get("/health").json() == {
        "ok": True,
        "status": "healthy",
        "surfaces": {"rest": True, "a2a": True, "ui": True},
    }


def test_health_below_the_agents_own_path_has_both_sets_of_keys(rest: Par) -> None:
    status, body = timeless(rest.get(f"{OWN_BASE}/health"))

    assert status == 200
    assert body == {
        "ok": True,
        "surfaces": {"rest": True},
        "agentId": "test-agent",
        "status": "healthy",
        "loaded": True,
    }


def test_built_in_endpoints_win_over_the_agents_routes(rest: Par) -> None:
    assert "never" not in rest.get("/health").json()


@pytest.mark.parametrize("path", ["/agents/test-agent/health", f"{CALLED}/health"])
def test_health_by_agent_id(three: Par, path: str) -> None:
    assert timeless(three.get(path)) == (
        200,
        {"agentId": "test-agent", "status": "healthy", "loaded": True},
    )


@pytest.mark.parametrize("path", ["/agents/other/health", f"{BASE}/agents/other/health"])
def test_health_of_another_agent_is_not_found(three: Par, path: str) -> None:
    assert timeless(three.get(path)) == (
        404,
        {"error": "Agent not found", "agentId": "other", "loaded": False},
    )


def test_health_answers_head(three: Par) -> None:
    reply = request(three.url, "HEAD", "/health")

    assert (reply.status, reply.body) == (200, b"")


# ------------------------------------------------------------------- health of a surface


@pytest.mark.parametrize("path", [f"{BASE}/a2a/health", "/a2a/health"])
def test_a2a_health(three: Par, path: str) -> None:
    assert timeless(three.get(path)) == (200, {"ok": True, "service": "a2a"})


def test_a2a_health_without_a2a(rest: Par) -> None:
    based, plain = rest.get(f"{OWN_BASE}/a2a/health"), rest.get("/a2a/health")

    assert based.status == 404
    assert based.json()["detail"] == "A2A service not available"
    assert plain.status == 200
    assert plain.json()["ok"] is False


def test_a_servicer_that_fails_turns_its_surface_false(par: StartPar, tmp_path: Path) -> None:
    sick = tmp_path / "sick"
    running = par(SICKLY, env={"SICK": str(sick)}, base_path=BASE).wait_ready()
    well = running.get(f"{BASE}/health").json()["surfaces"]
    sick.touch()
    health, a2a = running.get("/health"), running.get(f"{BASE}/a2a/health")
    plain = running.get("/a2a/health")

    assert well == {"rest": True, "a2a": True}
    assert health.status == 200
    assert health.json()["ok"] is True
    assert health.json()["surfaces"] == {"rest": True, "a2a": False}
    assert a2a.status == 503
    assert a2a.json()["detail"].startswith("gRPC health failed: ")
    assert (plain.status, plain.json()["ok"]) == (200, False)


@pytest.mark.parametrize("path", [f"{BASE}/ui/health", "/ui/health"])
def test_ui_health(three: Par, path: str) -> None:
    assert timeless(three.get(path)) == (200, {"ok": True, "service": "ui"})


@pytest.mark.parametrize("path", [f"{OWN_BASE}/ui/health", "/ui/health"])
def test_ui_health_without_a_ui(rest: Par, path: str) -> None:
    assert timeless(rest.get(path)) == (200, {"ok": False, "service": "ui"})


def test_a_page_that_is_gone_turns_its_surface_false(par: StartPar, tmp_path: Path) -> None:
    package = tmp_path / "package"
    (package / "ui").mkdir(parents=True)
    (package / "agent.yaml").write_text("name: page\nui: {path: ui}\n")
    page = package / "ui" / "index.html"
    page.write_text("page")
    running = par(package).wait_ready()

    page.unlink()

    health = running.get("/health")
    assert (health.status, health.json()["ok"]) == (200, True)
    assert health.json()["surfaces"] == {"rest": True, "ui": False}
    assert running.get("/ui/health").json()["ok"] is False


# --------------------------------------------------------------------------- meta, info


def test_meta(three: Par) -> None:
    meta = three.get(f"{BASE}/meta").json()
    loaded = datetime.datetime.fromisoformat(meta.pop("build_time"))
    stats = meta.pop("boot_stats")

    assert loaded.tzinfo is not None
    assert {key: meta[key] for key in ("name", "version", "description", "surfaces")} == {
        "name": "example-three-surface-agent",
        "version": "0.1.0",
        "description": meta["description"],
        "surfaces": {"a2a": True, "rest": True, "ui": True},
    }
    assert isinstance(meta["author"], str)
    assert stats["total_ms"] > 0
    assert {"install", "load"} <= stats["phases_ms"].keys()
    assert all(value >= 0 for value in stats["phases_ms"].values())


def test_the_base_path_tells_the_service(three: Par) -> None:
    assert three.get(f"{BASE}/").json() == {
        "service": "Pixell Agent Runtime",
        "version": three.get(f"{BASE}/").json()["version"],
        "endpoints": {
            "health": "/health",
            "metadata": "/meta",
            "a2a_health": "/a2a/health",
            "ui_health": "/ui/health",
        },
    }


def test_the_base_path_without_slash_is_redirected(three: Par) -> None:
    reply = three.get(f"{BASE}?x=1")

    assert reply.status == 307
    assert reply.headers["location"] == f"{BASE}/?x=1"


@pytest.mark.parametrize("base", ["", OWN_BASE])
@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_the_documentation_of_the_api(rest: Par, base: str, path: str) -> None:
    assert rest.get(base + path).status == 200


# ---------------------------------------------------------------------- answers in common


def test_any_origin_may_ask(three: Par) -> None:
    for path in ("/health", f"{BASE}/api/status", f"{BASE}/nowhere"):
        headers = three.get(path, headers={"Origin": "https://a.example"}).headers
        assert headers["access-control-allow-origin"] == "https://a.example", path
        assert headers["access-control-allow-credentials"] == "true", path


def test_a_preflight_is_answered(three: Par) -> None:
    asked = {
        "Origin": "https://a.example",
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "x-anything, authorization",
    }
    reply = request(three.url, "OPTIONS", f"{BASE}/api/status", headers=asked)

    assert reply.status in (200, 204)
    assert reply.headers["access-control-allow-origin"] == "https://a.example"
    assert "PATCH" in reply.headers["access-control-allow-methods"]
    assert "x-anything" in reply.headers["access-control-allow-headers"].lower()


def test_unknown_paths_are_not_found(rest: Par) -> None:
    for path in ("/nowhere", f"{OWN_BASE}/api/nowhere", f"{OWN_BASE}{OWN_BASE}/api/double"):
        assert (rest.get(path).status, rest.get(path).json()) == (404, {"detail": "Not Found"})


def test_a_wrong_body_is_422(rest: Par) -> None:
    headers = {"Content-Type": "application/json"}
    path = f"{OWN_BASE}/api/double"

    right = request(rest.url, "POST", path, body='{"value": 2}', headers=headers)
    wrong = request(rest.url, "POST", path, body='{"value": "x"}', headers=headers)

    assert right.json() == {"value": 4}
    assert wrong.status == 422
    assert wrong.json()["detail"]


def test_a_program_never_gets_a_page(three: Par) -> None:
    page = {"Accept": "text/html"}
    for path in (f"{BASE}/api/none", f"{BASE}/a2a/none", f"{BASE}{BASE}/api/status"):
        reply = three.get(path, headers=page)
        assert reply.status == 404, path
        assert reply.headers["content-type"].startswith("application/json"), path


# ------------------------------------------------------------------------------- not yet


def test_every_endpoint_before_the_agent_is_ready(par: StartPar, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    files = {
        "agent.yaml": "name: slow\nrest: {entry: 'r:mount'}\na2a: {}\nui: {path: ui}\n",
        "r.py": """
import os, time

while not os.path.exists(os.environ["GATE"]):
    time.sleep(0.02)


def mount(app):
    pass
""",
        "ui/index.html": "page",
    }
    running = par(from_files(files), env={"GATE": str(gate)}, base_path=OWN_BASE)
    wait_until("the package is known", lambda: running.status_of(f"{OWN_BASE}/meta") == 200, 60)

    health = running.get("/health")
    agent = running.get(f"{OWN_BASE}/health")
    nested = running.get(f"{OWN_BASE}/agents/test-agent/health")
    a2a, plain_a2a = running.get(f"{OWN_BASE}/a2a/health"), running.get("/a2a/health")
    ui = running.get("/ui/health")
    meta = running.get(f"{OWN_BASE}/meta")
    page = running.get(f"{OWN_BASE}/ui/")
    gate.touch()
    running.wait_ready()

    surfaces = {"rest": False, "a2a": False, "ui": False}
    assert (health.status, health.json()["surfaces"]) == (503, surfaces)
    assert health.json()["timestamp"] > 0
    assert agent.status == 503
    assert agent.json().items() >= {("agentId", "test-agent"), ("status", "starting")}
    assert agent.json()["surfaces"] == surfaces
    assert nested.status == 503
    assert nested.json().items() >= {("status", "starting"), ("loaded", True)}
    assert a2a.status == 503
    assert a2a.json()["detail"].startswith("gRPC health failed: ")
    assert (plain_a2a.status, plain_a2a.json()["ok"]) == (200, False)
    assert (ui.status, ui.json()["ok"]) == (200, False)
    assert meta.json()["name"] == "slow"
    assert "boot_stats" not in meta.json()
    assert page.status == 503

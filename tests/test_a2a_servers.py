"""Who answers: the entrypoint, routes of the REST application, servers of the agent's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pixell_testing.a2a import BASE, HANDLERS, PADDING, message, post, rpc, send
from pixell_testing.packages import AGENTS, build, from_files
from pixell_testing.stack import Par

StartPar = Callable[..., Par]

MINIMAL_MANIFEST = "name: small\nversion: '1.0'\nentrypoint: main:handle\n"


def test_invoke_calls_the_entrypoint(par: StartPar) -> None:
    agent = par(HANDLERS, base_path=BASE).wait_ready()
    good = post(agent, BASE + "/invoke", {"action": "plan", "data": {"n": 1}})
    at_root = post(agent, "/invoke", {"action": "plan", "data": {}})
    bad = post(agent, BASE + "/invoke", {"action": "fail", "data": {}})
    broken = post(agent, BASE + "/invoke", b"[1]")

    assert good.status_code == 200
    assert good.json() == {"status": "success", "data": {"action": "plan", "got": {"n": 1}}}
    assert at_root.json()["status"] == "success"
    assert (bad.status_code, bad.json()) == (200, {"status": "error", "error": "'nothing'"})
    assert broken.status_code == 422


def test_an_entrypoint_alone_is_an_agent(par: StartPar) -> None:
    main = "async def handle(request):\n    return request['data']\n"
    files = {"agent.yaml": MINIMAL_MANIFEST, "main.py": main}
    running = par(from_files(files)).wait_ready()

    assert post(running, "/invoke", {"data": 3}).json() == {"status": "success", "data": 3}
    assert post(running, "/", rpc("chat", {})).status_code in (404, 405)
    assert running.get("/.well-known/agent.json").status == 404


def test_a_broken_entrypoint_breaks_only_invoke(par: StartPar) -> None:
    files = {"agent.yaml": MINIMAL_MANIFEST, "main.py": "import no_such_module\n"}
    running = par(from_files(files)).wait_ready()

    answer = post(running, "/invoke", {"action": "x", "data": {}})

    assert answer.status_code == 200
    assert answer.json()["status"] == "error"
    assert "no_such_module" in answer.json()["error"]


def test_routes_of_the_rest_application_come_first(par: StartPar) -> None:
    routes = """
def mount(app):
    @app.post("/invoke")
    async def invoke():
        return {"by": "rest"}

    @app.get("/.well-known/agent.json")
    async def card():
        return {"by": "rest"}

    @app.post("/{anything:path}")
    async def everything(anything: str):
        return {"caught": anything}
"""
    manifest = (AGENTS / "a2a_handlers" / "agent.yaml").read_text()
    package = build(
        AGENTS / "a2a_handlers",
        {"agent.yaml": manifest + "rest:\n  entry: routes:mount\n", "routes.py": routes},
    )
    running = par(package, base_path=BASE).wait_ready()

    for prefix in ("", BASE):
        assert post(running, prefix + "/invoke", {}).json() == {"by": "rest"}
        assert running.get(prefix + "/.well-known/agent.json").json() == {"by": "rest"}
        assert "skills" in running.get(prefix + "/a2a/.well-known/agent.json").json()
        assert send(running, message("shout", "a"), prefix + "/a2a")["result"] == "A"
        assert send(running, message("shout", "a"), prefix + "/")["result"] == "A"
    assert post(running, BASE + "/other", {}).json() == {"caught": "other"}


@pytest.mark.parametrize("entry", ["main:app", "main:server"])
def test_an_own_server_answers_everything_itself(par: StartPar, entry: str) -> None:
    manifest = (AGENTS / "a2a_own_server" / "agent.yaml").read_text()
    package = build(AGENTS / "a2a_own_server", {"agent.yaml": manifest.replace("main:app", entry)})
    running = par(package, base_path=BASE).wait_ready()

    for prefix in ("", BASE, BASE + "/a2a"):
        assert running.get(prefix + "/.well-known/agent.json").json()["name"] == "mine"
        answer = post(running, prefix or "/", rpc("message/send", message()))
        assert answer.json()["result"] == {"sessionId": "s-1"}
        events = post(running, prefix or "/", rpc("message/stream", message())).text
        assert events.startswith(PADDING)
        assert events.count("event: content") == 3
        assert post(running, prefix + "/respond", {"a": 1}).json() == {"responded": {"a": 1}}
        assert running.get(prefix + "/files/download?path=x").json() == {"path": "x"}
    assert post(running, BASE + "/invoke", {}).json() == {"invoked": "by the server itself"}


@pytest.mark.parametrize("entry", ["main:make_handlers", "main:make_bare_handlers"])
def test_a_function_that_returns_handlers_is_a_server_too(par: StartPar, entry: str) -> None:
    manifest = (AGENTS / "a2a_own_server" / "agent.yaml").read_text()
    package = build(AGENTS / "a2a_own_server", {"agent.yaml": manifest.replace("main:app", entry)})
    running = par(package, base_path=BASE).wait_ready()

    assert running.get(BASE + "/.well-known/agent.json").json()["name"] == "Own server"
    assert send(running, message(x=1))["result"] == {"handled": {"x": 1}}

"""The three shapes of an agent that brings its own HTTP server."""

from __future__ import annotations

from typing import Callable

import pytest

from conftest import Package
from par_double import ParDouble

Start = Callable[..., ParDouble]

ASGI = """
    async def app(scope, receive, send):
        if scope["type"] != "http":
            raise RuntimeError("only http")
        text = (scope.get("root_path", "") + "|" + scope["path"]).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": text})

    class AgentServer:
        def __init__(self):
            self.app = app

    server = AgentServer()

    def make():
        return server
"""


@pytest.mark.parametrize("entry", ["main:app", "main:server", "main:make", "main"])
def test_an_asgi_application_is_served_however_it_is_named(
    package: Package, worker: Start, entry: str
) -> None:
    par = worker(package({"main.py": ASGI}))

    hello = par.load("/agents/a1", http_server=entry)

    assert hello["http_server"] is True
    assert hello["rest"] is False
    with par.http("http") as http:
        assert http.post("/").text == "|/"
        assert http.post("/agents/a1").text == "/agents/a1|/agents/a1/"
        assert http.get("/agents/a1/health").text == "/agents/a1|/agents/a1/health"


def test_a_function_may_return_handlers(package: Package, worker: Start) -> None:
    text = "def make():\n    async def chat(p): return p['message']\n    return {'chat': chat}"
    par = worker(package({"main.py": text}))

    hello = par.load(http_server="main:make")
    par.execute("1", "chat", {"message": "hi"})

    assert hello["http_server"] is False
    assert hello["a2a"] == "handlers"
    assert par.receive() == {"t": "done", "x": "1", "result": "hi"}


def test_anything_else_is_a_load_error(package: Package, worker: Start) -> None:
    par = worker(package({"main.py": "app = 7"}))

    answer = par.load(http_server="main:app")

    assert answer["cause"] == "handler_error"
    assert "is a int" in answer["message"]

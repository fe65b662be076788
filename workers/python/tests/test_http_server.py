"""The three shapes of an agent that brings its own HTTP server."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Callable

import pytest

from conftest import Package
from par_double import ParDouble
from pixell_worker.http_surface import HttpSurface

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


def test_a_mapping_of_handlers_may_be_named_itself(package: Package, worker: Start) -> None:
    text = """
        from types import MappingProxyType

        async def chat(p): return p["message"]

        handlers = MappingProxyType({"chat": chat})
    """
    par = worker(package({"main.py": text}))

    hello = par.load(http_server="main:handlers")
    par.execute("1", "chat", {"message": "hi"})

    assert (hello["http_server"], hello["a2a"]) == (False, "handlers")
    assert par.receive()["result"] == "hi"


WSGI = """
    class Flask:
        def __call__(self, environ, start_response):
            start_response("200 OK", [])
            return [b"hi"]

    app = Flask()

    def plain(environ, start_response):
        raise AssertionError("never called")

    def make():
        return app
"""


@pytest.mark.parametrize("entry", ["main:app", "main:plain", "main:make"])
def test_a_wsgi_application_is_told_how_to_become_asgi(
    package: Package, worker: Start, entry: str
) -> None:
    par = worker(package({"main.py": WSGI}))

    answer = par.load(http_server=entry)

    assert answer["cause"] == "handler_error"
    assert "is a WSGI application" in answer["message"]
    assert "a2wsgi.WSGIMiddleware" in answer["remedy"]


class DrainedServer:
    """What HttpSurface tells the server it drains."""

    def __init__(self) -> None:
        self.config = SimpleNamespace(timeout_graceful_shutdown=None)

    async def shutdown(self, sockets: list) -> None:
        """Takes no time."""


@pytest.mark.parametrize(("grace", "seconds"), [(1.5, 1), (0.2, 1), (29.9, 29)])
def test_requests_never_use_up_the_whole_grace(grace: float, seconds: int) -> None:
    surface = HttpSurface("rest.entry", lambda *_: None, "/", "/nowhere/rest.sock", "/")
    surface._server = DrainedServer()

    asyncio.run(surface.drain(grace))

    assert surface._server.config.timeout_graceful_shutdown == seconds


def test_anything_else_is_a_load_error(package: Package, worker: Start) -> None:
    par = worker(package({"main.py": "app = 7"}))

    answer = par.load(http_server="main:app")

    assert answer["cause"] == "handler_error"
    assert "is a int" in answer["message"]

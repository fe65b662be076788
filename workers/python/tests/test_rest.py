"""The REST surface end to end: a real uvicorn on a Unix socket, behind the real protocol."""

from __future__ import annotations

import stat
import threading
from typing import Callable

import pytest
from websockets.sync.client import unix_connect

from conftest import Package
from par_double import ParDouble

Start = Callable[..., ParDouble]

ROUTES = """
    import asyncio, os
    from fastapi import WebSocket
    from fastapi.responses import StreamingResponse

    def mount(app):
        app.state.notes = []

        @app.on_event("startup")
        async def start():
            app.state.notes.append("started")

        @app.on_event("shutdown")
        async def stop():
            print("shutdown handler ran")

        @app.middleware("http")
        async def mark(request, call_next):
            response = await call_next(request)
            response.headers["x-agent"] = "yes"
            return response

        @app.get("/api/hello")
        def hello(request: __import__("fastapi").Request, name: str = "you"):
            return {"hello": name, "notes": app.state.notes, "cwd": os.getcwd(),
                    "url": str(request.url), "self": str(request.url_for("hello"))}

        @app.get("/api/slash/")
        def slash():
            return {"ok": True}

        @app.get("/api/stream")
        async def stream():
            async def parts():
                for i in range(3):
                    yield f"part {i}\\n"
                    await asyncio.sleep(0)
            return StreamingResponse(parts(), media_type="text/plain")

        @app.get("/api/slow")
        async def slow():
            print("slow began", flush=True)
            await asyncio.sleep(0.5)
            return {"slow": True}

        @app.websocket("/api/ws")
        async def ws(socket: WebSocket):
            await socket.accept()
            text = await socket.receive_text()
            await socket.send_text(text.upper())
            await socket.close()

        @app.get("/api/boom")
        def boom():
            raise RuntimeError("boom")
"""


def test_routes_are_served_at_the_base_path_and_at_the_root(
    package: Package, worker: Start
) -> None:
    root = package({"src/rest/index.py": ROUTES})
    par = worker(root)

    hello = par.load("/agents/a1", rest="src.rest.index:mount")

    assert hello["t"] == "hello"
    assert hello["v"] == 1
    assert hello["lang"] == "python"
    assert hello["rest"] is True
    assert hello["http_server"] is False
    assert hello["a2a"] is None
    assert hello["pid"] == par.process.pid
    with par.http() as http:
        at_root = http.get("/api/hello", params={"name": "x"})
        at_base = http.get("/agents/a1/api/hello")
        assert at_root.json()["hello"] == "x"
        assert at_root.json()["notes"] == ["started"]
        assert at_root.json()["cwd"] == str(root)
        assert at_root.headers["x-agent"] == "yes"
        assert "server" not in at_root.headers
        assert "date" in at_root.headers
        assert at_base.json()["url"] == "http://agent/agents/a1/api/hello"
        assert at_base.json()["self"] == "http://agent/agents/a1/api/hello"
        assert http.get("/agents/a1/agents/a1/api/hello").status_code == 404
        assert http.get("/agents/a1x/api/hello").status_code == 404
        assert http.get("/nothing").json() == {"detail": "Not Found"}
        moved = http.get("/agents/a1/api/slash")
        assert moved.headers["location"] == "http://agent/agents/a1/api/slash/"
        assert http.get("/agents/a1/openapi.json").status_code == 200
        assert http.get("/docs").status_code == 200


def test_a_doubled_base_path_is_refused_for_websockets_too(package: Package, worker: Start) -> None:
    par = worker(package({"routes.py": ROUTES}))
    par.load("/agents/a1", rest="routes:mount")

    with pytest.raises(Exception, match="403"):
        unix_connect(str(par.rest_socket), uri="ws://agent/agents/a1/agents/a1/api/ws")


def test_streaming_websocket_and_errors_work(package: Package, worker: Start) -> None:
    par = worker(package({"routes.py": ROUTES}))
    par.load("/agents/a1", rest="routes:mount")

    with par.http() as http:
        with http.stream("GET", "/agents/a1/api/stream") as response:
            assert response.headers["transfer-encoding"] == "chunked"
            assert "".join(response.iter_text()) == "part 0\npart 1\npart 2\n"
        assert http.get("/api/boom").status_code == 500
    with unix_connect(str(par.rest_socket), uri="ws://agent/agents/a1/api/ws") as ws:
        ws.send("loud")
        assert ws.recv(timeout=10) == "LOUD"


def test_the_socket_is_private(package: Package, worker: Start) -> None:
    par = worker(package({"routes.py": ROUTES}))
    par.load(rest="routes:mount")

    assert stat.S_IMODE(par.rest_socket.stat().st_mode) == 0o700


def test_a_drain_lets_the_running_request_finish(package: Package, worker: Start) -> None:
    par = worker(package({"routes.py": ROUTES}))
    par.load(rest="routes:mount")
    answers = []

    def ask() -> None:
        with par.http() as http:
            answers.append(http.get("/api/slow").json())

    asking = threading.Thread(target=ask)
    asking.start()
    assert par.process.stdout.readline() == "slow began\n"
    par.send({"t": "drain", "grace_ms": 5000})
    asking.join(10)

    assert par.wait() == 0
    assert answers == [{"slow": True}]
    assert not par.rest_socket.exists()
    assert "shutdown handler ran" in par.output()[0]


@pytest.mark.parametrize(
    "text",
    [
        "def mount(*, app):\n    app.get('/api/x')(lambda: {'x': 1})",
        "async def mount(target):\n    target.get('/api/x')(lambda: {'x': 1})",
        "from fastapi import FastAPI\ndef mount():\n    app = FastAPI()\n"
        "    app.get('/api/x')(lambda: {'x': 1})\n    return app",
        "from fastapi import APIRouter\ndef mount(app):\n    r = APIRouter()\n"
        "    r.get('/api/x')(lambda: {'x': 1})\n    return r",
        "from fastapi import FastAPI\ndef mount(app):\n    app.get('/y')(lambda: 1)\n"
        "    o = FastAPI()\n    o.get('/api/x')(lambda: {'x': 1})\n    return o",
        "from fastapi import FastAPI\nmount = FastAPI()\nmount.get('/api/x')(lambda: {'x': 1})",
    ],
    ids=["keyword", "coroutine", "own app", "router", "both", "app itself"],
)
def test_every_form_of_mount_is_served(package: Package, worker: Start, text: str) -> None:
    par = worker(package({"routes.py": text}))

    assert par.load("/b", rest="routes:mount")["t"] == "hello"

    with par.http() as http:
        assert http.get("/api/x").json() == {"x": 1}
        assert http.get("/b/api/x").json() == {"x": 1}


def test_a_name_without_colon_is_a_module_or_a_function_beside_the_entrypoint(
    package: Package, worker: Start
) -> None:
    files = {
        "routes.py": "def mount(app):\n    app.get('/api/x')(lambda: 1)",
        "main.py": "def serve(app):\n    app.get('/api/x')(lambda: 2)",
    }
    root = package(files)
    for entry, value in (("routes", 1), ("serve", 2)):
        par = worker(root)
        assert par.load(rest=entry, entrypoint="main:handler")["t"] == "hello"
        with par.http() as http:
            assert http.get("/api/x").json() == value


def test_the_state_of_a_lifespan_reaches_requests(package: Package, worker: Start) -> None:
    text = """
        from contextlib import asynccontextmanager
        from fastapi import FastAPI, Request

        @asynccontextmanager
        async def life(app):
            yield {"db": "open"}

        def mount():
            app = FastAPI(lifespan=life)

            @app.get("/api/x")
            def x(request: Request):
                return request.state.db
            return app
    """
    par = worker(package({"routes.py": text}))
    par.load(rest="routes:mount")

    with par.http() as http:
        assert http.get("/api/x").json() == "open"


@pytest.mark.parametrize(
    ("text", "cause", "words"),
    [
        ("import nowhere", "missing_module", "'nowhere'"),
        ("def other(app): pass", "handler_missing", "'mount'"),
        ("def mount(app):\n    raise TypeError('inside')", "handler_error", "TypeError: inside"),
        ("def mount(a, b, c): pass", "handler_error", "cannot be called"),
        (
            "def mount(app):\n    @app.on_event('startup')\n    def go():\n"
            "        raise RuntimeError('no database')",
            "handler_error",
            "no database",
        ),
    ],
    ids=["import", "function", "type error inside", "signature", "startup"],
)
def test_what_cannot_be_served_is_a_load_error(
    package: Package, worker: Start, text: str, cause: str, words: str
) -> None:
    par = worker(package({"routes.py": text}))

    answer = par.load(rest="routes:mount")

    assert answer["t"] == "load_error"
    assert answer["cause"] == cause
    assert words in answer["message"]
    assert answer["evidence"]
    assert par.wait() == 1

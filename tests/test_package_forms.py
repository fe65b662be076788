"""Every form a package has in the wild becomes a ready agent, and says what it has to say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pixell_testing.clients import Agent
from pixell_testing.packages import build, from_files
from pixell_testing.stack import Par, last_log_line

StartPar = Callable[..., Par]

FORMS = Path(__file__).parent / "agents" / "forms"
PAGE = "<!doctype html><title>a page</title>"
ROUTES = "def mount(app):\n    app.get('/api/form')(lambda: {'form': 'routes'})\n"
SERVER = """
from fastapi import FastAPI

app = FastAPI()


@app.get("/api/form")
def form():
    return {"form": "server"}


@app.post("/")
def rpc(call: dict):
    return {"jsonrpc": "2.0", "id": call["id"], "result": call["method"]}
"""


def form_of(running: Par) -> str:
    """What GET /api/form says."""
    reply = running.get("/api/form")
    assert reply.status == 200, reply.text
    return reply.json()["form"]


def title_of(running: Par) -> str:
    """The title of the UI's page."""
    return running.get("/ui/").text.partition("<title>")[2].partition("</title>")[0]


def warnings_of(running: Par) -> list[str]:
    """The log lines of level warning, as text."""
    return [json.dumps(line) for line in running.log() if line["level"] == "warning"]


# --------------------------------------------------------------------- layouts V0 to V4


@pytest.mark.parametrize("name", ["v0_hand_made", "v1_early_kit", "v2_kit", "v3_sdk"])
def test_a_layout_is_served(par: StartPar, name: str) -> None:
    running = par(build(FORMS / name)).wait_ready()

    assert form_of(running) == name
    result = Agent(running.a2a_address).invoke("form")
    assert json.loads(result["result"]) == {"form": name}
    if name != "v1_early_kit":
        assert title_of(running) == name
    assert running.get("/meta").json()["version"] == f"0.{int(name[1]) + 3}.0"
    assert running.stop() == 0


def test_a_front_end_with_its_own_server_is_served(par: StartPar) -> None:
    running = par(build(FORMS / "v4_front_end")).wait_ready()

    assert form_of(running) == "v4_front_end"
    assert title_of(running) == "v4_front_end"
    assert running.get("/ui/assets/app.js").text == "console.log(1)\n"
    assert Agent(running.a2a_address).call("Ping")["message"] == "pong"


def test_files_beside_the_ui_are_not_served(par: StartPar) -> None:
    running = par(build(FORMS / "v2_kit"), base_path="/agents/test-agent").wait_ready()

    for path in ("/.env", "/ui/.env", "/ui/../.env", "/ui/%2e%2e/.env", "/agent.yaml"):
        reply = running.get(f"/agents/test-agent{path}")
        assert "FROM_FILE" not in reply.text, path
        assert "display_name" not in reply.text, path


# ---------------------------------------------------------------------------- manifests


@pytest.mark.parametrize(
    ("manifest", "surfaces"),
    [
        ("name: nothing-else\n", {"rest": False, "a2a": False, "ui": False}),
        ("unknown: [1]\n", {"rest": False, "a2a": False, "ui": False}),
        (
            "name: nulls\nrest:\na2a: ~\nui: null\nmetadata:\nenvironment:\nruntime:\nhttp_server:",
            {"rest": False, "a2a": True, "ui": False},
        ),
        ("name: empty-a2a\na2a: {}\n", {"rest": False, "a2a": True, "ui": False}),
        ("name: rest-only\nrest: {entry: routes}\n", {"rest": True, "a2a": False, "ui": False}),
        ("name: ui-only\nui: {path: ui}\n", {"rest": False, "a2a": False, "ui": True}),
    ],
)
def test_a_manifest_is_taken(par: StartPar, manifest: str, surfaces: dict[str, bool]) -> None:
    files = {"agent.yaml": manifest, "routes.py": ROUTES, "ui/index.html": PAGE}
    running = par(from_files(files)).wait_ready()

    assert running.get("/meta").json()["surfaces"] == surfaces
    # The runtime's own endpoints are the REST surface of an agent that has none.
    expected = {name: True for name, is_there in surfaces.items() if is_there or name == "rest"}
    assert running.get("/health").json()["surfaces"] == expected
    if surfaces["a2a"]:
        assert Agent(running.a2a_address).call("Health")["ok"] is True


def test_exports_alone_leave_the_built_in_endpoints(par: StartPar) -> None:
    manifest = """\
name: test-agent
version: 1.0.0
runtime: {python: ">=3.8"}
exports:
  - {name: hello, type: function, handler: agent.hello}
"""
    agent = "async def hello(request):\n    return {'hello': 'world'}\n"
    running = par(from_files({"agent.yaml": manifest, "agent.py": agent})).wait_ready()

    assert running.get("/meta").json()["version"] == "1.0.0"
    assert running.get("/health").status == 200
    assert running.get("/hello").status == 404


def test_a_variable_without_a_possible_name_is_left_out_and_told(par: StartPar) -> None:
    files = {
        "agent.yaml": "name: names\nenvironment: {my-key: a, GOOD: b}\n",
        ".env": "other-key=c\nFINE=d\n",
    }
    running = par(from_files(files)).wait_ready()

    told = " ".join(warnings_of(running))
    assert "environment.my-key" in told
    assert "'other-key'" in told
    assert "=c" not in told


def test_all_findings_of_a_manifest_are_told_at_once(par: StartPar) -> None:
    manifest = "name: [a]\nrest: text\nmetadata:\n  sub_agents:\n    - description: nameless\n"
    running = par(from_files({"agent.yaml": manifest}))

    assert running.wait_exit() != 0
    last = last_log_line(running)
    assert last["cause"] == "manifest_invalid"
    assert [line.split(": ")[0] for line in last["evidence"]] == [
        "agent.yaml:1:7",
        "agent.yaml:2:7",
        "agent.yaml:5:7",
    ]


# ------------------------------------------------------------------------ surface entries


@pytest.mark.parametrize(
    ("entry", "entrypoint", "files"),
    [
        ("routes", "", {"routes.py": ROUTES}),
        ("routes", "main:handler", {"routes.py": ROUTES, "main.py": "handler = print\n"}),
        ("mount", "main:handler", {"main.py": ROUTES}),
        ("mount", "src.main:handler", {"src/main.py": ROUTES}),
        # A module of that name that is not meant.
        ("mount", "main:handler", {"main.py": ROUTES, "mount.py": "value = 1\n"}),
    ],
)
def test_a_rest_entry_without_colon(
    par: StartPar, entry: str, entrypoint: str, files: dict[str, str]
) -> None:
    manifest = f"name: bare\nrest: {{entry: {entry}}}\nentrypoint: '{entrypoint}'\n"
    running = par(from_files({"agent.yaml": manifest, **files})).wait_ready()

    assert form_of(running) == "routes"


@pytest.mark.parametrize(
    "a2a",
    [
        "{service: 'service:create_service'}",
        "{entry: 'service:create_service'}",
        "{entry: 'service:create_service', service: 'nowhere:nothing'}",
        "{service: service}",
    ],
)
def test_an_a2a_service_by_any_name(par: StartPar, a2a: str) -> None:
    service = "def create_service():\n    return {'custom_handlers': {'go': lambda p: 'gone'}}\n"
    files = {"agent.yaml": f"name: a2a-only\na2a: {a2a}\n", "service.py": service}
    running = par(from_files(files)).wait_ready()

    assert Agent(running.a2a_address).invoke("go")["result"] == "gone"


@pytest.mark.parametrize(
    ("manifest", "server"),
    [
        ("http_server: main:app", SERVER),
        (
            "http_server: main:server",
            f"{SERVER}\nclass Server:\n    pass\n\nserver = Server()\nserver.app = app\n",
        ),
        ("http_server: main:make", f"{SERVER}\ndef make():\n    return app\n"),
        ("a2a: {http_server: 'main:app'}", SERVER),
        ("http_server: main:app\na2a: {entry: 'main:app'}", SERVER),
        # What pixell-sdk makes of it.
        ("a2a: {entry: 'main:app', http_server: 'main:app'}", SERVER),
    ],
)
def test_a_server_of_its_own(par: StartPar, manifest: str, server: str) -> None:
    base = "/agents/test-agent"
    files = {"agent.yaml": f"name: own-server\n{manifest}\n", "main.py": server}
    running = par(from_files(files), base_path=base).wait_ready()

    assert running.get(f"{base}/api/form").json() == {"form": "server"}
    assert running.get("/api/form").json() == {"form": "server"}


def test_handlers_named_as_a_server_are_handlers(par: StartPar) -> None:
    server = """
async def chat(parameters):
    return {"echo": parameters["text"]}


def handlers():
    return {"chat": chat}
"""
    manifest = "name: dict\na2a: {entry: 'main:handlers', http_server: 'main:handlers'}\n"
    running = par(from_files({"agent.yaml": manifest, "main.py": server})).wait_ready()

    result = Agent(running.a2a_address).invoke("chat", text="hi")
    assert json.loads(result["result"]) == {"echo": "hi"}


def test_a_service_that_is_none_is_the_default_service(par: StartPar) -> None:
    files = {
        "agent.yaml": "name: none\na2a: {service: 'service:serve'}\n",
        "service.py": "def serve():\n    print('a stub')\n",
    }
    running = par(from_files(files)).wait_ready()
    agent = Agent(running.a2a_address)

    assert agent.call("Ping")["message"] == "pong"
    assert agent.invoke("go")["error"] == "No handler found for action: go"
    assert any("default service" in warning for warning in warnings_of(running))


# ------------------------------------------------------------------------------- runtime


@pytest.mark.parametrize(
    "runtime",
    ["python3", "'3'", "{python: '>=3.8'}", "{python: ~}", "{language: python, version: '>=3.9'}"],
)
def test_a_runtime_that_fits(par: StartPar, runtime: str) -> None:
    manifest = f"name: fits\nruntime: {runtime}\nrest: {{entry: 'routes:mount'}}\n"
    running = par(from_files({"agent.yaml": manifest, "routes.py": ROUTES})).wait_ready()

    assert form_of(running) == "routes"
    assert not [warning for warning in warnings_of(running) if "Python" in warning]


def test_a_newer_python_is_used_with_a_warning(par: StartPar) -> None:
    manifest = "name: older\nruntime: python3.6\nrest: {entry: 'routes:mount'}\n"
    running = par(from_files({"agent.yaml": manifest, "routes.py": ROUTES})).wait_ready()

    assert any("asks for Python 3.6; Python 3." in warning for warning in warnings_of(running))


@pytest.mark.parametrize("runtime", ["python3.99", "go1.21", "{ruby: '3.3'}", "pypy3.9"])
def test_a_runtime_that_is_not_there_is_refused(par: StartPar, runtime: str) -> None:
    manifest = f"name: other\nruntime: {runtime}\nrest: {{entry: 'routes:mount'}}\n"
    running = par(from_files({"agent.yaml": manifest, "routes.py": ROUTES}))

    assert running.wait_exit() != 0
    last = last_log_line(running)
    assert last["cause"] == "wrong_runtime"
    assert last["evidence"]
    assert last["remedy"]


def test_names_that_differ_only_in_case_are_told(par: StartPar) -> None:
    files = {"agent.yaml": "name: a\nui: {path: ui}\n", "ui/index.html": "", "ui/Index.html": ""}

    running = par(from_files(files)).wait_ready()

    [line] = [each for each in running.log() if "differ only in case" in each["event"]]
    assert line["level"] == "warning"
    assert "ui/Index.html" in json.dumps(line)

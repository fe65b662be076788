"""Projects of every kind, built and deployed by both published CLIs, answered through the edge."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtool.pac import Pac, free_port, request, wait_until
from pixell_testing.clients import SDK, PixellCli, agent_of
from pixell_testing.packages import EXAMPLE

MANIFEST = """\
name: {name}
display_name: A project
description: Made by a test
author: Somebody
license: MIT
runtime: python3.11
metadata: {{version: 1.0.0}}
"""
SDK_PORT = 3000
PAGE = "<!doctype html><title>only a page</title>"
AGENT_SERVER = """
from pixell.sdk import AgentServer

server = AgentServer(agent_id="sdk-agent", name="An SDK agent")
app = server.app


@server.on_message
async def answer(context):
    await context.emit_status("working", "thinking")
    await context.emit_result(f"you said {context.text}")


def handler(data):
    return data
"""


@pytest.fixture(scope="module", params=["pixell-kit", "pixell-sdk"])
def cli(request: pytest.FixtureRequest, pixell: PixellCli, pixell_sdk: PixellCli) -> PixellCli:
    """Each of the two CLIs."""
    return {"pixell-kit": pixell, "pixell-sdk": pixell_sdk}[request.param]


class Project:
    """A folder from which a CLI builds and deploys."""

    def __init__(self, cli: PixellCli, folder: Path) -> None:
        self.cli = cli
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, files: dict[str, str]) -> None:
        """Writes files, by relative path."""
        for name, text in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text)

    def deploy(self, pac: Pac, app: str, through_proxy: bool = True) -> None:
        """`pixell build` and `pixell deploy --wait`, which must end well. Without the proxy the CLI
        calls the address it has for `--env local`."""
        code, output = self.cli.run("build", folder=self.folder)
        assert code == 0, output
        (package,) = self.folder.glob("*.apkg")
        arguments = ["--apkg-file", str(package), "--env", "local", "--app-id", app]
        code, output = self.cli.run(
            *("deploy", *arguments, "--api-key", "k", "--wait"),
            folder=self.folder,
            port=pac.port if through_proxy else None,
        )
        assert code == 0, output
        assert "Deployment completed successfully" in output


@pytest.fixture
def project(cli: PixellCli, tmp_path: Path) -> Project:
    """An empty project of one of the CLIs."""
    return Project(cli, tmp_path / "project")


def app_of(node: pytest.FixtureRequest) -> str:
    """An app id for a test and its CLI."""
    return node.node.name.removeprefix("test_").replace("[", "-").replace("]", "")[-60:]


def test_the_scaffold_as_it_comes(
    cli: PixellCli, tmp_path: Path, pac: Pac, request: pytest.FixtureRequest
) -> None:
    app = app_of(request)
    code, output = cli.run("init", "fresh-agent", folder=tmp_path)
    assert code == 0, output
    made = Project(cli, tmp_path / "fresh-agent")
    # The one thing its own README asks for.
    shutil.copy(made.folder / ".env.example", made.folder / ".env")

    made.deploy(pac, app)

    assert pac.get(f"/agents/{app}/api/hello").json() == {"message": "Hello from REST"}
    assert pac.get(f"/agents/{app}/ui/").status == 200
    assert agent_of(pac, app).call("Ping")["message"] == "pong"
    assert pac.get(f"/agents/{app}/health").json()["surfaces"] == {
        "rest": True,
        "a2a": True,
        "ui": True,
    }


def test_three_surfaces(project: Project, pac: Pac, request: pytest.FixtureRequest) -> None:
    app = app_of(request)
    shutil.copytree(EXAMPLE, project.folder, dirs_exist_ok=True)

    project.deploy(pac, app)

    assert pac.get(f"/agents/{app}/api/hello?name=you").json() == {"message": "Hello, you."}
    assert agent_of(pac, app).invoke("greet", name="you")["result"] == "Hello, you."
    assert agent_of(pac, app).invoke("greet", 2, name="you")["result"] == "Hello, you."
    assert "<title>" in pac.get(f"/agents/{app}/ui/").text


def test_only_a_ui(project: Project, pac: Pac, request: pytest.FixtureRequest) -> None:
    app = app_of(request)
    project.write(
        {
            "agent.yaml": MANIFEST.format(name="only-ui") + "ui: {path: web}\n",
            ".env": "A=1\n",
            "src/__init__.py": "",
            "web/index.html": PAGE,
            "web/assets/app.js": "1\n",
        }
    )

    project.deploy(pac, app)

    assert pac.get(f"/agents/{app}/ui/").text == PAGE
    assert pac.get(f"/agents/{app}/", headers={"Accept": "text/html"}).text == PAGE
    assert pac.get(f"/agents/{app}/ui/assets/app.js").text == "1\n"
    health = pac.get(f"/agents/{app}/health").json()
    assert health["surfaces"] == {"rest": True, "ui": True}


@pytest.fixture(scope="module", params=["top level", "in a2a"])
def agent_server(
    request: pytest.FixtureRequest, pixell_sdk: PixellCli, scratch: Path, pac: Pac
) -> str:
    """The path of an agent that is a server made with the SDK and nothing else."""
    is_top = request.param == "top level"
    app = f"sdk-server-{'top' if is_top else 'a2a'}"
    project = Project(pixell_sdk, scratch / app)
    # A server counts as no surface for the builder: what it does not ask for is not packed.
    where = (
        ("src/main.py", "entrypoint: src.main:handler\nhttp_server: src.main:app\n")
        if is_top
        else ("main.py", "a2a: {http_server: 'main:server'}\n")
    )
    project.write(
        {
            "agent.yaml": MANIFEST.format(name="sdk-server") + where[1],
            ".env": "A=1\n",
            "requirements.txt": f"{SDK}\n",
            where[0]: AGENT_SERVER,
        }
    )
    project.deploy(pac, app)
    return f"/agents/{app}"


def rpc(method: str, text: str) -> str:
    """A JSON-RPC request of a caller of today."""
    message = {"messageId": "m-1", "role": "user", "parts": [{"kind": "text", "text": text}]}
    call = {"jsonrpc": "2.0", "id": "1", "method": method, "params": {"message": message}}
    return json.dumps(call)


def test_a_server_has_its_card_and_health(agent_server: str, pac: Pac) -> None:
    assert pac.get(f"{agent_server}/.well-known/agent.json").json()["name"] == "An SDK agent"
    assert pac.get(f"{agent_server}/health").json()["ok"] is True


@pytest.mark.parametrize("path", ["", "/", "/a2a", "/a2a/"])
def test_a_server_is_sent_messages(agent_server: str, pac: Pac, path: str) -> None:
    reply = request(
        pac.url,
        "POST",
        agent_server + path,
        body=rpc("message/send", "hello"),
        headers={"Content-Type": "application/json"},
    )

    assert reply.status == 200, reply.text
    assert reply.json()["result"]["sessionId"]


def test_a_server_streams(agent_server: str, pac: Pac) -> None:
    reply = request(
        pac.url,
        "POST",
        agent_server + "/",
        body=rpc("message/stream", "hello"),
        headers={"Content-Type": "application/json", "Accept": "text/event-stream"},
        timeout_s=30,
    )

    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.headers["x-accel-buffering"] == "no"
    # The padding that makes proxies let the first bytes through.
    assert reply.text.startswith(": " + "-" * 2048)
    assert "you said hello" in reply.text


ONLY_A_SERVER = """
from fastapi import FastAPI

app = FastAPI()


@app.get("/api/form")
def form():
    return {"form": "server"}


@app.get("/")
def page():
    return "a page of its own"
"""


def test_only_a_server(project: Project, pac: Pac, request: pytest.FixtureRequest) -> None:
    app = app_of(request)
    project.write(
        {
            "agent.yaml": MANIFEST.format(name="only-server")
            + "entrypoint: src.main:app\n"
            + "a2a: {service: 'src.main:app', http_server: 'src.main:app'}\n",
            ".env": "A=1\n",
            "src/__init__.py": "",
            "src/main.py": ONLY_A_SERVER,
        }
    )

    project.deploy(pac, app)

    assert pac.get(f"/agents/{app}/api/form").json() == {"form": "server"}
    page = pac.get(f"/agents/{app}/", headers={"Accept": "text/html"})
    assert page.json() == "a page of its own"
    assert "service" in pac.get(f"/agents/{app}/").json()


# ------------------------------------------------------------------- the port of the SDK


def test_the_sdk_deploys_to_its_own_port_unchanged(
    pixell_sdk: PixellCli, scratch: Path, tmp_path: Path
) -> None:
    with socket.socket() as probe:
        # As the platform does it, so that connections of the past are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", SDK_PORT))
        except OSError as taken:
            pytest.skip(f"somebody else has port {SDK_PORT}, which the SDK calls: {taken}")
    project = Project(pixell_sdk, tmp_path / "project")
    shutil.copytree(EXAMPLE, project.folder, dirs_exist_ok=True)
    platform = Pac(scratch / "port-3000", free_port(), also_listen=f"127.0.0.1:{SDK_PORT}")
    platform.start()
    try:
        project.deploy(platform, "by-port", through_proxy=False)
        answer = platform.get("/agents/by-port/api/hello?name=you").json()
    finally:
        platform.stop()
        platform.kill_all()

    assert answer == {"message": "Hello, you."}


@pytest.fixture
def ports(scratch: Path) -> Iterator[tuple[Pac, Pac, int]]:
    """Two platforms that both want another port too; the first one has it."""
    other = free_port()
    folder = scratch / "ports"
    first, second = (
        Pac(folder / name, free_port(), also_listen=f"127.0.0.1:{other}") for name in "ab"
    )
    first.start()
    try:
        second.start()
        yield first, second, other
    finally:
        for pac in (first, second):
            pac.stop()
            pac.kill_all()


def test_another_port_is_served_when_it_is_free(ports: tuple[Pac, Pac, int]) -> None:
    first, second, other = ports
    url = f"http://127.0.0.1:{other}"

    assert request(url, "GET", "/healthz").status == 200
    assert second.get("/healthz").status == 200
    missed = [line for line in second.log.read_text().splitlines() if "--also-listen" in line]
    assert len(missed) == 1
    assert f"127.0.0.1:{other}" in missed[0]
    assert "--also-listen" not in first.log.read_text()
    first.stop()
    wait_until("the port is free again", lambda: not is_open(url), 10)


def is_open(url: str) -> bool:
    """Whether anybody answers."""
    try:
        return request(url, "GET", "/healthz", timeout_s=2).status > 0
    except OSError:
        return False

"""The published `pixell` CLI builds and deploys; other people's clients use what it deployed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from websockets.sync.client import connect

from devtool.pac import Pac
from pixell_testing.clients import PixellCli, agent_of
from pixell_testing.packages import EXAMPLE
from pixell_testing.stack import put

APP = "real-cli"
AGENT = f"/agents/{APP}"
QUEUE_STATS = """\
import json
from pixell.core.deployment import DeploymentClient

print(json.dumps(DeploymentClient(environment="local", api_key="k").get_queue_stats()))
"""


class Project:
    """A copy of the example project, and what the CLI said about it."""

    def __init__(self, cli: PixellCli, folder: Path, port: int) -> None:
        self._cli = cli
        self._port = port
        self.folder = folder
        shutil.copytree(EXAMPLE, folder)

    def set_version(self, version: str) -> None:
        """Sets metadata.version; packages of other versions are thrown away."""
        manifest = self.folder / "agent.yaml"
        text = re.sub(r"^  version: .*", f"  version: {version}", manifest.read_text(), flags=re.M)
        manifest.write_text(text)
        for old in self.folder.glob("*.apkg"):
            old.unlink()

    def build(self) -> Path:
        """`pixell build`; the package it made."""
        code, output = self._cli.run("build", folder=self.folder)
        assert code == 0, output
        assert "Build successful" in output
        (package,) = self.folder.glob("*.apkg")
        return package

    def deploy(self, package: Path, *more: str) -> tuple[int, str]:
        """`pixell deploy … --wait`."""
        options = ["--apkg-file", str(package), "--env", "local", "--app-id", APP]
        return self._cli.run(
            "deploy",
            *options,
            *("--api-key", "k", "--wait", *more),
            folder=self.folder,
            port=self._port,
        )

    def status(self, deployment: str, how: str = "--json") -> tuple[int, str]:
        """`pixell status … --json`, or `--follow`."""
        arguments = ("status", deployment, "--env", "local", "--api-key", "k", how)
        return self._cli.run(*arguments, folder=self.folder, port=self._port)

    def queue_stats(self) -> dict:
        """What its library makes of the queue's counts; no command shows them."""
        code, output = self._cli.library(QUEUE_STATS, folder=self.folder, port=self._port)
        assert code == 0, output
        return json.loads(output)


@pytest.fixture(scope="module")
def project(pixell: PixellCli, scratch: Path, pac: Pac) -> Project:
    """The project, built and deployed once."""
    made = Project(pixell, scratch / "cli-project", pac.port)
    code, output = made.deploy(made.build())
    assert code == 0, output
    assert "Deployment initiated successfully" in output
    assert "Deployment completed successfully" in output
    return made


def curl(pac: Pac, *arguments: str, path: str) -> str:
    """What the real curl prints."""
    command = ["curl", "-sS", "--fail-with-body", "--max-time", "20", *arguments, pac.url + path]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_curl_gets_what_the_agent_says(pac: Pac, project: Project) -> None:
    hello = curl(pac, path=f"{AGENT}/api/hello?name=curl")
    processed = curl(
        pac,
        *("-H", "content-type: application/json", "-d", '{"data":"Three Surfaces"}'),
        path=f"{AGENT}/api/process",
    )

    assert json.loads(hello) == {"message": "Hello, curl."}
    assert json.loads(processed)["slug"] == "three-surfaces"


def test_curl_streams(pac: Pac, project: Project) -> None:
    output = curl(pac, "-N", path=f"{AGENT}/api/stream?count=3&delay_ms=10")

    assert output == "data: 1 of 3\n\ndata: 2 of 3\n\ndata: 3 of 3\n\n"


def test_http2_without_tls_reaches_the_agent(pac: Pac, project: Project) -> None:
    output = curl(
        pac,
        *("--http2-prior-knowledge", "-w", " %{http_version}"),
        path=f"{AGENT}/api/hello?name=h2",
    )

    assert output == '{"message":"Hello, h2."} 2'


def test_a_websocket_reaches_the_agent(pac: Pac, project: Project) -> None:
    with connect(f"ws://{pac.address}{AGENT}/api/ws", proxy=None) as socket:
        socket.send("socket")
        assert socket.recv(timeout=20) == "Hello, socket."


def test_grpcio_gets_what_the_agent_says(pac: Pac, project: Project) -> None:
    agent = agent_of(pac, APP)

    assert agent.call("Ping")["message"] == "pong"
    assert agent.invoke("greet", name="grpc")["result"] == "Hello, grpc."
    assert json.loads(agent.invoke("process_data", 2, data="A b")["result"])["slug"] == "a-b"
    assert agent.invoke("process_data")["error"] == "the parameter 'data' is missing"


def test_the_ui_that_the_cli_moved_is_found(pac: Pac, project: Project) -> None:
    page = pac.get(f"{AGENT}/ui/")

    assert page.status == 200
    assert "<title>Hello, three surfaces</title>" in page.text
    assert pac.get(f"{AGENT}/ui-config.json").json() == {"apiBase": f"{AGENT}/api"}


def test_the_same_version_again_needs_force(pac: Pac, project: Project) -> None:
    (package,) = project.folder.glob("*.apkg")

    refused = project.deploy(package)
    forced = project.deploy(package, "--force", "--runtime-env", "HELLO_EXCITED=true")

    assert refused[0] == 1
    assert "Version 1.0.0 already exists. Use --force" in refused[1]
    assert forced[0] == 0, forced[1]
    assert pac.get(f"{AGENT}/api/hello").json() == {"message": "Hello, world!"}


def test_a_new_version_replaces_the_old_one(pac: Pac, project: Project) -> None:
    project.set_version("1.1.0")
    greeting = project.folder / ".env"
    greeting.write_text(greeting.read_text().replace("=Hello", "=Good day"))

    code, output = project.deploy(project.build(), "--release-notes", "politer")

    assert code == 0, output
    assert pac.get(f"{AGENT}/api/hello").json() == {"message": "Good day, world."}
    described = pac.app(APP)
    versions = {revision["number"]: revision["version"] for revision in described["revisions"]}
    assert versions[described["app"]["desired_revision"]] == "1.1.0"


def test_status_is_readable_by_the_cli(pac: Pac, project: Project) -> None:
    package = put(pac, "real-cli.apkg", project.build().read_bytes())
    accepted = pac.deploy(APP, package)
    pac.wait_deployment(accepted)

    code, output = project.status(accepted)

    assert code == 0, output
    assert json.loads(output[output.index("{") :])["deployment"]["status"] == "completed"


def test_status_follows_a_deployment_to_its_end(pac: Pac, project: Project) -> None:
    package = put(pac, "followed.apkg", project.build().read_bytes())

    code, output = project.status(pac.deploy(APP, package), "--follow")

    assert code == 0, output
    assert "Deployment completed successfully" in output
    assert "Duration:" in output


def test_the_library_reads_the_counts_of_the_queue(pac: Pac, project: Project) -> None:
    stats = project.queue_stats()

    counts = stats["stats"]
    assert counts["completed"] >= 1
    parts = ("queued", "processing", "completed", "failed")
    assert counts["total"] == sum(counts[part] for part in parts)
    assert stats["health"]["status"] == "healthy"
    assert stats["metrics"]["avgProcessingTimeSeconds"] > 0


def test_a_package_that_is_none_is_refused_with_details(pac: Pac, project: Project) -> None:
    broken = project.folder / "broken.apkg"
    broken.write_bytes(b"this is no package")

    code, output = project.deploy(broken, "--version", "9.9.9")
    broken.unlink()

    assert code == 1
    assert "VALIDATION ERROR" in output
    assert "not_a_zip" in output
    assert pac.get(f"{AGENT}/api/hello").status == 200


def test_a_deployment_that_fails_says_why(pac: Pac, project: Project) -> None:
    project.set_version("1.2.0")
    routes = project.folder / "src" / "rest" / "routes.py"
    text = routes.read_text()
    routes.write_text("import there_is_no_such_module\n" + text)

    code, output = project.deploy(project.build())
    routes.write_text(text)
    failed = pac.get(f"/v1/deployments?app={APP}&limit=1").json()["deployments"][0]
    followed = project.status(failed["id"], "--follow")

    assert code == 1
    assert "Deployment failed!" in followed[1]
    assert "missing_module" in followed[1]
    assert "Deployment failed" in output
    assert "missing_module" in output
    assert "there_is_no_such_module" in output
    assert pac.get(f"{AGENT}/api/hello").json() == {"message": "Good day, world."}

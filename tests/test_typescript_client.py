"""A TypeScript client with types made of the API document: it compiles strictly and works."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from devtool.pac import Pac
from devtool.paths import ROOT
from pixell_testing.packages import EXAMPLE, build
from pixell_testing.stack import put

SOURCE = Path(__file__).parent / "typescript"
DOCUMENT = ROOT / "src" / "api" / "openapi.yaml"
INSTALL_DEADLINE_S = 300
APP = "from-typescript"


class Project:
    """A copy of tests/typescript with the packages of its lock file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(SOURCE, folder)
        self.run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")

    def run(self, *command: str | Path) -> str:
        """What a command prints; it must end well."""
        done = subprocess.run(
            [str(part) for part in command],
            cwd=self.folder,
            timeout=INSTALL_DEADLINE_S,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def tool(self, name: str) -> Path:
        """A program of one of its packages."""
        return self.folder / "node_modules" / ".bin" / name


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The compiled client."""
    project = Project(tmp_path_factory.mktemp("typescript") / "client")
    # A member with a default may be left out of a request.
    options = ["-o", "api.d.ts", "--default-non-nullable=false"]
    project.run(project.tool("openapi-typescript"), DOCUMENT, *options)
    project.run(project.tool("tsc"), "-p", ".")
    return project


def test_it_deploys_lists_and_reads_errors(client: Project, pac: Pac) -> None:
    package = put(pac, "typescript.apkg", build(EXAMPLE))

    output = client.run("node", "out/client.js", pac.url, APP, package.resolve().as_uri())

    assert json.loads(output) == {
        "state": "completed",
        "repeated": True,
        "listed": True,
        "pointers": ["/legs/0/revision"],
        "missing": 404,
    }


def test_a_wrong_request_does_not_compile(client: Project) -> None:
    text = (client.folder / "client.ts").read_text()
    (client.folder / "wrong.ts").write_text(text.replace('type: "rolling"', 'type: "sudden"'))

    done = subprocess.run(
        [client.tool("tsc"), "--noEmit", "--strict", "--module", "nodenext", "wrong.ts"],
        cwd=client.folder,
        timeout=INSTALL_DEADLINE_S,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert "sudden" in done.stdout

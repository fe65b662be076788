"""Whom `par` and all it starts talk to: the package host and the index, and nobody else (root).

It boots, serves and stops in a network of its own, and every address is recorded.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from devtool.paths import ROOT
from pixell_testing import namespaces
from pixell_testing.index import BASE_LOCK, Index, warm
from pixell_testing.namespaces import Network, Recording, call_grpc
from pixell_testing.package_host import PackageHost, package
from pixell_testing.packages import from_files, three_surfaces
from pixell_testing.stack import Par

pytestmark = pytest.mark.skipif(bool(namespaces.refusal()), reason=namespaces.refusal())

StartPar = Callable[..., Par]

#: What an agent needs to be served at all; the index of these tests has it with what it requires.
NEEDED = ["fastapi", "uvicorn"]
#: Our machine's own settings, which would lead elsewhere.
NO_DETOUR: dict[str, None] = {
    name: None
    for name in os.environ
    if name.startswith(("PIP_", "UV_")) or name.lower().endswith("_proxy")
}

AGENT = """
import socket


def mount(app):
    @app.get("/api/hello")
    def hello():
        return {"hello": "world"}

    @app.get("/api/elsewhere")
    def elsewhere():
        try:
            socket.getaddrinfo("elsewhere.invalid", 80)
        except OSError:
            pass
        with socket.socket() as tcp:
            return {"connected": tcp.connect_ex(("203.0.113.9", 80)) == 0}


def create_service():
    return {"custom_handlers": {"greet": lambda parameters: "hello"}}
"""
FILES = three_surfaces("everything", AGENT)


@pytest.fixture
def network() -> Iterator[Network]:
    """A network for one test, which is inside of it."""
    made = Network()
    with made:
        yield made
    made.close()


@pytest.fixture
def host(network: Network, tmp_path: Path) -> Iterator[PackageHost]:
    """The package host, in there."""
    with PackageHost(tmp_path / "host") as running:
        yield running


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The wheels of NEEDED, fetched outside."""
    folder = tmp_path_factory.mktemp("wheels")
    pins = folder / "pins.txt"
    lines = re.findall(r"^[a-z0-9].*?==[^\\\n]+", BASE_LOCK.read_text(), re.MULTILINE)
    pins.write_text("\n".join(lines))
    command = [sys.executable, "-m", "pip", "download", "-q", "-d", str(folder)]
    command += ["--only-binary", ":all:", "-c", str(pins), *NEEDED]
    subprocess.run(command, check=True, timeout=300)
    return {path.name: path.read_bytes() for path in folder.glob("*.whl")}


@pytest.fixture
def index(network: Network, wheels: dict[str, bytes]) -> Iterator[Index]:
    """A private index, in there, with all an agent needs."""
    running = Index()
    running.wheels.update(wheels)
    yield running
    running.close()


@pytest.fixture
def share(tmp_path: Path) -> Path:
    """The files beside `par`, with a list of base packages that the index can have."""
    python = tmp_path / "share" / "workers" / "python"
    shutil.copytree(ROOT / "workers" / "python", python, ignore=shutil.ignore_patterns("tests"))
    (python / "base_requirements.in").write_text("\n".join(NEEDED))
    return tmp_path / "share"


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def serve_and_stop(running: Par, recording: Recording) -> None:
    """One request of each surface, then a drain."""
    assert running.get("/api/hello").json() == {"hello": "world"}
    assert "the page" in running.get("/ui/").text
    assert call_grpc(running.a2a_address, "Health")["ok"] is True
    answer = call_grpc(running.a2a_address, "Invoke", {"action": "greet", "request_id": "1"})
    assert answer["result"] == "hello"
    assert running.stop() == 0
    recording.wait_end(running.process.pid)


def test_only_the_package_host_and_the_index_are_contacted(
    par: StartPar, host: PackageHost, index: Index, share: Path, tmp_path: Path
) -> None:
    index.add("tinydep", "1.5")
    content = from_files({**FILES, "requirements.txt": "tinydep>=1\n"})
    recording = Recording(tmp_path)
    env = {
        **NO_DETOUR,
        **host.environment(host.serve("/agent.apkg", package(content))),
        "PIP_INDEX_URL": index.url,
        "PIXELL_SHARE": str(share),
        "ENV_STORE_DIR": str(tmp_path / "store"),
    }

    running = par(env=env, prefix=recording.prefix).wait_ready()
    serve_and_stop(running, recording)

    assert any("tinydep" in path for path in index.requests)
    assert recording.internet() == {
        ("127.0.0.1", port_of(host.url)),
        ("127.0.0.1", port_of(index.url)),
    }
    assert recording.families() <= {"AF_INET", "AF_UNIX", "AF_NETLINK"}


def test_without_dependencies_only_the_package_host_is_contacted(
    par: StartPar, scratch: Path, tmp_path: Path
) -> None:
    store = scratch / "environments"
    warm(store)
    network = Network()
    recording = Recording(tmp_path)
    with network, PackageHost(tmp_path / "host") as host:
        url = host.serve("/agent.apkg", package(from_files(FILES)))
        env = {**NO_DETOUR, **host.environment(url), "ENV_STORE_DIR": str(store)}
        running = par(env=env, prefix=recording.prefix).wait_ready()
        serve_and_stop(running, recording)
    network.close()

    assert recording.internet() == {("127.0.0.1", port_of(host.url))}
    assert recording.families() <= {"AF_INET", "AF_UNIX", "AF_NETLINK"}


def test_the_recording_misses_nobody(par: StartPar, scratch: Path, tmp_path: Path) -> None:
    store = scratch / "environments"
    warm(store)
    network = Network()
    recording = Recording(tmp_path)
    path = tmp_path / "agent.apkg"
    path.write_bytes(from_files(FILES))
    with network:
        env = {**NO_DETOUR, "ENV_STORE_DIR": str(store)}
        running = par(path, env=env, prefix=recording.prefix).wait_ready()
        assert running.get("/api/elsewhere").json() == {"connected": False}
        assert running.stop() == 0
        recording.wait_end(running.process.pid)
    network.close()

    seen = recording.internet()
    assert ("203.0.113.9", 80) in seen
    # The name was asked for somewhere.
    assert 53 in {port for _, port in seen}

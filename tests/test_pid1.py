"""`par` as the first process of a bare namespace: no init, no PATH, no HOME, nobody else (root)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from devtool.pac import Reply, request, wait_until
from pixell_testing import namespaces
from pixell_testing.index import warm
from pixell_testing.namespaces import Bare, Network, call_grpc
from pixell_testing.package_host import PackageHost, package
from pixell_testing.packages import from_files, three_surfaces

pytestmark = pytest.mark.skipif(bool(namespaces.refusal()), reason=namespaces.refusal())

REST, GRPC = "http://127.0.0.1:8080", "127.0.0.1:50051"
READY_DEADLINE_S = 120

AGENT = """
import os
import pathlib
import signal
import subprocess


def processes():
    found = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found[entry.name] = {"state": fields[0], "parent": int(fields[1])}
    return found


def mount(app):
    @app.get("/api/processes")
    def all_processes():
        return processes()

    @app.get("/api/environment")
    def environment():
        return dict(os.environ)

    @app.post("/api/orphan")
    def orphan():
        command = "sleep 600 >/dev/null 2>&1 & echo $!"
        done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True)
        return {"pid": int(done.stdout)}

    @app.post("/api/end/{pid}")
    def end(pid: int):
        os.kill(pid, signal.SIGKILL)
        return {}

    @app.get("/api/write")
    def write(path: str):
        try:
            pathlib.Path(path).write_text("x")
        except OSError as error:
            return {"error": error.strerror}
        return {"error": ""}


def create_service():
    return {"custom_handlers": {"greet": lambda parameters: "hello"}}
"""
FILES = three_surfaces("first", AGENT)


@pytest.fixture(scope="module")
def store(scratch: Path) -> Path:
    """A store with the base environment, as the image has it."""
    warm(scratch / "environments")
    return scratch / "environments"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path for one test."""
    made = Path(tempfile.mkdtemp(prefix="px-pid1-"))
    yield made
    shutil.rmtree(made)


@contextmanager
def bare(folder: Path, env: Mapping[str, str], but: tuple[Path, ...] = ()) -> Iterator[Bare]:
    """`par` that is ready, in a network of its own where the default ports are free; this thread
    is in that network too. Nothing of the namespace is left in the end."""
    network = Network()
    content = from_files(FILES)
    with network, PackageHost(folder / "host") as host:
        url = host.serve("/agent.apkg", package(content))
        settings = {"AGENT_APP_ID": "first", **host.environment(url), **env}
        with Bare(folder, settings, but) as running:
            wait_ready(running)
            yield running
        wait_until("the namespace has gone", lambda: not running.processes(), 10)
    network.close()


def wait_ready(running: Bare) -> None:
    """Until /health at the default port is 200."""

    def is_ready() -> bool:
        assert not running.has_ended(), running.log_text()
        try:
            return get("/health").status == 200
        except OSError:
            return False

    wait_until("par is ready", is_ready, READY_DEADLINE_S)


def get(path: str, method: str = "GET") -> Reply:
    return request(REST, method, path, timeout_s=30)


def expect_served() -> None:
    """Each surface answers at its default port."""
    assert "the page" in get("/ui/").text
    assert call_grpc(GRPC, "Health")["ok"] is True
    answer = call_grpc(GRPC, "Invoke", {"action": "greet", "request_id": "1"})
    assert answer["result"] == "hello"


def state_of(pid: int) -> dict[str, Any] | None:
    return get("/api/processes").json().get(str(pid))


def test_the_contracts_variables_are_enough(folder: Path, store: Path) -> None:
    with bare(folder, {"ENV_STORE_DIR": str(store)}) as running:
        expect_served()
        assert len(running.processes()) >= 2
        assert get("/api/processes").json()["1"]["parent"] == 0
        # What a program cannot do without is given to the agent all the same.
        assert {"PATH", "HOME"} <= get("/api/environment").json().keys()

        assert running.stop() == 0
    assert '"Runtime shutdown complete"' in running.log_text()


def test_a_package_without_code_needs_no_store(folder: Path) -> None:
    network = Network()
    path = folder / "page.apkg"
    path.write_bytes(from_files({"agent.yaml": "name: p\nui: {path: ui}\n", "ui/index.html": "p"}))
    env = {"AGENT_APP_ID": "page", "AGENT_PACKAGE_PATH": str(path)}
    with network, Bare(folder, env) as running:
        wait_ready(running)
        assert get("/ui/").text == "p"
        assert running.stop() == 0
    network.close()


def test_orphans_are_reaped(folder: Path, store: Path) -> None:
    with bare(folder, {"ENV_STORE_DIR": str(store)}) as running:
        pid = get("/api/orphan", "POST").json()["pid"]
        assert state_of(pid) == {"state": "S", "parent": 1}

        get(f"/api/end/{pid}", "POST")
        wait_until("the orphan is reaped", lambda: state_of(pid) is None, 10)

        states = {each["state"] for each in get("/api/processes").json().values()}
        assert "Z" not in states
        assert running.stop() == 0


def test_orphans_end_with_it(folder: Path, store: Path) -> None:
    with bare(folder, {"ENV_STORE_DIR": str(store)}) as running:
        get("/api/orphan", "POST")

        assert running.stop() == 0


def test_the_root_may_be_read_only(folder: Path, store: Path) -> None:
    places = {name: folder / name.lower() for name in ("INSTANCE_DIR", "TMPDIR")}
    for place in places.values():
        place.mkdir()
    env = {"ENV_STORE_DIR": str(store), **{name: str(path) for name, path in places.items()}}
    with bare(folder, env, (*places.values(), store)) as running:
        expect_served()
        for path in ("/written", "/tmp/written", str(folder / "written")):
            answer = get(f"/api/write?path={path}").json()
            assert answer == {"error": "Read-only file system"}, path

        assert running.stop() == 0
    assert (places["INSTANCE_DIR"] / "exit.json").exists()

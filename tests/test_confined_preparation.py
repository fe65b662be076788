"""`par-prepare` and all it starts are confined while they take in what strangers wrote."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devtool.pac import wait_until
from pixell_testing.index import Index, Prepare
from pixell_testing.package_host import PackageHost, Request
from pixell_testing.packages import from_files
from pixell_testing.stack import Par, last_log_line

StartPar = Callable[..., Par]

UI = {"agent.yaml": "name: light\nui: {path: ui}\n", "ui/index.html": "light"}
HELD_DEADLINE_S = 60


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What holds a server back until the test has looked; opened in the end in any case."""
    made = threading.Event()
    yield made
    made.set()


def children(pid: int) -> list[int]:
    """The processes that a process has started and that are still there."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [int(each) for each in found]


def status(pid: int) -> dict[str, str]:
    """/proc/<pid>/status."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def named(pids: list[int], name: str) -> int | None:
    """The one process of that name."""
    return next((pid for pid in pids if status(pid)["Name"] == name), None)


def prepare_of(running: Par) -> int:
    """The par-prepare that works for a par."""
    return wait_until(
        "par-prepare runs",
        lambda: named(children(running.process.pid), "par-prepare"),
        HELD_DEADLINE_S,
    )


def expect_confined(pid: int) -> dict[str, str]:
    """A filter, no new privileges and no core file."""
    found = status(pid)
    assert found["Seccomp"] == "2"
    assert found["NoNewPrivs"] == "1"
    limits = Path(f"/proc/{pid}/limits").read_text(encoding="utf-8").splitlines()
    (core,) = [line.split() for line in limits if line.startswith("Max core file size")]
    assert core[4:6] == ["0", "0"]
    return found


def test_it_is_confined_while_it_downloads(
    par: StartPar, gate: threading.Event, tmp_path: Path
) -> None:
    asked = threading.Event()

    def held(request: Request) -> None:
        asked.set()
        gate.wait(HELD_DEADLINE_S)
        request.reply(200, from_files(UI))

    with PackageHost(tmp_path / "host") as host:
        running = par(env=host.environment(host.serve("/agent.apkg", held)))
        assert asked.wait(HELD_DEADLINE_S)

        pid = prepare_of(running)
        expect_confined(pid)
        # Not dumpable: what it has in memory is root's alone, whoever it runs as.
        assert os.stat(f"/proc/{pid}/environ").st_uid == 0

        gate.set()
        running.wait_ready()
    assert running.stop() == 0


def test_installers_are_confined(par: StartPar, gate: threading.Event, tmp_path: Path) -> None:
    index = Index()
    index.hold = gate
    try:
        files = {"agent.yaml": "name: a\nrest: {entry: 'm:f'}\n", "requirements.txt": "tiny\n"}
        env = {"PIP_INDEX_URL": index.url, "ENV_STORE_DIR": str(tmp_path / "store")}
        running = par(from_files(files), env=env)
        wait_until("the installer asks the index", lambda: index.requests, HELD_DEADLINE_S)

        (installer,) = children(prepare_of(running))
        expect_confined(installer)
        gate.set()
        assert running.wait_exit() == 12
    finally:
        index.close()
    assert last_log_line(running)["cause"] == "dependency_not_found"


def test_the_reader_is_confined_more(par: StartPar, tmp_path: Path) -> None:
    folder = tmp_path / "package"
    (folder / "ui").mkdir(parents=True)
    for name, text in UI.items():
        (folder / name).write_text(text)
    # A reader of it waits until somebody writes.
    os.mkfifo(folder / ".env")
    running = par(folder)
    pid = prepare_of(running)

    reader = wait_until("the reader runs", lambda: named(children(pid), "par-prepare"), 60)
    wait_until("it has its filter", lambda: filters(reader) == filters(pid) + 1, 60)
    expect_confined(reader)
    descriptors = {int(each.name) for each in Path(f"/proc/{reader}/fd").iterdir()}
    assert descriptors <= {0, 1, 2, 3}  # the third is what it reads

    (folder / ".env").write_text("KEY=value\n")
    running.wait_ready()
    assert running.stop() == 0


def filters(pid: int) -> int:
    """How many filters a process has."""
    return int(status(pid)["Seccomp_filters"])


def test_the_agent_is_not_held_by_its_filter(par: StartPar) -> None:
    routes = """
def mount(app):
    @app.get("/api/status")
    def status():
        return {"status": open("/proc/self/status").read()}
"""
    files = {"agent.yaml": "name: a\nrest: {entry: 'routes:mount'}\n", "routes.py": routes}
    running = par(from_files(files)).wait_ready()

    text = running.get("/api/status").json()["status"]
    ours = status(os.getpid())["Seccomp_filters"]
    assert f"Seccomp_filters:\t{ours}\n" in text


@pytest.mark.parametrize("uv", [None, ""])
def test_a_build_that_wants_more_is_refused_and_says_so(tmp_path: Path, uv: str | None) -> None:
    """The real index: the build backend comes from there."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "agent.yaml").write_text("name: a\nrest: {entry: 'm:f'}\n")
    setup = "import os\nfrom setuptools import setup\nos.chroot('/')\nneeds = []\n"
    (folder / "setup.py").write_text(setup + "setup(name='a', install_requires=needs)\n")
    env = {} if uv is None else {"PIXELL_UV": uv}

    done = Prepare(tmp_path).start(folder, install_timeout_s=150, env=env)

    assert done.cause == "dependency_failed"
    failure: dict[str, Any] = done.result["failure"]
    assert "Operation not permitted" in json.dumps(failure["evidence"]), failure

"""Installers: who runs the code of a package that is built, with what, and what it gets at."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devtool.pac import Pac, free_port
from pixell_testing.index import Index, Prepare, Preparing, wheel
from pixell_testing.packages import from_files
from pixell_testing.stack import put

as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="INSTALLERS ARE NOT CONFINED: only root can run them as other users"
)

MANIFEST = 'name: made-up\nversion: "1.0"\nrest:\n  entry: routes:mount\n'
WORKER = 200_777
SECRET = "a value of the deployment"  # noqa: S105 - made for this test

# A build backend of the package's own, which needs nothing from an index.
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "hostile"
version = "1.0"
dynamic = ["dependencies"]
"""

# It fails with what it found, so that the evidence has it.
HOSTILE = """
import errno
import json
import os
import pathlib

RIGHTS = ("CapInh", "CapPrm", "CapEff", "CapAmb")
TARGETS = json.loads('''@TARGETS@''')


def outcome(attempt):
    try:
        attempt()
    except OSError as refused:
        return errno.errorcode[refused.errno]
    return "got in"


def read(path):
    if os.path.isdir(path):
        os.listdir(path)
    else:
        open(path, "rb").close()


def write(path):
    target = os.path.join(path, "planted") if os.path.isdir(path) else path
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT))


parents = [os.getppid()]
while parents[-1] > 1:
    stat = pathlib.Path(f"/proc/{parents[-1]}/stat").read_text()
    parents.append(int(stat.rpartition(")")[2].split()[1]))
status = pathlib.Path("/proc/self/status").read_text()
own = [pid for pid in parents if pid and os.stat(f"/proc/{pid}").st_uid == os.getuid()]
others = [pid for pid in parents if pid not in own and pid]
found = {
    "uid": os.getuid(),
    "groups": os.getgroups(),
    "rights": [line.split()[1] for line in status.splitlines() if line.startswith(RIGHTS)],
    "new": [line.split()[1] for line in status.splitlines() if line.startswith("NoNewPrivs")],
    "variables": "@SECRET@" in os.environ.values(),
    "env": os.path.exists(".env"),
    "read": {path: outcome(lambda path=path: read(path)) for path in TARGETS["read"]},
    "write": {path: outcome(lambda path=path: write(path)) for path in TARGETS["write"]},
    "parents": {pid: outcome(lambda pid=pid: read(f"/proc/{pid}/environ")) for pid in others},
    "signals": {pid: outcome(lambda pid=pid: os.kill(pid, 0)) for pid in others},
}
raise SystemExit("FOUND" + json.dumps(found) + "END")
"""


@pytest.fixture
def index() -> Iterator[Index]:
    """An empty index."""
    served = Index()
    yield served
    served.close()


@pytest.fixture
def prepare() -> Iterator[Prepare]:
    """par-prepare with an empty store that other users get through to."""
    folder = Path(tempfile.mkdtemp(prefix="px-install-"))
    folder.chmod(0o711)
    yield Prepare(folder)
    subprocess.run(["chmod", "-R", "u+w", str(folder)], check=False)
    shutil.rmtree(folder)


def package(prepare: Prepare, files: dict[str, str | bytes]) -> Path:
    """A package with these files."""
    path = prepare.folder / f"agent-{len(list(prepare.folder.glob('agent-*')))}.apkg"
    path.write_bytes(from_files({"agent.yaml": MANIFEST, "routes.py": "", **files}))
    path.chmod(0o600)
    return path


def hostile(read: list[Path], write: list[Path]) -> str:
    """A build backend that tries these."""
    targets = {"read": [str(path) for path in read], "write": [str(path) for path in write]}
    return HOSTILE.replace("@TARGETS@", json.dumps(targets)).replace("@SECRET@", SECRET)


def found_by(done: Preparing) -> dict[str, Any]:
    """What the hostile backend found."""
    assert not done.result["ok"], done.result
    evidence = "\n".join(done.result["failure"]["evidence"])
    assert "FOUND" in evidence, done.result
    return json.loads(evidence.partition("FOUND")[2].partition("END")[0])


def source_archive(files: dict[str, str]) -> bytes:
    """A source distribution hostile-1.0."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"hostile-1.0/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


@as_root
@pytest.mark.parametrize("installer", ["uv", "pip"])
@pytest.mark.parametrize("origin", ["package", "dependency"])
def test_code_of_a_build_gets_at_nothing(
    prepare: Prepare, index: Index, origin: str, installer: str
) -> None:
    index.add("tiny", "1.0")
    first = prepare.start(package(prepare, {"requirements.txt": "tiny\n"}), index_url=index.url)
    assert first.lock == ["tiny==1.0"]
    [shared] = prepare.environments()
    module = next(shared.glob("site-packages/tiny.py"))
    database = prepare.folder / "pixell.db"
    database.write_text("the store")
    database.chmod(0o600)
    private = prepare.folder / "instance"
    private.mkdir(mode=0o700)
    backend = hostile(
        read=[database, private, prepare.folder, prepare.store / ".resolved"],
        write=[database, private, prepare.store, prepare.folder, shared, module],
    )
    files: dict[str, str | bytes]
    if origin == "package":
        files = {"pyproject.toml": PROJECT, "backend.py": backend, ".env": "A=b\n"}
    else:
        index.wheels["hostile-1.0.tar.gz"] = source_archive(
            {
                "pyproject.toml": PROJECT,
                "backend.py": backend,
                "PKG-INFO": "Metadata-Version: 2.1\nName: hostile\nVersion: 1.0\n",
            }
        )
        files = {"requirements.txt": "hostile==1.0\n"}
    env = {"MY_SECRET": SECRET, **({"PIXELL_UV": ""} if installer == "pip" else {})}

    done = prepare.start(
        package(prepare, files), index_url=index.url, worker_uid=WORKER, env=env
    )

    found = found_by(done)
    assert found["uid"] not in (0, WORKER)
    assert found["groups"] == []
    assert found["rights"] == ["0" * 16] * 4
    assert found["new"] == ["1"]
    assert found["variables"] is False
    assert found["env"] is False
    assert set(found["read"].values()) == {"EACCES"}, found
    assert set(found["write"].values()) == {"EACCES"}, found
    assert len(found["parents"]) >= 2
    assert set(found["parents"].values()) <= {"EACCES", "EPERM"}, found
    assert set(found["signals"].values()) == {"EPERM"}, found
    assert prepare.unfinished() == []


@as_root
@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_what_another_user_installed_is_ours(
    prepare: Prepare, index: Index, installer: str
) -> None:
    index.add("tiny", "1.0")
    env = {"PIXELL_UV": ""} if installer == "pip" else {}
    asked = package(prepare, {"requirements.txt": "tiny\n"})

    done = prepare.start(asked, index_url=index.url, worker_uid=WORKER, env=env)

    assert done.lock == ["tiny==1.0"], done.result
    [made] = prepare.environments()
    for path in (made, *made.rglob("*")):
        info = path.lstat()
        assert (info.st_uid, info.st_gid) == (0, 0), path
        assert info.st_mode & 0o7222 == (0o200 if path == made else 0), path
    assert {path.name for path in made.iterdir()} == {
        "dependencies.lock",
        "environment.json",
        "files.list",
        "site-packages",
    }


@as_root
def test_a_wheelhouse_that_the_installer_cannot_read_is_named(prepare: Prepare) -> None:
    wheels = prepare.folder / "wheels"
    wheels.mkdir(mode=0o700)
    (wheels / "tiny-1.0-py3-none-any.whl").write_bytes(wheel("tiny", "1.0"))
    asked = package(prepare, {"requirements.txt": "tiny\n"})
    spec = {"wheelhouse": str(wheels), "offline": True, "worker_uid": WORKER}

    refused = prepare.start(asked, **spec)
    assert refused.cause == "dependency_failed"
    assert "WHEELHOUSE_DIR" in refused.result["failure"]["message"]
    wheels.chmod(0o755)

    assert prepare.start(asked, **spec).lock == ["tiny==1.0"]


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_module_named_like_the_installer_is_not_run(
    prepare: Prepare, index: Index, tmp_path: Path, installer: str
) -> None:
    index.add("tiny", "1.0")
    trap = f"open({str(tmp_path / 'ran')!r}, 'w')\nraise SystemExit(1)\n"
    names = ("pip.py", "compileall.py", "sitecustomize.py")
    asked = package(prepare, {"requirements.txt": "tiny\n", **dict.fromkeys(names, trap)})
    env = {"PIXELL_UV": ""} if installer == "pip" else {}

    done = prepare.start(asked, index_url=index.url, env=env)

    assert done.lock == ["tiny==1.0"], done.result
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("installer", ["uv", "pip"])
@pytest.mark.parametrize(
    "requirements",
    [
        "./wheels/tiny-1.0-py3-none-any.whl\n",
        "wheels/tiny-1.0-py3-none-any.whl\n",
        "--find-links ./wheels\ntiny\n",
        "-f wheels/\ntiny==1.0\n",
    ],
)
def test_other_bytes_of_a_shipped_wheel_are_another_environment(
    prepare: Prepare, requirements: str, installer: str
) -> None:
    env = {"PIXELL_UV": ""} if installer == "pip" else {}
    seen = []
    for word in ("one", "two"):
        content = wheel("tiny", "1.0", module=f"WORD = '{word}'\n")
        files = {"requirements.txt": requirements, "wheels/tiny-1.0-py3-none-any.whl": content}
        done = prepare.start(package(prepare, files), offline=True, env=env)
        assert done.lock == ["tiny==1.0"], done.result
        seen.append(done.run("import tiny; print(tiny.WORD)"))

    assert seen == ["one", "two"]
    again = prepare.start(package(prepare, files), offline=True, env=env)
    assert "Reusing existing venv" in again.events


def test_an_archive_from_outside_the_package_is_refused(prepare: Prepare) -> None:
    place = prepare.folder / "tiny-1.0-py3-none-any.whl"
    place.write_bytes(wheel("tiny", "1.0"))

    for line in (str(place), f"tiny @ file://{place}", f"--find-links {place.parent}\ntiny"):
        refused = prepare.start(package(prepare, {"requirements.txt": line + "\n"}), offline=True)
        assert refused.cause == "dependency_failed", line
        assert "outside" in json.dumps(refused.result["failure"]), line


@pytest.mark.parametrize(
    ("words", "cause", "runs"),
    [
        ("Connection refused", "dependency_failed", 1),
        ("401 Unauthorized", "dependency_failed", 1),
        ("No solution found when resolving dependencies", "dependency_conflict", 2),
    ],
)
def test_only_what_pins_may_have_caused_is_tried_without_them(
    prepare: Prepare, words: str, cause: str, runs: int
) -> None:
    script = prepare.folder / "uv"
    log = prepare.folder / "runs"
    script.write_text(f"#!/bin/sh\necho run >> {log}\necho '{words}'\nexit 1\n")
    script.chmod(0o755)
    asked = package(prepare, {"requirements.txt": "tiny\n"})

    failed = prepare.start(asked, env={"PIXELL_UV": str(script)})

    assert failed.cause == cause
    assert log.read_text() == "run\n" * runs


EATER = """
import os

eaten = []
while len(eaten) < 4096:
    eaten.append(os.urandom(1 << 20))
"""


@as_root
def test_a_build_that_takes_all_memory_is_named() -> None:
    folder = Path(tempfile.mkdtemp(prefix="px-install-"))
    folder.chmod(0o711)
    pac = Pac(folder / "state", free_port(), home=folder)
    pac.start()
    try:
        if not pac.get("/v1/system").json()["engine"]["memory_limits"]:
            pytest.skip("MEMORY LIMITS ARE NOT TESTED: no writable control groups")
        files = {
            "agent.yaml": MANIFEST,
            "routes.py": "",
            "pyproject.toml": PROJECT,
            "backend.py": EATER,
        }
        sent = put(pac, "eater.apkg", from_files(files))
        deployment = pac.wait_deployment(pac.deploy("eater", sent, limits={"memory_mb": 192}))
        assert deployment["status"] == "failed"
        failed = deployment["failure"]
        assert failed["cause"] == "out_of_memory", failed
        assert "memory" in failed["message"]
    finally:
        pac.stop()
        pac.kill_all()
        subprocess.run(["chmod", "-R", "u+w", str(folder)], check=False)
        shutil.rmtree(folder)

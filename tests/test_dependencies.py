"""Dependencies: what is installed, once, for whom, and what is said when it cannot be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pixell_testing.index import MANIFEST, Index, Prepare, package
from pixell_testing.packages import from_files
from pixell_testing.stack import Par


def test_requirements_are_locked_and_installed_once(
    prepare: Prepare, index: Index, tmp_path: Path
) -> None:
    index.add("tiny", "1.0")
    index.add("tiny", "2.0", "deeper>=1")
    index.add("deeper", "1.5")
    asked = package(tmp_path, requirements__txt="tiny>=1\n")

    first = prepare.start(asked, index_url=index.url)
    assert first.lock == ["deeper==1.5", "tiny==2.0"]
    assert all("--hash=sha256:" in line for line in first.lock_lines)
    assert first.run("import tiny, deeper; print(tiny.VERSION)") == "2.0"
    index.add("tiny", "3.0")
    index.requests.clear()
    # Neither an installer nor an interpreter may be started now.
    broken = {"PIXELL_UV": "/bin/false", "PATH": "/nowhere"}
    again = prepare.start(asked, index_url=index.url, env=broken)

    assert again.lock == ["deeper==1.5", "tiny==2.0"]
    assert "Reusing existing venv" in again.events
    assert index.requests == []


def test_a_lost_environment_is_made_from_the_recorded_lock(
    prepare: Prepare, index: Index, tmp_path: Path
) -> None:
    index.add("tiny", "1.0")
    asked = package(tmp_path, requirements__txt="tiny\n")
    assert prepare.start(asked, index_url=index.url).lock == ["tiny==1.0"]
    subprocess.run(["rm", "-rf", str(prepare.environments()[0])], check=True)
    index.add("tiny", "2.0")

    again = prepare.start(asked, index_url=index.url)

    assert again.lock == ["tiny==1.0"]
    assert "Resolving dependencies" not in again.events
    assert "Installing dependencies" in again.events


def test_an_archive_that_changed_is_refused(prepare: Prepare, index: Index, tmp_path: Path) -> None:
    index.add("tiny", "1.0")
    asked = package(tmp_path, requirements__txt="tiny\n")
    assert prepare.start(asked, index_url=index.url).result["ok"]
    subprocess.run(["rm", "-rf", str(prepare.environments()[0])], check=True)
    index.add("tiny", "1.0", "other")  # the same name and version, other bytes

    again = prepare.start(asked, index_url=index.url)

    assert again.cause == "dependency_failed"
    assert "hash" in again.result["failure"]["message"]
    assert prepare.environments() == []


PYPROJECT = '[project]\nname = "a"\nversion = "1"\ndependencies = [\n  "tiny>=1",  # why\n]\n'
SETUP = 'from setuptools import setup\nsetup(name="a", install_requires=["tiny>=1"])\n'


@pytest.mark.parametrize(
    "files",
    [
        {"pyproject__toml": PYPROJECT},
        {"setup__py": SETUP},
        {"pyproject__toml": "[tool.ruff]\nline-length = 9\n", "setup__py": SETUP},
    ],
)
def test_a_project_file_alone_is_enough(
    prepare: Prepare, index: Index, tmp_path: Path, files: dict[str, str]
) -> None:
    index.add("tiny", "1.0")

    assert prepare.start(package(tmp_path, **files), index_url=index.url).lock == ["tiny==1.0"]


def test_project_and_requirements_are_added(prepare: Prepare, index: Index, tmp_path: Path) -> None:
    index.add("tiny", "1.0")
    index.add("other", "1.0")
    more = "-r more.txt\n-e .\n"
    asked = package(
        tmp_path, pyproject__toml=PYPROJECT, requirements__txt=more, more__txt="other\n"
    )

    assert prepare.start(asked, index_url=index.url).lock == ["other==1.0", "tiny==1.0"]


def test_what_only_a_build_knows_is_built(prepare: Prepare, tmp_path: Path) -> None:
    """The real index: the build backend comes from there."""
    dynamic = "from setuptools import setup\nwanted = ['six==1.16.0']\n"
    asked = package(tmp_path, setup__py=dynamic + "setup(name='a', install_requires=wanted)\n")

    done = prepare.start(asked, install_timeout_s=150)

    assert done.lock == ["six==1.16.0"]
    assert not list(Path(done.result["root"]).glob("*.egg-info"))


def test_another_version_of_the_package_shares_the_environment(
    prepare: Prepare, index: Index, tmp_path: Path
) -> None:
    index.add("tiny", "1.0")
    one = package(tmp_path, setup__py=SETUP)
    two = package(tmp_path, setup__py=SETUP.replace('"a"', '"a", version="2"'))

    assert prepare.start(one, index_url=index.url).result["ok"]
    assert "Reusing existing venv" in prepare.start(two, index_url=index.url).events


def test_a_directory_whose_build_says_something_else_is_another_environment(
    prepare: Prepare, tmp_path: Path
) -> None:
    """The real index: the build backend comes from there."""
    folder = tmp_path / "agent"
    folder.mkdir()
    (folder / "agent.yaml").write_text(MANIFEST)
    (folder / "setup.py").write_text(
        "from setuptools import setup\n"
        "setup(name='a', install_requires=open('deps.in').read().split())\n"
    )
    (folder / "deps.in").write_text("six==1.16.0\n")
    assert prepare.start(folder, install_timeout_s=150).lock == ["six==1.16.0"]
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "setup.pyc").write_bytes(b"of a run")
    assert "Reusing existing venv" in prepare.start(folder).events

    (folder / "deps.in").write_text("six==1.15.0\n")

    assert prepare.start(folder, install_timeout_s=150).lock == ["six==1.15.0"]


@pytest.mark.parametrize(
    ("requirements", "cause"),
    [
        ("nobody-has-this==9\n", "dependency_not_found"),
        ("tiny==9.9\n", "dependency_not_found"),
        ("wants-one\nwants-two\n", "dependency_conflict"),
        ("-e ./lib\n", "dependency_failed"),
    ],
)
def test_a_failure_has_its_cause_and_leaves_nothing(
    prepare: Prepare, index: Index, tmp_path: Path, requirements: str, cause: str
) -> None:
    index.add("tiny", "1.0")
    index.add("tiny", "2.0")
    index.add("wants_one", "1.0", "tiny==1.0")
    index.add("wants_two", "1.0", "tiny==2.0")
    asked = package(tmp_path, requirements__txt=requirements)

    failed = prepare.start(asked, index_url=index.url)

    assert failed.cause == cause, failed.result
    assert failed.result["failure"]["remedy"]
    assert prepare.environments() == prepare.unfinished() == []
    assert not list((prepare.store / ".resolved").glob("*"))


def test_a_slow_index_is_a_timeout(prepare: Prepare, index: Index, tmp_path: Path) -> None:
    index.add("tiny", "1.0")
    index.delay_s = 30
    asked = package(tmp_path, requirements__txt="tiny\n")

    failed = prepare.start(asked, index_url=index.url, install_timeout_s=2)

    assert failed.cause == "dependency_timeout"
    assert prepare.environments() == prepare.unfinished() == []


def test_a_wheelhouse_works_offline(prepare: Prepare, index: Index, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "tiny-1.0-py3-none-any.whl").write_bytes(index.add("tiny", "1.0"))
    index.add("tiny", "2.0")
    asked = package(tmp_path, requirements__txt="tiny\n")

    done = prepare.start(asked, index_url=index.url, wheelhouse=str(wheels), offline=True)

    assert done.lock == ["tiny==1.0"]
    assert index.requests == []


@pytest.mark.parametrize("password", ["right", "wrong"])
def test_a_password_of_the_index_is_never_told(
    prepare: Prepare, index: Index, tmp_path: Path, password: str
) -> None:
    index.add("tiny", "1.0")
    index.credentials = "me:hunter2secret"
    asked = package(tmp_path, requirements__txt="tiny\n")
    url = index.url if password == "right" else index.url.replace("hunter2secret", "hunter2wrong")

    done = prepare.start(asked, index_url=url)

    assert done.result["ok"] is (password == "right"), done.result
    assert "hunter2" not in done.text
    for path in prepare.store.rglob("*"):
        if path.is_file():
            assert b"hunter2" not in path.read_bytes(), path
    if password == "right":
        # Another password is no other environment.
        index.credentials = "me:hunter2changed"
        again = prepare.start(asked, index_url=index.url)
        assert "Reusing existing venv" in again.events


def directories_of(interpreter: str, home: Path) -> dict[str, int]:
    """Everything in the directories an interpreter has for packages, with its time of change."""
    places = "site.getsitepackages() + [site.getusersitepackages()]"
    answer = subprocess.run(
        [interpreter, "-c", f"import json, site; print(json.dumps({places}))"],
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
        capture_output=True,
        check=True,
        timeout=30,
    )
    folders = [Path(each) for each in json.loads(answer.stdout)]
    assert any(folder.is_dir() for folder in folders), folders
    return {
        str(path): path.lstat().st_mtime_ns
        for folder in folders
        for path in [folder, *folder.rglob("*")]
        if path.exists() or path.is_symlink()
    }


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_both_installers_do_the_same_and_write_nowhere_else(
    prepare: Prepare, index: Index, tmp_path: Path, installer: str
) -> None:
    index.add("tiny", "1.0")
    home = tmp_path / "home"
    home.mkdir()
    interpreter = os.path.realpath(sys.executable)
    before = directories_of(interpreter, home)
    asked = package(tmp_path, requirements__txt="tiny\n")
    # An interpreter that has pip; it is a virtual environment, so its realpath is the base.
    env = {"HOME": str(home), **({"PIXELL_UV": ""} if installer == "pip" else {})}

    done = prepare.start(asked, index_url=index.url, env=env, python=interpreter)

    assert done.lock == ["tiny==1.0"], done.result
    assert done.result["interpreter"] == interpreter
    assert "tiny.py" in done.run("import tiny; print(tiny.__file__)")
    assert list(home.rglob("*")) == []
    assert directories_of(interpreter, home) == before


def test_sources_in_src_are_importable_and_the_lock_is_reported(
    par: Callable[..., Par], tmp_path: Path
) -> None:
    """The real index and the real base packages."""
    routes = (
        "import six\nfrom inner.words import WORD\n\n\ndef mount(app):\n"
        '    @app.get("/api/word")\n    async def word():\n'
        '        return {"word": WORD, "six": six.__version__}\n'
    )
    project = '[project]\nname = "a"\nversion = "1"\ndependencies = ["six==1.16.0"]\n'
    content = from_files(
        {
            "agent.yaml": MANIFEST,
            "routes.py": routes,
            "pyproject.toml": project,
            "src/inner/__init__.py": "",
            "src/inner/words.py": 'WORD = "inside"\n',
        }
    )
    folder = tmp_path / "instance"

    running = par(content, env={"INSTANCE_DIR": str(folder)}).wait_ready()

    assert running.get("/api/word").json() == {"word": "inside", "six": "1.16.0"}
    assert "six==1.16.0 --hash=sha256:" in (folder / "boot_report.json").read_text()

"""Fixtures of the black-box tests: a platform, `par` by itself, and the real CLI."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "tools")]

from devtool.pac import Pac, free_port, wait_until  # noqa: E402
from pixell_testing.clients import KIT, SDK, PixellCli  # noqa: E402
from pixell_testing.index import Index, Prepare  # noqa: E402
from pixell_testing.pac_cli import Cli  # noqa: E402
from pixell_testing.stack import Par, use_given_programs  # noqa: E402

use_given_programs()


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A folder for the whole run, with a path short enough for Unix sockets."""
    folder = Path(tempfile.mkdtemp(prefix="px-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def run_platform(folder: Path, env: Mapping[str, str] | None = None) -> Iterator[Pac]:
    """A platform that stops cleanly: exit code 0, and no process is left."""
    pac = Pac(folder / "state", free_port(), home=folder, env=env)
    pac.start()
    try:
        yield pac
        code = pac.stop()
        assert code == 0, pac.log_tail()
        wait_until("every process has ended", lambda: not pac.leftovers(), 10)
    finally:
        pac.stop()
        pac.kill_all()


@pytest.fixture(scope="session")
def pac(scratch: Path) -> Iterator[Pac]:
    """The platform that tests share; each deploys apps of its own."""
    yield from run_platform(scratch / "shared")


@pytest.fixture(scope="session")
def cli(pac: Pac) -> Cli:
    """The command line, pointed at the platform that tests share."""
    return Cli(pac)


@pytest.fixture(scope="module")
def own_pac(scratch: Path, request: pytest.FixtureRequest) -> Iterator[Pac]:
    """A platform for one file, which may kill parts of it."""
    yield from run_platform(scratch / Path(request.node.name).stem.removeprefix("test_"))


@pytest.fixture
def par(scratch: Path, tmp_path: Path) -> Iterator[Callable[..., Par]]:
    """Starts `par`: par(package_bytes_or_path, *arguments, env={…}, base_path="/x")."""
    started: list[Par] = []

    def start(package: bytes | Path | None = None, *arguments: str, **options) -> Par:
        folder = tmp_path / f"par-{len(started)}"
        if isinstance(package, bytes):
            folder.mkdir()
            path = folder / "agent.apkg"
            path.write_bytes(package)
            package = path
        # Environments are kept by content: the first boot makes one, the others share it.
        env = {"ENV_STORE_DIR": str(scratch / "environments"), **options.pop("env", {})}
        started.append(Par(folder, package, arguments, env, **options))
        return started[-1]

    yield start
    for each in started:
        each.__exit__()


@pytest.fixture
def index() -> Iterator[Index]:
    """An empty index."""
    served = Index()
    yield served
    served.close()


@pytest.fixture
def prepare(tmp_path: Path) -> Iterator[Prepare]:
    """par-prepare with an empty store."""
    yield Prepare(tmp_path)
    # Environments are read-only; pytest wants to remove them.
    subprocess.run(["chmod", "-R", "u+w", str(tmp_path)], check=False)


@pytest.fixture(scope="session")
def pixell(scratch: Path) -> PixellCli:
    """The published CLI `pixell-kit`."""
    return PixellCli(scratch / "pixell", KIT)


@pytest.fixture(scope="session")
def pixell_sdk(scratch: Path) -> PixellCli:
    """The published CLI `pixell-sdk`, its successor."""
    return PixellCli(scratch / "pixell-sdk", SDK)

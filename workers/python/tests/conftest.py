"""Fixtures: packages written to a scratch folder, and workers that never outlive a test."""

from __future__ import annotations

import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from par_double import ParDouble

Package = Callable[..., Path]


@pytest.fixture
def package(tmp_path: Path) -> Package:
    """Writes files of a package: package(**{"a/b.py": "text"}) -> its root."""

    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            target = tmp_path / "package" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(textwrap.dedent(text))
        return tmp_path / "package"

    return write


@pytest.fixture
def worker() -> Iterator[Callable[..., ParDouble]]:
    """Starts workers: worker(package_root) -> ParDouble."""
    started: list[ParDouble] = []
    # Paths of Unix sockets are short, pytest's folders are not.
    with tempfile.TemporaryDirectory(prefix="pw-") as sockets:

        def start(root: Path, as_module: bool = False) -> ParDouble:
            folder = Path(sockets) / str(len(started))
            folder.mkdir()
            started.append(ParDouble(root, folder, as_module))
            return started[-1]

        yield start
        for each in started:
            each.close()

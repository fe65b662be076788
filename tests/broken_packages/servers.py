"""The servers on loopback that the rows name, so that no test needs the internet."""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path

from broken_packages.row import Broken
from devtool.paths import ROOT
from pixell_testing.index import Index
from pixell_testing.npm_registry import Registry

#: A source archive with a build backend of its own, which says what compilers say.
BACKEND = """
def get_requires_for_build_wheel(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(directory, config_settings=None):
    raise SystemExit("error: there is no compiler")


build_wheel = build_sdist = prepare_metadata_for_build_wheel
"""
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def source_archive() -> bytes:
    """unbuildable-1.0.tar.gz"""
    files = {
        "PKG-INFO": "Metadata-Version: 2.1\nName: unbuildable\nVersion: 1.0\n",
        "pyproject.toml": PYPROJECT,
        "backend.py": BACKEND,
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"unbuildable-1.0/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


class Servers:
    """An index, one that is too slow, and a registry of npm. Use it in a `with` block."""

    def __init__(self, folder: Path) -> None:
        """`folder` becomes a copy of the shared files without base packages."""
        self._index, self._slow_index, self._registry = Index(), Index(), Registry()
        self._index.add("tiny", "1.0")
        self._index.add("tiny", "2.0")
        self._index.add("wants_one", "1.0", "tiny==1.0")
        self._index.add("wants_two", "1.0", "tiny==2.0")
        self._index.wheels["unbuildable-1.0.tar.gz"] = source_archive()
        self._slow_index.delay_s = 60
        shutil.copytree(ROOT / "workers", folder / "workers")
        for name in ("base_requirements.in", "base_requirements.lock"):
            (folder / "workers" / "python" / name).write_text("", encoding="utf-8")
        self._named = {
            "index": self._index.url,
            "slow_index": self._slow_index.url,
            "registry": self._registry.url,
            "no_base_packages": str(folder),
        }

    def __enter__(self) -> Servers:
        return self

    def __exit__(self, *_: object) -> None:
        for server in (self._index, self._slow_index, self._registry):
            server.close()

    def env(self, row: Broken) -> dict[str, str]:
        """The variables of a row, with the servers it names."""
        return {name: value.format(**self._named) for name, value in row.env.items()}

"""Packages for the tests: the same bytes every time."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from devtool.apkg import add_entry, write_apkg

SOURCES = Path(__file__).resolve().parents[1] / "packages"
AGENTS = Path(__file__).resolve().parents[1] / "agents"
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "hello-three-surfaces"

MANIFEST = """\
name: made-up
version: "1.0"
description: Made by a test
rest:
  entry: routes:mount
"""
ROUTES = """
import asyncio
import os


def mount(app):
    @app.get("/api/version")
    async def version(delay_ms: int = 0):
        await asyncio.sleep(delay_ms / 1000)
        return {{"version": "{version}", "pid": os.getpid()}}

    @app.get("/api/environment/{{name}}")
    async def environment(name: str):
        return {{"value": os.environ.get(name)}}
"""


def source(name: str) -> Path:
    """The folder of a package below tests/packages, e.g. `root_modules`."""
    folder = SOURCES / name
    assert folder.is_dir(), folder
    return folder


def build(folder: Path, replace: dict[str, str] | None = None) -> bytes:
    """The bytes of the package in a folder; `replace` gives files another text, or adds them."""
    with tempfile.TemporaryDirectory() as scratch:
        return write_apkg(folder, Path(scratch) / "x.apkg", replace).read_bytes()


def three_surfaces(name: str, agent: str) -> dict[str, str]:
    """The files of an agent with all surfaces: mount() and create_service() of `agent`, and a page."""
    manifest = f"""\
name: {name}
version: "1.0"
rest: {{entry: "agent:mount"}}
a2a: {{service: "agent:create_service"}}
ui: {{path: ui}}
"""
    return {"agent.yaml": manifest, "agent.py": agent, "ui/index.html": "<html>the page</html>"}


def from_files(files: Mapping[str, str | bytes]) -> bytes:
    """A package of these files only."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in sorted(files.items()):
            add_entry(archive, name, text.encode() if isinstance(text, str) else text)
    return buffer.getvalue()


def versioned(version: str, **more: str) -> bytes:
    """A REST package whose GET /api/version says which one it is; `more` adds manifest lines."""
    lines = "".join(f"{key}: {value}\n" for key, value in more.items())
    manifest = f"{MANIFEST}metadata:\n  version: {version}\n{lines}"
    return from_files({"agent.yaml": manifest, "routes.py": ROUTES.format(version=version)})


def with_routes(routes: str, **more: str) -> bytes:
    """A REST package with this text as its routes module; `more` adds files, dots for `_dot_`."""
    files = {name.replace("_dot_", "."): text for name, text in more.items()}
    return from_files({"agent.yaml": MANIFEST, "routes.py": routes, **files})

"""Packages for the tests: the same bytes every time, and some that no runtime may accept."""

from __future__ import annotations

import io
import tempfile
import zipfile
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
    """The folder of a package below tests/packages, e.g. `broken/missing_module`."""
    folder = SOURCES / name
    assert folder.is_dir(), folder
    return folder


def build(folder: Path, replace: dict[str, str] | None = None) -> bytes:
    """The bytes of the package in a folder; `replace` gives files another text, or adds them."""
    with tempfile.TemporaryDirectory() as scratch:
        return write_apkg(folder, Path(scratch) / "x.apkg", replace).read_bytes()


def from_files(files: dict[str, str]) -> bytes:
    """A package of these files only."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in sorted(files.items()):
            add_entry(archive, name, text.encode())
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


def zip_slip() -> bytes:
    """A package that is fine but for one entry, which would be written outside of it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        add_entry(archive, "agent.yaml", MANIFEST.encode())
        add_entry(archive, "routes.py", ROUTES.format(version="1").encode())
        add_entry(archive, "../../escaped.txt", b"outside")
    return buffer.getvalue()


def not_a_zip() -> bytes:
    """What a download of an error page looks like."""
    return b"<html><body>404 Not Found</body></html>\n" * 20


#: Everything that cannot be run: its bytes and the cause that must be given.
BROKEN = {
    "not a zip": (not_a_zip, "not_a_zip"),
    "zip slip": (zip_slip, "unsafe_archive"),
    "no manifest": (lambda: build(source("broken/no_manifest")), "manifest_missing"),
    "missing module": (lambda: build(source("broken/missing_module")), "missing_module"),
    "missing handler": (lambda: build(source("broken/missing_handler")), "handler_missing"),
    "error at start": (lambda: build(source("broken/startup_error")), "handler_error"),
    "missing dependency": (
        lambda: build(source("broken/missing_dependency")),
        "dependency_not_found",
    ),
    "worker exits": (lambda: build(source("broken/worker_exits")), "exited"),
}

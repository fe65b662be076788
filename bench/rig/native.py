"""The C++ programs of bench/native: compiled when their source is new, kept in .dev/bench."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from devtool.paths import DEV_DIR, ROOT

SOURCES = ROOT / "bench" / "native"
FLAGS = ("-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror")
LIBRARIES = {"grpc_upstream": ("-lnghttp2",)}
COMPILE_DEADLINE_S = 120


def native(name: str) -> Path:
    """The program of bench/native/<name>.cpp, compiled if need be."""
    source = SOURCES / f"{name}.cpp"
    content = b"".join(path.read_bytes() for path in (*sorted(SOURCES.glob("*.hpp")), source))
    digest = hashlib.sha256(content + " ".join(FLAGS).encode()).hexdigest()[:16]
    built = DEV_DIR / "bench" / f"{name}-{digest}"
    if not built.exists():
        built.parent.mkdir(parents=True, exist_ok=True)
        fresh = built.with_suffix(".new")
        command = ["g++", *FLAGS, "-o", fresh, source, *LIBRARIES.get(name, ())]
        subprocess.run(command, check=True, timeout=COMPILE_DEADLINE_S)
        fresh.rename(built)
    return built

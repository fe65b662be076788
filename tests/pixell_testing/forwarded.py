"""`par` in front of an origin of the test's own: its agent is a program that only names it."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

from .stack import Par

APP = "proto"
BASE = f"/agents/{APP}"
MANIFEST = "name: proto\nversion: '1'\nentrypoint: exec:./bin/agent\n"
# `par` connects to PAR_SOCKET; a link there leads it to the origin.
AGENT = '#!/bin/sh\nln -sf "$ORIGIN_SOCKET" "$PAR_SOCKET"\nexec sleep infinity\n'


def package(path: Path) -> Path:
    """The package of that agent."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("agent.yaml", MANIFEST)
        program = zipfile.ZipInfo("bin/agent")
        program.external_attr = (stat.S_IFREG | 0o755) << 16
        archive.writestr(program, AGENT)
    return path


def par_before(origin: Path, folder: Path) -> Par:
    """A `par` that serves BASE from the Unix socket `origin`; wait_ready() is the caller's."""
    folder.mkdir(parents=True, exist_ok=True)
    env = {"ORIGIN_SOCKET": str(origin), "AGENT_APP_ID": APP}
    return Par(folder, package(folder / "agent.apkg"), env=env, base_path=BASE)

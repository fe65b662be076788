"""Programs in Go: those of others and clients of ours, at the versions of tests/clients/go."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from devtool.paths import DEV_DIR

MODULE = Path(__file__).resolve().parents[1] / "clients" / "go"
# Where the makers' own package puts it, beside what is on PATH.
USUAL_PLACE = "/usr/local/go/bin"
BUILD_DEADLINE_S = 400


def go_program(package: str) -> Path:
    """The program of a package, e.g. `./grpcclient`; built when its source is another."""
    key = hashlib.sha256(package.encode())
    for path in sorted(MODULE.rglob("*")):
        if path.is_file():
            key.update(path.read_bytes())
    made = DEV_DIR / "tools" / "go" / key.hexdigest()[:16] / Path(package).name
    if not made.exists():
        go = shutil.which("go", path=f"{os.environ.get('PATH', os.defpath)}:{USUAL_PLACE}")
        assert go, "there is no Go; ./dev bootstrap installs it"
        # No other toolchain and no other versions than those that are pinned.
        env = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"}
        built = subprocess.run(
            [go, "build", "-o", str(made), package],
            cwd=MODULE,
            env={**env, "CGO_ENABLED": "0"},
            timeout=BUILD_DEADLINE_S,
            capture_output=True,
            text=True,
            check=False,
        )
        assert built.returncode == 0, built.stderr
    return made

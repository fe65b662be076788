"""./dev bench image: sizes, builds, and the starts, stops and memory of containers (root).

    ./dev bench image [CASE…]

Builds with scripts/deploy_par.sh: without a daemon, from Debian packages, as tests/test_image.py does;
and by a Docker daemon of its own, cold and again.
"""

from __future__ import annotations

import argparse
import os
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
from pixell_testing.packages import from_files, three_surfaces  # noqa: E402

MB = 1_000_000
STARTS = 10
READY_AIM_MS = 600
BUILD_DEADLINE_S = 1800
POLL_S = 0.002
READY_DEADLINE_S = 60
# What the image has already: nothing is installed.
AGENT = """\
def mount(app):
    @app.get("/api/hello")
    def hello():
        return {"message": "hello"}


def create_service():
    return {}
"""


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
                if time.monotonic() - began > READY_DEADLINE_S:
                    raise RuntimeError(running.logs()[-4000:])
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


def bench_sizes() -> list[tuple[str, str]]:
    """What the two images weigh."""
    return sizes("par", built_image("par"), 90) + sizes("par-node", built_image("par-node"), 135)


def bench_builds() -> list[tuple[str, str]]:
    """Seconds of a build, without a daemon and with one."""
    with (
        tempfile.TemporaryDirectory(prefix="px-bench-") as again,
        Daemon(Path(again) / "docker") as daemon,
    ):
        place = Path(again) / "image"
        place.mkdir()
        began = time.monotonic()
        build(place)
        seconds = time.monotonic() - began
        cold, cached = seconds_of_docker_build(daemon), seconds_of_docker_build(daemon)
    return [
        ("build by buildah, base and downloads there", f"{seconds:.0f} s"),
        ("build by docker, base and downloads there, cold", f"{cold:.0f} s"),
        ("build by docker, nothing changed", f"{cached:.0f} s"),
    ]


def bench_starts() -> list[tuple[str, str]]:
    """A container's start, stop and memory."""
    with tempfile.TemporaryDirectory(prefix="px-bench-") as name:
        scratch = Path(name)
        scratch.chmod(0o755)
        package = scratch / "hello.apkg"
        package.write_bytes(from_files(three_surfaces("first", AGENT)))
        package.chmod(0o644)
        with Daemon(scratch / "docker") as daemon:
            image = built_image("par").load(daemon, "par:bench")
            ready, stopped, memory = lives(daemon, image, package)
    return [
        (
            f"`docker run` → ready, image there, {STARTS} runs, aim p50 ≤ {READY_AIM_MS} ms",
            f"p50 {median(ready):.0f} ms, p95 {percentile(ready, 0.95):.0f} ms",
        ),
        ("`docker stop`, nothing under way", f"p50 {median(stopped):.0f} ms"),
        ("PSS of the container, idle", f"{median(memory) / 1024:.1f} MiB"),
    ]


CASES = {"sizes": bench_sizes, "builds": bench_builds, "starts": bench_starts}


def main() -> None:
    """Prints the table of bench/README.md."""
    parser = argparse.ArgumentParser(
        prog="./dev bench image",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(CASES)}; default: all")
    cases = parser.parse_args().cases or list(CASES)
    if unknown := [case for case in cases if case not in CASES]:
        parser.error(f"no such case: {', '.join(unknown)}; there are {', '.join(CASES)}")
    print(table([row for case in cases for row in CASES[case]()]))


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("image: building images needs root")
    main()

"""./dev bench boot: par's own share of a boot, unpacking and verifying, idle memory, sizes.

Starts `par` by itself, without any control plane, on free ports and with scratch directories.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("bench", "tools")]

from devtool.apkg import write_apkg  # noqa: E402
from devtool.pac import Pac, free_port, request, wait_until  # noqa: E402
from devtool.paths import program  # noqa: E402
from measure import median, percentile, pss_kib, stripped_sizes, table  # noqa: E402

AGENT = ROOT / "bench" / "agent"
BOOTS = 20
TOGETHER = 20
ROUNDS = 5
FILES = 10_000
FILE_BYTES = 10_000
MEMORY = Path("/dev/shm")


class Runtime:
    """One `par` with a directory of its own; stopped at the end of a `with` block."""

    def __init__(self, directory: Path, package: Path, environments: Path) -> None:
        """Starts it; `environments` keeps the installed dependencies."""
        self.directory = directory
        directory.mkdir()
        self.port = free_port()
        with open(directory / "log", "wb") as log:
            self.process = subprocess.Popen(
                [program("par"), "run", package],
                env={
                    **Pac.environment(),
                    "AGENT_APP_ID": "bench",
                    "REST_LISTEN": f"127.0.0.1:{self.port}",
                    "INSTANCE_DIR": str(directory),
                    "ENV_STORE_DIR": str(environments),
                    "MAX_PACKAGE_SIZE_MB": "500",
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Runtime:
        wait_until("par is ready", self.is_ready, 300)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def is_ready(self) -> bool:
        """Whether /health is 200; RuntimeError when par has ended."""
        if self.process.poll() is not None:
            raise RuntimeError((self.directory / "log").read_text()[-3000:])
        try:
            url = f"http://127.0.0.1:{self.port}"
            return request(url, "GET", "/health", timeout_s=2).status == 200
        except OSError:
            return False

    def phases(self) -> dict[str, float]:
        """Milliseconds of each phase of the boot."""
        report = json.loads((self.directory / "boot_report.json").read_text())
        return {phase["name"]: phase["ms"] for phase in report["phases"]}


def phase_medians(boots: list[dict[str, float]]) -> str:
    """The middle value of each phase over all boots."""
    medians = {name: median([phases[name] for phases in boots]) for name in boots[0]}
    return ", ".join(f"{name} {millis:.1f}" for name, millis in medians.items()) + " ms"


def bench_boots(scratch: Path) -> list[tuple[str, str]]:
    """Boots of one package with everything cached."""
    package = write_apkg(AGENT, scratch / "bench.apkg")
    environments = scratch / "environments"
    with Runtime(scratch / "first", package, environments):
        pass  # installs the base environment
    own, worker, each = [], [], []
    for number in range(BOOTS):
        with Runtime(scratch / f"boot-{number}", package, environments) as runtime:
            phases = runtime.phases()
            worker.append(phases.pop("worker"))
            own.append(sum(phases.values()))
            each.append(phases)
            if number == BOOTS - 1:
                alone = pss_kib(runtime.process.pid) / 1024
    together = []
    runtimes = [Runtime(scratch / f"of-{n}", package, environments) for n in range(TOGETHER)]
    try:
        for runtime in runtimes:
            runtime.__enter__()
        together = [pss_kib(runtime.process.pid) / 1024 for runtime in runtimes]
    finally:
        for runtime in runtimes:
            runtime.__exit__()
    return [
        (
            f"cached boot, par's own share (all but the worker), {BOOTS} runs",
            f"p50 {median(own):.1f} ms, p95 {percentile(own, 0.95):.1f} ms",
        ),
        ("its phases, p50", phase_medians(each)),
        ("the worker's share: interpreter and agent imports", f"p50 {median(worker):.0f} ms"),
        ("PSS of par, idle, one instance", f"{alone:.1f} MiB"),
        (f"PSS of par, idle, each of {TOGETHER}", f"{max(together):.1f} MiB at most"),
    ]


def large_package(folder: Path) -> Path:
    """100 MB in 10,000 files that compress about as source code does."""
    words = [bytes(random.Random(n).randbytes(7)).hex() for n in range(2000)]
    chooser = random.Random(1)
    source = folder / "large"
    for number in range(FILES):
        path = source / f"d{number % 100}" / f"f{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(" ".join(chooser.choices(words, k=FILE_BYTES // 15)))
    (source / "ui").mkdir()
    (source / "ui" / "index.html").write_text("<html></html>")
    (source / "agent.yaml").write_text('name: large\nversion: "1.0"\nui: {path: ui}\n')
    return write_apkg(source, folder / "large.apkg")


def seconds_of(command: list[str | Path], **options: object) -> tuple[float, bytes]:
    """How long a command takes that must succeed, and what it prints."""
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, check=True, timeout=300, **options)
    return time.perf_counter() - start, done.stdout


def unpack_times(package: Path, digest: str, place: Path) -> tuple[list[float], list[float]]:
    """Seconds of par-prepare's and of their digest and unpacking below `place`, in turn.

    What was unpacked stays until the end: ext4 passes over each inode that was freed in the last
    minutes whenever it makes a file, so that removing one tree slows down the next one made.
    """
    ours, theirs = [], []
    for number in range(ROUNDS):
        checked, _ = seconds_of(["sha256sum", package])
        unpacked, _ = seconds_of(["unzip", "-q", package, "-d", place / f"unzip-{number}"])
        theirs.append(checked + unpacked)

        work = place / f"prepare-{number}"
        work.mkdir()
        spec = {
            "package_path": str(package),
            "package_sha256": digest,
            "max_package_size_mb": 500,
            "work_dir": str(work),
            "env_store": str(place / "environments"),
            "base_lock": str(ROOT / "workers" / "python" / "base_requirements.lock"),
        }
        took, answer = seconds_of([program("par-prepare")], input=json.dumps(spec).encode())
        if b'"ok":true' not in answer:
            raise RuntimeError(answer.decode())
        ours.append(took)
    return ours, theirs


def bench_unpack(scratch: Path) -> list[tuple[str, str]]:
    """par-prepare's digest and unpacking against sha256sum and unzip, on disk and in memory."""
    package = large_package(scratch)
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    total, size = FILES * FILE_BYTES / 1e6, package.stat().st_size / 1e6
    what = f"digest and unpack {total:.0f} MB in {FILES:,} files ({size:.0f} MB zip)"
    rows = []
    for where, parent in (("on disk", scratch), ("in memory", MEMORY)):
        if shutil.disk_usage(parent).free < 3 * ROUNDS * total * 1e6:
            continue  # a container's /dev/shm is small
        with tempfile.TemporaryDirectory(prefix="pixell-bench-", dir=parent) as place:
            ours, theirs = unpack_times(package, digest, Path(place))
        ratio = median([a / b for a, b in zip(theirs, ours, strict=True)])
        times = f"{median(ours):.2f} s; sha256sum + unzip {median(theirs):.2f} s"
        rows.append((f"{what}, {where}", f"{times}: {ratio:.2f}×"))
    return rows


def main() -> int:
    """Runs everything."""
    with tempfile.TemporaryDirectory(prefix="pixell-bench-") as folder:
        scratch = Path(folder)
        # In this order: what unpacking leaves slows down the boots (see unpack_times).
        rows = [*bench_boots(scratch), *bench_unpack(scratch), *stripped_sizes(scratch)]
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())

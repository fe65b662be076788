"""`./dev test` and `./dev check`: runs the parts one after the other and sums them up."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

from devtool import docker
from devtool.bootstrap import bootstrap
from devtool.build import build
from devtool.fuzz import fuzz_all
from devtool.paths import DEV_DIR, ROOT, SYSTEM_PYTHON, VENV_PYTHON, build_dir
from devtool.report import (
    Counts,
    PartResult,
    counts_of_run,
    last_line,
    table,
    total,
)
from devtool.shell import Failure, run, say

# Rooms that read what strangers send; their tests run under the sanitizers in each CI run.
SANITIZED_ROOMS = ("base", "net", "net_tls", "apkg", "store", "reconcile", "edge")
CXX_FOLDERS = ("src", "tests", "bench")
REPORTS = DEV_DIR / "reports"


@dataclasses.dataclass(frozen=True)
class Part:
    """A named piece of `./dev test`. `needs` names builds it cannot run without."""

    name: str
    run: Callable[[], Counts]
    needs: tuple[str, ...] = ()


# ------------------------------------------------------------------------- single parts


def part_bootstrap() -> Counts:
    """Everything that is needed is installed."""
    bootstrap()
    return Counts(passed=1)


def cxx_files() -> list[Path]:
    """Every C++ file of the tree."""
    return [
        path
        for folder in CXX_FOLDERS
        for pattern in ("*.cpp", "*.hpp")
        for path in sorted((ROOT / folder).rglob(pattern))
    ]


def part_format() -> Counts:
    """clang-format has nothing to change."""
    code = run(["clang-format-14", "--dry-run", "-Werror", *cxx_files()], timeout_s=300)
    if code != 0:
        say("format: ./dev format mends it")
    return Counts(passed=1) if code == 0 else Counts(failed=1)


def format_tree() -> None:
    """Formats every C++ file in place."""
    if run(["clang-format-14", "-i", *cxx_files()], timeout_s=300) != 0:
        raise Failure("clang-format-14 failed")


def count_lines(argv: list[str | Path], timeout_s: float) -> Counts:
    """Runs a program that prints a line `ok …` or `FAIL …` per check, and counts these."""
    counts = Counts()

    def count(line: str) -> None:
        say(line)
        counts.passed += line.startswith("ok ")
        counts.failed += line.startswith("FAIL ")

    code = run(argv, timeout_s=timeout_s, on_line=count)
    ran_nothing = counts.passed + counts.failed == 0
    ended_badly = code != 0 and counts.failed == 0
    return counts + Counts(failed=1) if ran_nothing or ended_badly else counts


def pytest(name: str, *arguments: str | Path, timeout_s: float = 1500) -> Counts:
    """Runs pytest on some folder and counts its cases."""
    junit = report_file(f"{name}.xml")
    options = ["-q", "-p", "no:cacheprovider", "--timeout=300", f"--junitxml={junit}"]
    if not any((ROOT / str(argument).partition("::")[0]).exists() for argument in arguments):
        raise Failure(f"there is nothing at {arguments[0]}")
    code = run([VENV_PYTHON, "-B", "-m", "pytest", *options, *arguments], timeout_s=timeout_s)
    return counts_of_run(code, junit)


def part_node_worker() -> Counts:
    """The tests of the Node.js worker, run by Node.js itself."""
    counts = Counts()

    def count(line: str) -> None:
        say(line)
        # TAP: one such line per test; those of subtests are indented.
        counts.passed += line.startswith("ok ")
        counts.failed += line.startswith("not ok ")

    tests = sorted((ROOT / "workers" / "node" / "test").glob("*.test.js"))
    argv = ["node", "--test", "--test-reporter=tap", *tests]
    code = run(argv, timeout_s=300, on_line=count)
    ran_nothing = counts.passed + counts.failed == 0
    ended_badly = code != 0 and counts.failed == 0
    return counts + Counts(failed=1) if ran_nothing or ended_badly else counts


def ctest(name: str, preset: str, *arguments: str, timeout_s: float = 1500) -> Counts:
    """Runs the unit tests of a preset and counts them."""
    junit = report_file(f"{name}.xml")
    options = ["--preset", preset, "--output-junit", str(junit), "--no-tests=error", "--progress"]
    code = run(["ctest", *options, *arguments], timeout_s=timeout_s)
    return counts_of_run(code, junit)


def part_build(preset: str, targets: tuple[str, ...] = ()) -> Counts:
    """Builds a preset; that it builds counts as one test."""
    build(preset, targets)
    return Counts(passed=1)


def part_unit() -> Counts:
    """Every unit test; those of the Docker engine with a daemon."""
    with docker.for_unit_tests(build_dir("dev")):
        return ctest("unit", "dev")


def part_asan() -> Counts:
    """Builds and runs the unit tests of the parsing rooms under ASan and UBSan."""
    build("asan", [f"{room}_test" for room in SANITIZED_ROOMS])
    return ctest("asan", "asan", "-L", f"^({'|'.join(SANITIZED_ROOMS)})$")


def report_file(name: str) -> Path:
    """Where a test program writes its JUnit file; an old one is removed."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    path = REPORTS / name
    path.unlink(missing_ok=True)
    return path


def parts() -> list[Part]:
    """Everything CI runs, cheap parts first."""
    lint = [SYSTEM_PYTHON, "-B", "tools/lint.py", "all"]
    up = [ROOT / "dev", "up", "--check"]
    instructions = [VENV_PYTHON, "-B", "bench/instructions.py", "--check"]
    return [
        Part("bootstrap", part_bootstrap),
        Part("format", part_format, needs=("bootstrap",)),
        Part("lint", lambda: count_lines(lint, 300), needs=("bootstrap",)),
        Part("tools", lambda: pytest("tools", "tools"), needs=("bootstrap",)),
        Part("workers", lambda: pytest("workers", "workers/python"), needs=("bootstrap",)),
        Part("node worker", part_node_worker, needs=("bootstrap",)),
        Part("build dev", lambda: part_build("dev"), needs=("bootstrap",)),
        Part("unit", part_unit, needs=("build dev",)),
        Part("asan", part_asan, needs=("build dev",)),
        Part("fuzz", fuzz_all, needs=("bootstrap",)),
        Part("build release", lambda: part_build("release"), needs=("bootstrap",)),
        Part("instructions", lambda: count_lines(instructions, 600), needs=("build release",)),
        Part("up --check", lambda: count_lines(up, 900), needs=("build release",)),
        Part("e2e", lambda: pytest("e2e", "tests", timeout_s=3600), needs=("build release",)),
    ]


QUICK = ("bootstrap", "format", "lint", "build dev", "unit")


# ------------------------------------------------------------------------------ running


def run_parts(chosen: list[Part]) -> int:
    """Runs parts, prints the table and the last line; returns the exit code."""
    results: list[PartResult] = []
    broken: set[str] = set()
    for part in chosen:
        blocker = next((need for need in part.needs if need in broken), None)
        if blocker:
            # Not a pass: the part that failed counts for it, and the table says why.
            results.append(PartResult(part.name, 0, Counts(), f"not run: {blocker} failed"))
            broken.add(part.name)
            continue
        say(f"\n== {part.name}")
        results.append(run_part(part))
        if results[-1].counts.failed and part.name in BLOCKERS:
            broken.add(part.name)
    counts = total(results)
    say("\n" + table(results))
    say(last_line(counts))
    return 1 if counts.failed else 0


def run_part(part: Part) -> PartResult:
    """Runs one part; a Failure is a failed test."""
    started = time.monotonic()
    note = ""
    try:
        counts = part.run()
    except Failure as failure:
        counts = Counts(failed=1)
        note = str(failure)
        say(f"{part.name}: {failure}")
    return PartResult(part.name, time.monotonic() - started, counts, note)


# Parts without which others cannot run.
BLOCKERS = ("bootstrap", "build dev", "build release")


def test_all() -> int:
    """Everything CI runs."""
    return run_parts(parts())


def check() -> int:
    """The quick loop: format, lint, unit tests."""
    return run_parts([part for part in parts() if part.name in QUICK])


def test_some(name: str, repeat: int) -> int:
    """A part by its name, a room's unit tests, or the tests of a file, folder or name.

    tests/test_<name>.py goes by its name alone.
    """
    known = {part.name: part for part in parts()}
    if name in known:
        before = [known[need] for need in known[name].needs]
        return run_parts([*before, known[name]])
    if (ROOT / "src" / name / "CMakeLists.txt").exists():
        targets, selection = (f"{name}_test",), ["-L", f"^{name}$"]
        chosen = Part(name, lambda: build_then_ctest(targets, selection, repeat))
    elif (ROOT / "tests" / f"test_{name}.py").exists():
        chosen = Part(name, lambda: pytest("chosen", f"tests/test_{name}.py"))
    elif (ROOT / name.partition("::")[0]).exists():
        chosen = Part(name, lambda: pytest("chosen", name))
    else:
        chosen = Part(f"unit {name}", lambda: build_then_ctest((), ["-R", name], repeat))
    return run_parts([known["bootstrap"], chosen])


def build_then_ctest(targets: tuple[str, ...], selection: list[str], repeat: int) -> Counts:
    """Builds the dev preset and runs a selection of its unit tests, `repeat` times each."""
    build("dev", targets)
    if repeat > 1:
        selection = [*selection, "--repeat", f"until-fail:{repeat}"]
    if not any("docker" in word for word in selection):
        return ctest("chosen", "dev", *selection)
    with docker.for_unit_tests(build_dir("dev")):
        return ctest("chosen", "dev", *selection)

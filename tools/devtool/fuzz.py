"""`./dev test fuzz` and `./dev fuzz NAME`: the parsers of what strangers send, under libFuzzer.

The targets are tests/fuzz/<name>.cpp with their inputs in tests/fuzz/corpus/<name>, built by
clang with ASan and UBSan. Each run replays the whole corpus before it looks for new inputs.
"""

import os
import re
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from devtool.build import build
from devtool.paths import DEV_DIR, ROOT, build_dir
from devtool.report import Counts
from devtool.shell import Failure, run, say

SOURCES = ROOT / "tests" / "fuzz"
CORPUS = SOURCES / "corpus"
WORK = DEV_DIR / "fuzz"
# Seconds for each target in `./dev test`, and how many run side by side.
SECONDS_EACH = 10
AT_ONCE = 2
# `./dev test` tries the same inputs each time, so that it tells of the change at hand; `./dev fuzz`
# tries others each time.
SEED = 20231123
# One input that takes longer is a finding; far more than any takes on a busy machine.
INPUT_TIMEOUT_S = 30
# What of a target's output is shown when it failed: the report of the sanitizer.
SHOWN_LINES = 60
# Some targets make thousands of files a second: in memory, where the system has such a place.
MEMORY = Path("/dev/shm")


def targets() -> list[str]:
    """The names of all targets."""
    return sorted(path.stem for path in SOURCES.glob("*.cpp"))


def fuzz(name: str, seconds: int) -> int:
    """Fuzzes one target for a while; 0 when nothing crashed.

    New inputs that reach new code are kept, so that the next hunt goes on where this one ended.
    """
    known = targets()
    if name not in known:
        raise Failure(f"there is no fuzz target {name}; there are: {', '.join(known)}")
    build("fuzz", [f"fuzz_{name}"])
    return hunt(name, seconds, WORK / name)


def fuzz_all() -> Counts:
    """Builds every target, replays its corpus and fuzzes it shortly; each counts as one test."""
    build("fuzz", ["fuzz_targets"])
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(has_survived, targets()))
    return Counts(passed=outcomes.count(True), failed=outcomes.count(False))


def has_survived(name: str) -> bool:
    """Runs one target on its corpus alone, whatever earlier hunts found; says how it went."""
    found = WORK / "test" / name
    shutil.rmtree(found, ignore_errors=True)
    lines: deque[str] = deque(maxlen=SHOWN_LINES)
    inputs = len(list((CORPUS / name).glob("*")))
    code = hunt(name, SECONDS_EACH, found, seed=SEED, on_line=lines.append)
    runs = runs_of(lines)
    # A target that replayed nothing, or never came to its end, has shown nothing.
    has_survived_all = code == 0 and 0 < inputs <= runs
    if not has_survived_all:
        say("\n".join(lines))
    outcome = f"{inputs} inputs replayed, {runs} runs, ended with {code}"
    say(f"{'ok' if has_survived_all else 'FAIL'} {name}: {outcome}")
    return has_survived_all


def runs_of(lines: Iterable[str]) -> int:
    """How many inputs libFuzzer says it ran; 0 when it did not come to its end."""
    done = [match for match in (re.match(r"Done (\d+) runs", line) for line in lines) if match]
    return int(done[-1][1]) if done else 0


def hunt(
    name: str,
    seconds: int,
    found: Path,
    *,
    seed: int = 0,
    on_line: Callable[[str], None] | None = None,
) -> int:
    """Runs one built target on its corpus and then on new inputs, which are kept in `found`.

    Without a `seed` libFuzzer draws one.
    """
    crashes = WORK / f"{name}-crashes"
    shutil.rmtree(crashes, ignore_errors=True)
    crashes.mkdir(parents=True)
    found.mkdir(parents=True, exist_ok=True)
    program = build_dir("fuzz") / "tests" / "fuzz" / f"fuzz_{name}"
    options = [
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        f"-timeout={INPUT_TIMEOUT_S}",
        f"-artifact_prefix={crashes}/",
    ]
    argv = [program, *options, found, CORPUS / name]
    memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="pixell-fuzz-", dir=memory) as scratch:
        env = {
            # What a target that crashed leaves there goes, too.
            "TMPDIR": scratch,
            # Names and lines in the sanitizers' reports: binutils can tell them as LLVM can.
            "ASAN_SYMBOLIZER_PATH": shutil.which("addr2line") or "",
        }
        code = run(argv, env=env, timeout_s=seconds + 120, on_line=on_line)
    for crash in sorted(crashes.iterdir()):
        say(f"fuzz: crashing input {crash}; copy it to {(CORPUS / name).relative_to(ROOT)}/")
    return code

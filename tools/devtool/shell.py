"""Running other programs with deadlines, and telling the user what happens."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from devtool.paths import ROOT


class Failure(Exception):
    """A failure that is the user's to read: one message, no traceback."""


def say(text: str) -> None:
    """Prints a line about what is going on."""
    print(text, flush=True)


def run(
    argv: Sequence[str | Path],
    *,
    timeout_s: float = 3600,
    env: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
) -> int:
    """Runs a program in the checkout; returns its exit code, 124 when it passed its deadline.

    Its output is ours, or goes line by line to `on_line`. The program leads a group of its own,
    which is ended at the deadline and on Ctrl-C, so that nothing it started stays behind.
    """
    process = subprocess.Popen(
        [str(part) for part in argv],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if on_line else None,
        stderr=subprocess.STDOUT if on_line else None,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    is_late = threading.Event()

    def end_late() -> None:
        is_late.set()
        end_group(process.pid)

    alarm = threading.Timer(timeout_s, end_late)
    alarm.start()
    try:
        if on_line:
            for line in process.stdout:
                on_line(line.rstrip("\n"))
        code = process.wait()
    finally:
        alarm.cancel()
        if process.poll() is None:
            end_group(process.pid)
            process.wait()
    if is_late.is_set():
        say(f"{argv[0]} did not end within {timeout_s:.0f} s and was ended")
        return 124
    return code


def end_group(group: int, grace_s: float = 10) -> None:
    """Asks every process of a group to end, then ends it by force."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)
        deadline = time.monotonic() + grace_s
        while time.monotonic() < deadline:
            os.killpg(group, 0)  # raises once nobody is left
            if is_zombie(group):
                break
            time.sleep(0.05)
        os.killpg(group, signal.SIGKILL)


def is_zombie(pid: int) -> bool:
    """True when the process has ended and only waits for its parent to notice: none of its threads
    is left, so its sockets and files are closed (proc(5): state, num_threads)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return True
    fields = stat.rpartition(")")[2].split()
    return fields[0] in "ZX" and int(fields[17]) <= 1


def must_run(argv: Sequence[str | Path], *, timeout_s: float = 3600) -> None:
    """Runs a program; Failure when it does not end with 0."""
    code = run(argv, timeout_s=timeout_s)
    if code != 0:
        raise Failure(f"{' '.join(str(part) for part in argv[:4])} … ended with {code}")


def output_of(argv: Sequence[str | Path], *, timeout_s: float = 60) -> str:
    """The standard output of a program that must succeed."""
    done = subprocess.run(
        [str(part) for part in argv],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode != 0:
        raise Failure(f"{argv[0]} ended with {done.returncode}")
    return done.stdout

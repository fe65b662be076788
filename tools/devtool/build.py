"""`./dev build`: configures and builds one CMake preset with visible progress."""

import json
import os
import re
import sys
import time
from collections.abc import Sequence

from devtool.paths import ROOT
from devtool.shell import Failure, run, say


def presets() -> list[str]:
    """The presets that can be built."""
    content = json.loads((ROOT / "CMakePresets.json").read_text(encoding="utf-8"))
    return [preset["name"] for preset in content["buildPresets"]]


def build(preset: str = "dev", targets: Sequence[str] = ()) -> None:
    """Brings build/<preset> up to date; Failure when something does not compile."""
    if preset not in presets():
        raise Failure(f"there is no preset {preset}; there are {', '.join(presets())}")
    env = {
        # Clones of this repository share one compiler cache: paths below the root are relative.
        "CCACHE_BASEDIR": os.environ.get("CCACHE_BASEDIR", str(ROOT)),
        "CCACHE_NOHASHDIR": "1",
        "NINJA_STATUS": "[%f/%t %es] ",
    }
    say(f"build: {preset}{' ' + ' '.join(targets) if targets else ''}")
    output: list[str] = []
    if run(["cmake", "--preset", preset], env=env, timeout_s=300, on_line=output.append) != 0:
        say("\n".join(output))
        raise Failure(f"cmake could not configure the preset {preset}")
    compile_all = ["cmake", "--build", "--preset", preset]
    if targets:
        compile_all += ["--target", *targets]
    on_line = None if sys.stdout.isatty() else Progress()
    if run(compile_all, env=env, timeout_s=3000, on_line=on_line) != 0:
        raise Failure(f"the preset {preset} does not build")


class Progress:
    """Passes on a build's output to a log: all of it but the status lines, one of those per 10 s."""

    def __init__(self) -> None:
        self.next_status = time.monotonic() + 10

    def __call__(self, line: str) -> None:
        if re.match(r"\[\d+/\d+ ", line):
            if time.monotonic() < self.next_status:
                return
            self.next_status = time.monotonic() + 10
        say(line)

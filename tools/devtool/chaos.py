"""`./dev chaos`: deploys and kills by the thousand under every kind of request."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from devtool.build import build
from devtool.pac import Pac, free_port
from devtool.paths import DEV_DIR, ROOT
from devtool.shell import say

DEPLOYS = 1000
KILLS = 1000
MINUTES = 240
REPORT = DEV_DIR / "reports" / "chaos.md"


def add_options(command: argparse.ArgumentParser) -> None:
    """How long it goes on: until both counts are reached, or the time is over."""
    command.add_argument("--deploys", type=int, default=DEPLOYS, metavar="N")
    command.add_argument("--kills", type=int, default=KILLS, metavar="N")
    command.add_argument("--minutes", type=float, default=MINUTES, metavar="M")
    command.add_argument("--seed", type=int, default=1, help="decides what is done when")
    command.add_argument("--only", action="append", default=[], metavar="KIND")


def run_chaos(options: argparse.Namespace) -> int:
    """Runs it on a platform of its own, prints and writes the table; 1 when a request was lost that
    must not be."""
    build("release")
    sys.path.insert(0, str(ROOT / "tests"))
    from chaos import soak
    from pixell_testing.stack import use_given_programs

    use_given_programs()
    plan = soak.Plan(
        deploys=options.deploys,
        kills=options.kills,
        seconds=options.minutes * 60,
        seed=options.seed,
        only=tuple(options.only),
    )
    folder = Path(tempfile.mkdtemp(prefix="px-chaos-"))
    pac = Pac(folder / "state", free_port(), home=folder)
    try:
        pac.start()
        verdict = soak.run(pac, plan)
        pac.stop()
    finally:
        pac.kill_all()
        REPORT.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(pac.log, REPORT.with_suffix(".log"))
        shutil.rmtree(folder, ignore_errors=True)
    REPORT.write_text(verdict.table() + "\n", encoding="utf-8")
    say(verdict.table())
    complaints = verdict.complaints()
    for complaint in complaints:
        say(f"chaos: {complaint}")
    say(f"chaos: the table is in {REPORT.relative_to(ROOT)}")
    return 1 if complaints else 0

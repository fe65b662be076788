"""`./dev up --check`: verifies the whole product on a scratch platform, prints ok and FAIL lines."""

import os
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from devtool import check_api, check_par_run, check_resilience, check_rollout, check_surfaces, docker
from devtool.pac import Pac, free_port, wait_until
from devtool.paths import program
from devtool.shell import Failure, say
from devtool.up import APP, example_package

Check = tuple[str, Callable[[], None]]
LOCAL_ONLY = (check_resilience.node_killed,)  # other engines have no node


class Report:
    """Runs checks one after the other; a failed one does not stop the next."""

    def __init__(self) -> None:
        self.failed = 0

    def run(self, what: str, check: Callable[[], object]) -> bool:
        """Prints `ok <what>` or `FAIL <what>: why`."""
        started = time.monotonic()
        try:
            check()
        except Exception as error:  # whatever a check meets is its result, not our end
            self.failed += 1
            why = (
                str(error)
                if isinstance(error, Failure)
                else "".join(traceback.format_exception_only(error))
            )
            say(f"FAIL {what}: {why.strip()}")
            return False
        say(f"ok {what} ({time.monotonic() - started:.1f} s)")
        return True


def run_all() -> int:
    """Everything, on the engine PAC_ENGINE names; 0 when all is well."""
    with docker.engine(program("par").parent) as (engine, env):
        return run_on(engine, env)


def run_on(engine: str, env: Mapping[str, str]) -> int:
    """Everything, on a scratch platform with an engine."""
    scratch = Path(tempfile.mkdtemp(prefix="pixell-"))
    state = Path(os.environ.get("PIXELL_STATE", scratch / "state")).resolve()
    port = int(os.environ.get("PIXELL_PORT", free_port()))
    pac = Pac(state, port, home=scratch, engine=engine, env=env)
    package = example_package(pac.inbox)
    report = Report()
    try:
        if report.run("pac serve starts and GET /healthz answers 200", pac.start):
            check_platform(report, pac, package)
        report.run("par run as the README shows it", lambda: check_par_run.ready_and_stops(package))
    finally:
        report.run("pac serve stops with exit code 0", lambda: check_stop(pac))
        report.run("no process is left", lambda: check_nothing_left(pac))
    if report.failed:
        say(f"check: {report.failed} failed; logs and state are in {scratch}")
        return 1
    remove_tree(scratch)
    return 0


def remove_tree(folder: Path) -> None:
    """Removes a folder, read-only folders of installed dependencies in it as well."""
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(folder)


def check_platform(report: Report, pac: Pac, package: Path) -> None:
    """The checks that need the example deployed, in an order in which none disturbs the next."""
    deployed = "POST /deployments with the example completes"
    if not report.run(deployed, lambda: pac.deploy_and_wait(APP, package, timeout_s=330)):
        say(pac.log_tail(40))
        return
    for module in (check_surfaces, check_api, check_resilience, check_rollout):
        for what, check in module.CHECKS:
            if pac.engine != "local" and check in LOCAL_ONLY:
                continue
            report.run(what, lambda check=check: check(pac, APP))


def check_stop(pac: Pac) -> None:
    """`pac serve` ends by itself when asked."""
    code = pac.stop()
    if code not in (None, 0):
        raise Failure(f"it ended with {code}")


def check_nothing_left(pac: Pac) -> None:
    """Nothing that had to do with the platform runs any more; what does is ended here."""
    try:
        wait_until("all processes are gone", lambda: not pac.leftovers(), 5)
    except Failure:
        left = pac.leftovers()
        pac.kill_all()
        listing = "; ".join(f"{process.pid} {command[:120]}" for process, command in left.items())
        raise Failure(f"still running: {listing}") from None

"""Checks that a new revision replaces the old one without a failed request."""

import time
from pathlib import Path

from devtool import processes
from devtool.apkg import write_apkg
from devtool.check_surfaces import expect
from devtool.load import Load
from devtool.pac import Pac, wait_until
from devtool.shell import Failure

APP = "rollout"

MANIFEST = """\
name: rollout
version: "1.0"
description: Says which version answers
rest:
  entry: rest_routes:mount
"""

ROUTES = """\
import asyncio


def mount(app):
    @app.get("/api/version")
    async def version(delay_ms: int = 0):
        await asyncio.sleep(delay_ms / 1000)
        return {{"version": {version}}}
"""


def version_package(folder: Path, version: int) -> Path:
    """A package whose /api/version answers with the number."""
    empty = folder / "empty"
    empty.mkdir(parents=True, exist_ok=True)
    files = {"agent.yaml": MANIFEST, "rest_routes.py": ROUTES.format(version=version)}
    return write_apkg(empty, folder / f"rollout-{version}.apkg", files)


def two_in_a_row(pac: Pac, _: str) -> None:
    """Two versions in a row under load: no failed request, the old instances end."""
    pac.deploy_and_wait(APP, version_package(pac.inbox, 1))
    pac.keep_cold(APP)
    first = set(pac.live_instances(APP))
    old_pids = [processes.find(item["pid"]) for item in pac.live_instances(APP).values()]

    # Half of the clients ask for slow answers: these are under way at the switch.
    path = f"/agents/{APP}/api/version?delay_ms="
    with Load(pac, [path + "0", path + "150"] * 2) as load:
        wait_until("the load runs", lambda: len(load.answers) > 20, 10)
        for version in (2, 3):
            pac.deploy_and_wait(APP, version_package(pac.inbox, version))
        wait_until("version 3 answers", lambda: load.answers[-1]["version"] == 3, 10)
        time.sleep(0.5)  # requests go on while the old ones drain

    if load.failures:
        raise Failure(
            f"{len(load.failures)} of {len(load.failures) + len(load.answers)} requests failed; "
            f"the first: {load.failures[0]}"
        )
    expect({answer["version"] for answer in load.answers}, {1, 2, 3})
    wait_until("one instance is left", lambda: len(pac.live_instances(APP)) == 1, 45)
    if first & set(pac.live_instances(APP)):
        raise Failure("the instance of the first version is the one that is left")
    if not all(process is None or process.wait_end(10) for process in old_pids):
        raise Failure("the process of the first version still runs")


def broken_version(pac: Pac, _: str) -> None:
    """A version that cannot start fails with a typed cause; the one before keeps serving."""
    before = pac.get(f"/agents/{APP}/api/version").json()
    files = {"agent.yaml": MANIFEST, "rest_routes.py": "import there_is_no_such_module\n"}
    package = write_apkg(pac.inbox / "empty", pac.inbox / "rollout-broken.apkg", files)

    deployment = pac.wait_deployment(pac.deploy(APP, package))

    expect(deployment["status"], "failed")
    if "missing_module" not in str(deployment.get("error")):
        raise Failure(f"the cause is not missing_module: {deployment.get('error')}")
    expect(pac.get(f"/agents/{APP}/api/version").json(), before)


CHECKS = (
    (
        "two versions deployed in a row under load: 0 failed requests, the old ones end",
        two_in_a_row,
    ),
    ("a version that cannot start fails with its cause, the last good one serves", broken_version),
)

"""Control and node are killed at every point that changes something. Whatever was under way comes
to its documented end, nothing is left over, and no request fails."""

from __future__ import annotations

import itertools
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import run_platform
from devtool import processes
from devtool.load import Load
from devtool.pac import Pac, wait_until
from devtool.paths import program
from pixell_testing.crashes import log_size, wait_settled, was_restarted
from pixell_testing.packages import from_files
from pixell_testing.rollouts import MovedApp, canary, plain
from pixell_testing.stack import put

APP = "crashed"
NEIGHBOUR = "neighbour"
PAUSE_S = 0.05
BROKEN = {"agent.yaml": "name: broken\nhttp_server: main:app\n", "main.py": "import not_there\n"}
VERSIONS = itertools.count(1)


class World:
    """A platform with an app to be changed, and one that must not notice."""

    def __init__(self, pac: Pac) -> None:
        self.pac = pac
        self.app = MovedApp(pac, APP, is_patient=True)
        self.neighbour = MovedApp(pac, NEIGHBOUR, is_patient=True)
        for app in (self.app, self.neighbour):
            app.complete(app.deploy(app.package("first")))
        self.app.settings(warm_seconds=0)
        self.app.complete(self.app.deploy(self.app.package("second")))

    def start_with(self, point: str) -> Path:
        """Starts everything anew, to be killed at a point; the file that tells it was reached."""
        marker = self.pac.home / f"{point}-{next(VERSIONS)}.reached"
        self.pac.crash()
        self.pac.env["PIXELL_CRASH_POINT"] = f"{point}@{marker}"
        self.pac.start()
        return marker

    def load(self, *apps: MovedApp) -> Load:
        """Light load; it begins when each app answers."""
        paths = [app.version for app in (self.neighbour, *apps)]
        for path in paths:
            wait_until(f"{path} answers", lambda path=path: self._answers(path), 30)
        return Load(self.pac, paths, pause_s=PAUSE_S)

    def _answers(self, path: str) -> bool:
        try:
            return self.pac.get(path).status == 200
        except OSError:
            return False


@pytest.fixture(scope="module")
def world(scratch: Path) -> Iterator[World]:
    for pac in run_platform(scratch / "crash"):
        yield World(pac)
        pac.env.pop("PIXELL_CRASH_POINT", None)


# ------------------------------------------------------------------------------------- scenarios


def redeploy(world: World) -> None:
    """A new version from a package that is fetched."""
    version = f"v{next(VERSIONS)}"
    with world.load(world.app) as load:
        world.app.complete(world.app.deploy(world.app.package(version)))
        wait_settled(world.pac, {APP: 1, NEIGHBOUR: 1})
    assert load.failures == []
    assert world.pac.get(world.app.version).json()["version"] == version


def redeploy_stored(world: World) -> None:
    """A new revision of a package that is there."""
    newest = world.app.get(f"{world.app.url}/packages?limit=1")["packages"][0]
    with world.load(world.app) as load:
        end = world.app.complete(world.app.deploy(newest["sha256"]))
        wait_settled(world.pac, {APP: 1, NEIGHBOUR: 1})
    assert load.failures == []
    assert world.app.leading() == end["revision"]


def run_canary(world: World) -> None:
    """A canary with one short stage."""
    package = world.app.package(f"v{next(VERSIONS)}")
    with world.load(world.app) as load:
        deployment = world.app.deploy(package, strategy=canary((500, 0)))
        end = world.app.complete(deployment)
        wait_settled(world.pac, {APP: 1, NEIGHBOUR: 1})
    assert load.failures == []
    assert world.app.leading() == end["revision"]


def abort_canary(world: World) -> None:
    """A canary that is aborted in its stage."""
    package = world.app.package(f"v{next(VERSIONS)}")
    before = world.app.traffic()
    with world.load(world.app) as load:
        deployment = world.app.deploy(package, strategy=canary((500, 600)))
        world.app.stage_of(deployment, 0)
        # Its answer may be lost with the process; the word is not.
        world.app.try_once("POST", f"/v1/deployments/{deployment}/abort")
        end = world.app.end_of(deployment)
        wait_settled(world.pac, {APP: 1, NEIGHBOUR: 1})
    assert load.failures == []
    assert (end["state"], end["failure"]["cause"]) == ("rolled_back", "aborted")
    assert world.app.traffic() == before


def roll_back(world: World) -> None:
    """To the revision before, which does not run any more."""
    present = world.app.leading()
    with world.load(world.app) as load:
        end = world.app.complete(world.app.roll_back())
        wait_settled(world.pac, {APP: 1, NEIGHBOUR: 1})
    assert load.failures == []
    assert end["kind"] == "rollback"
    assert world.app.leading() == end["revision"] != present


def fail(world: World) -> None:
    """A version that cannot start."""
    before = world.app.traffic()
    with world.load(world.app) as load:
        end = world.app.end_of(world.app.deploy(put(world.pac, "broken.apkg", from_files(BROKEN))))
        wait_settled(world.pac, {APP: 1, NEIGHBOUR: 1})
    assert load.failures == []
    assert (end["state"], end["failure"]["cause"]) == ("failed", "missing_module")
    assert world.app.traffic() == before


def lose_instance(world: World) -> None:
    """The only instance is killed: another takes its place."""
    (before,) = world.app.wait_instances(1).values()
    process = processes.find(before["pid"])
    with world.load() as load:
        assert process is not None
        process.send(signal.SIGKILL)
        wait_until("it is replaced", lambda: before["id"] not in world.app.instances(), 60)
        wait_settled(world.pac, {APP: 1, NEIGHBOUR: 1})
    assert load.failures == []


def delete(world: World) -> None:
    """Another app is deleted."""
    doomed = MovedApp(world.pac, f"doomed-{next(VERSIONS)}", is_patient=True)
    doomed.complete(doomed.deploy(doomed.package("1")))
    with world.load(world.app) as load:
        assert doomed.ask("DELETE", doomed.url).status in (202, 404)
        wait_until("it is gone", lambda: doomed.ask("GET", doomed.url).status == 404, 60)
        wait_settled(world.pac, {APP: 1, NEIGHBOUR: 1})
    assert load.failures == []
    assert world.pac.get(doomed.version).status == 404


def fill_log(world: World) -> None:
    """More log than one file holds."""
    with world.load(world.app) as load:
        for _ in range(11):
            reply = world.pac.get(f"/agents/{APP}/api/log?kib=1024", timeout_s=60)
            assert reply.status == 200
        marker_of_rotation = world.pac.state / "instances"
        wait_until("it is rotated", lambda: list(marker_of_rotation.glob("*/par.log.1")), 60)
        wait_settled(world.pac, {APP: 1, NEIGHBOUR: 1})
    assert load.failures == []
    redeploy(world)


# ----------------------------------------------------------------------------------------- points

Scenario = Callable[[World], None]
WHERE = ("planned", "begun", "done", "ended")
CONTROL: dict[str, Scenario] = {
    "import_package": redeploy,
    "create_revision": redeploy_stored,
    "start_instance": redeploy,
    "publish_route": redeploy,
    "advance_rollout": run_canary,
    "stop_instance": redeploy,
    "remove_instance": redeploy,
    "complete_deployment": redeploy,
    "fail_deployment": fail,
    "remove_app": delete,
}
NODE: dict[str, tuple[Scenario, tuple[str, ...]]] = {
    "ensure": (redeploy, ("asked", "made", "recorded", "started", "done")),
    "stop": (redeploy, ("asked", "recorded", "signalled")),
    "end": (redeploy, ("seen", "recorded")),
    "remove": (redeploy, ("asked", "ungrouped", "moved", "done")),
    # Reached while the node starts.
    "adoption": (redeploy, ("begun", "halfway", "done")),
    "rotation": (fill_log, ("copied", "recorded", "renamed", "emptied")),
}
POINTS = [
    *((f"control.{step}.{where}", CONTROL[step]) for step in CONTROL for where in WHERE),
    *((f"node.{step}.{where}", NODE[step][0]) for step in NODE for where in NODE[step][1]),
]
# The same points on other ways to them.
OTHER_WAYS: list[tuple[str, Scenario]] = [
    ("control.start_instance.begun", lose_instance),
    ("control.start_instance.done", roll_back),
    ("control.publish_route.begun", abort_canary),
    ("control.publish_route.done", roll_back),
    ("control.fail_deployment.begun", abort_canary),
    ("control.publish_route.begun", delete),
    ("control.remove_instance.done", fail),
    ("node.ensure.started", lose_instance),
    ("node.end.seen", lose_instance),
    ("node.remove.moved", delete),
]
# Points that no scenario of a whole platform gets to, with the reason; none today.
UNREACHABLE: dict[str, str] = {}


def test_every_point_is_listed() -> None:
    printed = subprocess.run(
        [str(program("pac")), "crash-points"], check=True, capture_output=True, text=True
    ).stdout.split()
    ours = {point for point in printed if point.startswith(("control.", "node."))}

    assert {point for point, _ in POINTS} | UNREACHABLE.keys() == ours


@pytest.mark.parametrize(
    ("point", "scenario"),
    [pytest.param(*each, id=f"{each[0]}-{each[1].__name__}") for each in POINTS + OTHER_WAYS],
)
def test_a_kill_harms_nobody(world: World, point: str, scenario: Scenario) -> None:
    since = log_size(world.pac)
    marker = world.start_with(point)

    scenario(world)

    assert marker.exists(), f"{point} was not reached"
    assert was_restarted(world.pac, point.partition(".")[0], since)


# ------------------------------------------------------------------------------- everything at once


@pytest.mark.parametrize("step", ["accepted", "start_instance", "route_traffic"])
def test_everything_killed_in_the_middle_of_a_deployment(world: World, step: str) -> None:
    version = f"v{next(VERSIONS)}"
    deployment = world.app.deploy(world.app.package(version))

    def has_come_to_it() -> bool:
        now = world.app.deployment(deployment)
        at = {each["name"]: each["status"] for each in now["steps"]}
        return at.get(step, "completed") != "pending"

    wait_until(f"it is at {step}", has_come_to_it, 60)
    world.pac.env.pop("PIXELL_CRASH_POINT", None)
    world.pac.crash()
    world.pac.start()

    world.app.complete(deployment)
    with world.load(world.app) as load:
        wait_settled(world.pac, {APP: 1, NEIGHBOUR: 1})
    assert load.failures == []
    assert world.pac.get(world.app.version).json()["version"] == version


@pytest.mark.parametrize("seconds", [2, 3600])
def test_everything_killed_in_the_middle_of_a_canary(world: World, seconds: int) -> None:
    package = put(world.pac, "middle.apkg", plain(f"v{next(VERSIONS)}"))
    deployment = world.app.deploy(package, strategy=canary((500, seconds)))
    revision = world.app.stage_of(deployment, 0)["revision"]
    world.pac.env.pop("PIXELL_CRASH_POINT", None)
    world.pac.crash()
    world.pac.start()

    if seconds > 60:
        assert world.app.stage_of(deployment, 0)["rollout"]["stage"] == 0
        world.app.command(deployment, "promote")
    world.app.complete(deployment)
    with world.load(world.app) as load:
        wait_settled(world.pac, {APP: 1, NEIGHBOUR: 1})
    assert load.failures == []
    assert world.app.leading() == revision

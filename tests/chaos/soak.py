"""Deploys, kills and load at the same time."""

from __future__ import annotations

import collections
import dataclasses
import threading
import time

from devtool.pac import Pac, wait_until
from devtool.shell import say
from pixell_testing.crashes import wait_settled
from pixell_testing.rollouts import MovedApp

from . import changes
from .incidents import Incident, Mischief
from .traffic import Clients, Recorder
from .verdict import DEPLOYS, Verdict, judge

APP = "chaos"
INSTANCES = 2
# Between two incidents, so that some requests begin and end without one.
PEACE_S = 0.3
TELL_EVERY_S = 30


@dataclasses.dataclass(frozen=True)
class Plan:
    """It ends when both counts are reached, or when the time is over."""

    deploys: int
    kills: int
    seconds: float
    seed: int = 1
    # What may be done (incidents.Mischief.kinds()); empty = everything.
    only: tuple[str, ...] = ()


class Deployer:
    """Changes the app, one change after the other, in a thread of its own."""

    def __init__(self, app: MovedApp, plan: Plan) -> None:
        self._app = app
        self._plan = plan
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.ends: collections.Counter[str] = collections.Counter()
        self.error: BaseException | None = None

    @property
    def count(self) -> int:
        return sum(self.ends.values())

    def is_done(self) -> bool:
        """Whether nothing more comes from it."""
        return self.error is not None or self.count >= self._plan.deploys

    def __enter__(self) -> Deployer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            for number in range(self._plan.deploys):
                if self._is_over.is_set():
                    return
                end = self._app.end_of(changes.begin(self._app, number))
                if changes.is_broken(number):
                    assert end["state"] == "failed", end
                    self.ends["failed as they should"] += 1
                else:
                    # One whose instance is killed while it starts may fail; it ends all the same.
                    self.ends[end["state"]] += 1
        except BaseException as error:
            self.error = error


def run(pac: Pac, plan: Plan) -> Verdict:
    """Does all of the plan to a platform that runs; raises when it does not get well again."""
    app = MovedApp(pac, APP, is_patient=True)
    app.complete(app.deploy(changes.package(pac, "first")))
    app.settings(instances=INSTANCES, warm_seconds=0)
    app.wait_instances(INSTANCES)
    clients = Clients(pac, APP)
    mischief = Mischief(pac, app, plan.seed, plan.only)
    incidents: list[Incident] = []
    began = time.monotonic()
    with clients.recorded() as load:
        wait_until("the load runs", lambda: len(load.answers) == 7, 60)
        with Deployer(app, plan) as deployer:
            incidents = do_all(mischief, deployer, plan, load)
        app.wait_instances(INSTANCES)
    clients.close()
    if deployer.error:
        raise deployer.error
    seconds = time.monotonic() - began
    wait_settled(pac, {APP: INSTANCES})
    rows = judge(incidents, load.failures)
    rows[DEPLOYS].times = deployer.count
    return Verdict(rows, dict(load.answers), dict(deployer.ends), seconds, plan.seed)


def do_all(
    mischief: Mischief, deployer: Deployer, plan: Plan, load: Recorder
) -> list[Incident]:
    """One incident after the other while the deployer deploys."""
    incidents: list[Incident] = []
    began = told_at = time.monotonic()
    while time.monotonic() - began < plan.seconds:
        if len(incidents) >= plan.kills and deployer.is_done():
            break
        if len(incidents) < plan.kills:
            # Each kind once before chance decides.
            kinds = mischief.kinds()
            kind = kinds[len(incidents)] if len(incidents) < len(kinds) else mischief.draw()
            incidents.append(mischief.do(kind))
        if deployer.error:
            break
        if time.monotonic() - told_at > TELL_EVERY_S:
            told_at = time.monotonic()
            answers = sum(load.answers.values())
            say(
                f"chaos: {deployer.count} deploys, {len(incidents)} incidents, {answers} answers, "
                f"{len(load.failures)} requests lost"
            )
        time.sleep(PEACE_S)
    return incidents

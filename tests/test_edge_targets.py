"""Instances that die, hang, restart, come and go under load: what may be served elsewhere or later is."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import run_platform
from devtool import processes
from devtool.load import Load, ask
from devtool.pac import Pac, wait_until
from pixell_testing.packages import AGENTS, build
from pixell_testing.rollouts import DEADLINE_S, PLAIN_MANIFEST, MovedApp
from pixell_testing.stack import put

APP = "targets"
PAUSE_S = 0.02
# What load() has.
CLIENTS = 3
# As src/edge/limits.hpp has them.
PARKING_S = 10
# What the edge needs to find a par that does not answer: a turn of probes, and two that time out.
DETECTION_S = 15


@pytest.fixture(scope="module")
def app(scratch: Path) -> Iterator[MovedApp]:
    """An app whose instances the tests end."""
    for pac in run_platform(scratch / "targets"):
        app = MovedApp(pac, APP)
        app.complete(app.deploy(app.package("a")))
        app.settings(warm_seconds=0)
        yield app


def load(app: MovedApp) -> Load:
    """Safe requests, short ones and some that take a while."""
    paths = [app.version, app.version, f"{app.version}?delay_ms=200"]
    return Load(app.pac, paths, pause_s=PAUSE_S)


def scale(app: MovedApp, count: int) -> list[dict]:
    """So many instances, all of them ready and routed."""
    app.settings(instances=count)
    instances = list(app.wait_instances(count).values())
    wait_until("the edge has them", lambda: leg_of(app)["targets"] == count, DEADLINE_S)
    return instances


def pids_of(requests: Load) -> set[int]:
    """The instances' workers that have answered."""
    return {answer["pid"] for answer in list(requests.answers)}


def leg_of(app: MovedApp) -> dict:
    """The leg with all the traffic, as the edge sees it."""
    legs = app.pac.get(f"/v1/edge/explain?url={app.version}").json()["legs"]
    return next(leg for leg in legs if leg["weight_permille"] == 1000)


def out_of_rotation(app: MovedApp) -> int:
    """How many instances get no requests because they fail."""
    return sum(each["ejected"] or each["unhealthy"] for each in leg_of(app)["instances"])


def process_of(instance: dict) -> processes.Process:
    process = processes.find(instance["pid"])
    assert process is not None
    return process


def workers_of(pac: Pac, instance: dict) -> list[processes.Process]:
    """The processes that a par started."""
    family = pac.leftovers()
    return [each for each in family if processes.stat_field(each.pid, 4) == instance["pid"]]


def check_none_lost(requests: Load) -> None:
    """Each was answered, but for what a client was just reading when a process was killed."""
    assert requests.lost == []
    assert len(requests.failures) <= CLIENTS, requests.failures


def wait_replaced(app: MovedApp, count: int, gone: dict) -> None:
    """Waits until all instances are ready and the one that is gone is not among them."""

    def is_replaced() -> bool:
        return gone["id"] not in app.instances() and len(app.wait_instances(count)) == count

    wait_until("the instance is replaced", is_replaced, DEADLINE_S)


def test_a_killed_instance_costs_no_request(app: MovedApp) -> None:
    instances = scale(app, 2)

    with load(app) as requests:
        wait_until("both answer", lambda: len(pids_of(requests)) == 2, DEADLINE_S)
        process_of(instances[0]).send(signal.SIGKILL)
        wait_replaced(app, 2, instances[0])

    check_none_lost(requests)


def test_the_only_instance_is_waited_for(app: MovedApp) -> None:
    (only,) = scale(app, 1)

    with load(app) as requests:
        process_of(only).send(signal.SIGKILL)
        wait_replaced(app, 1, only)

    check_none_lost(requests)


def test_a_restarted_worker_costs_no_safe_request(app: MovedApp) -> None:
    instances = scale(app, 2)
    doomed = workers_of(app.pac, instances[0])
    assert doomed

    with load(app) as requests:
        for worker in doomed:
            worker.send(signal.SIGKILL)
        assert all(worker.wait_end(10) for worker in doomed)
        wait_until("it is up again", lambda: workers_of(app.pac, instances[0]), DEADLINE_S)
        wait_until("all are in rotation", lambda: not out_of_rotation(app), DEADLINE_S)

    check_none_lost(requests)
    assert set(app.instances()) == {each["id"] for each in instances}


def test_a_stopped_instance_leaves_the_rotation_and_comes_back(app: MovedApp) -> None:
    instances = scale(app, 2)
    stopped = process_of(instances[0])

    with load(app) as requests:
        stopped.send(signal.SIGSTOP)
        try:
            wait_until("it is out", lambda: out_of_rotation(app) == 1, DETECTION_S)
            begun = time.monotonic()
            for _ in range(20):
                ask(app.pac, app.version)
            took_s = time.monotonic() - begun
        finally:
            stopped.send(signal.SIGCONT)
        wait_until("it is back", lambda: not out_of_rotation(app), DEADLINE_S)

    assert took_s < 10, "a request was sent to an instance that does not answer"
    assert requests.failures == []


def test_scaling_costs_no_request(app: MovedApp) -> None:
    with load(app) as requests:
        for count in (1, 3, 2, 1):
            scale(app, count)

    assert requests.failures == []


def begin(app: MovedApp, boot_s: float) -> None:
    """Deploys an agent that takes so long to start, until the edge knows the app."""
    settings = f"import time\n\ntime.sleep({boot_s})\nVERSION, FAIL_EVERY, DELAY_MS = 'a', 0, 0\n"
    package = build(AGENTS / "plain_asgi", {"settings.py": settings, "agent.yaml": PLAIN_MANIFEST})
    app.deploy(put(app.pac, f"{app.name}.apkg", package))
    explain = f"/v1/edge/explain?url={app.version}"
    wait_until(
        "the edge knows it", lambda: app.pac.get(explain).json()["goes_to"] == "no_target", DEADLINE_S
    )


def test_a_first_request_waits_for_the_boot(app: MovedApp) -> None:
    booting = MovedApp(app.pac, "booting")
    begin(booting, 2)

    assert ask(app.pac, booting.version)["version"] == "a"


def test_who_waits_too_long_is_told_so_and_others_at_once(app: MovedApp) -> None:
    slow = MovedApp(app.pac, "slow")
    begin(slow, 3 * PARKING_S)
    begun = time.monotonic()

    late = app.pac.get(slow.version, timeout_s=3 * PARKING_S)
    waited_s = time.monotonic() - begun
    next_one = app.pac.get(slow.version)

    assert late.status == next_one.status == 503
    assert late.headers["retry-after"] == next_one.headers["retry-after"] == "1"
    assert waited_s > PARKING_S / 2
    assert "no ready instance" in late.json()["detail"]
    assert "look at its instances" in next_one.json()["detail"]

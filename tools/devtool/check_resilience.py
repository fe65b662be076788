"""Checks that killing the control plane hurts nobody."""

import signal
import time

from devtool.check_surfaces import HELLO, expect, expect_status
from devtool.pac import Pac, wait_until
from devtool.shell import Failure
from devtool.up import example_package

TRIES = 5


def pids(pac: Pac, app: str) -> dict[str, int]:
    """The pid of each live instance of an app, by instance id."""
    return {name: instance["pid"] for name, instance in pac.live_instances(app).items()}


def kill_role(pac: Pac, name: str) -> None:
    """SIGKILL to a role; Failure when it is not there."""
    process = pac.role(name)
    if process is None:
        raise Failure(f"{pac.state}/run/{name}.pid names no running process")
    process.send(signal.SIGKILL)
    if not process.wait_end(5):
        raise Failure(f"{name} (pid {process.pid}) survived SIGKILL")


def wait_role(pac: Pac, name: str) -> None:
    """Waits until the supervisor has started a role again and the API answers."""

    def is_back() -> bool:
        process = pac.role(name)
        return process is not None and process.is_running() and pac.is_healthy()

    wait_until(f"pac {name} is back", is_back, 15)


def control_killed(pac: Pac, app: str) -> None:
    """While control is away: agents answer, the API gives 503 as a problem; then it is back."""
    before = pids(pac, app)
    for _ in range(TRIES):
        # Its restart takes a moment only: look at once, and again when we were too slow.
        kill_role(pac, "control")
        reply = pac.get(f"/v1/apps/{app}", timeout_s=5)
        expect_status(pac.get(f"/agents/{app}{HELLO}", timeout_s=5), 200)
        wait_role(pac, "control")
        if reply.status == 503:
            break
    else:
        raise Failure(f"the API never answered 503 in {TRIES} kills; the last was {reply.status}")
    expect(reply.headers.get("content-type"), "application/problem+json")
    expect(reply.json().get("status"), 503)
    expect(pids(pac, app), before)


def deploys_again(pac: Pac, app: str) -> None:
    """After a kill in the middle of nothing, a new app deploys and the old one is untouched."""
    before = pids(pac, app)
    package = example_package(pac.inbox)
    pac.deploy_and_wait("after-the-kill", package)
    expect_status(pac.get(f"/agents/after-the-kill{HELLO}"), 200)
    expect(pids(pac, app), before)


def role_killed(pac: Pac, app: str, name: str) -> None:
    """A role that is killed comes back; the agent answers again with the same instances."""
    before = pids(pac, app)
    kill_role(pac, name)
    wait_role(pac, name)

    def answers() -> bool:
        try:
            return pac.get(f"/agents/{app}{HELLO}", timeout_s=5).status == 200
        except OSError:
            return False

    wait_until("the agent answers", answers, 15)
    deadline = time.monotonic() + 15
    while (now := pids(pac, app)) != before:
        if time.monotonic() > deadline:
            raise Failure(f"the instances changed from {before} to {now}")
        time.sleep(0.1)


def edge_killed(pac: Pac, app: str) -> None:
    role_killed(pac, app, "edge")


def node_killed(pac: Pac, app: str) -> None:
    role_killed(pac, app, "node")


CHECKS = (
    ("kill -9 of control: agents answer, the API is 503, control comes back", control_killed),
    ("control deploys again, other instances keep their pids", deploys_again),
    ("kill -9 of edge: it comes back, same instances", edge_killed),
    ("kill -9 of node: it comes back and adopts the same instances", node_killed),
)

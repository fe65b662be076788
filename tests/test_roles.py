"""Each role may be killed at any moment: agents keep answering, and everything comes back."""

from __future__ import annotations

import signal

import pytest

from devtool import processes
from devtool.load import Load
from devtool.pac import Pac, wait_until
from pixell_testing.clients import agent_of
from pixell_testing.packages import build, source, versioned
from pixell_testing.stack import put

APP = "survivor"
VERSION = f"/agents/{APP}/api/version"
BACK_DEADLINE_S = 30


@pytest.fixture(scope="module")
def served(own_pac: Pac) -> dict:
    """The app of these tests, deployed once; what it answers."""
    own_pac.deploy_and_wait(APP, put(own_pac, "survivor.apkg", versioned("1")))
    own_pac.deploy_and_wait("grpc", put(own_pac, "grpc.apkg", build(source("full_servicer"))))
    return own_pac.get(VERSION).json()


def kill(pac: Pac, role: str) -> processes.Process:
    """SIGKILL to a role; the process it was."""
    process = pac.role(role)
    assert process is not None, f"there is no {role}"
    process.send(signal.SIGKILL)
    assert process.wait_end(10)
    return process


def wait_back(pac: Pac, role: str, before: processes.Process) -> None:
    """Waits until a role runs as another process and the API answers."""

    def is_back() -> bool:
        now = pac.role(role)
        return now is not None and now != before and now.is_running() and pac.is_healthy()

    wait_until(f"{role} is back", is_back, BACK_DEADLINE_S)


def answer(pac: Pac) -> dict | None:
    """What the agent says, None when nobody answers."""
    try:
        reply = pac.get(VERSION, timeout_s=10)
    except OSError:
        return None
    return reply.json() if reply.status == 200 else None


def instances(pac: Pac) -> dict[str, int]:
    """The pids of the app's instances by id."""
    return {name: instance["pid"] for name, instance in pac.live_instances(APP).items()}


def test_agents_answer_while_control_is_away(own_pac: Pac, served: dict) -> None:
    before = instances(own_pac)
    codes = []

    with Load(own_pac, [VERSION] * 2) as load:
        for _ in range(5):
            # Its restart takes a moment only: ask at once, and again when that was too late.
            killed = kill(own_pac, "control")
            away = own_pac.get(f"/v1/apps/{APP}", timeout_s=10)
            codes.append(away.status)
            wait_back(own_pac, "control", killed)
            if away.status == 503:
                break

    assert load.failures == []
    assert load.answers[-1] == served
    assert codes[-1] == 503, codes
    assert away.headers["content-type"].startswith("application/problem+json")
    assert away.json()["status"] == 503
    assert instances(own_pac) == before


def test_control_deploys_again_after_a_kill(own_pac: Pac, served: dict) -> None:
    before = instances(own_pac)
    wait_back(own_pac, "control", kill(own_pac, "control"))

    own_pac.deploy_and_wait("newcomer", put(own_pac, "newcomer.apkg", versioned("n")))

    assert own_pac.get("/agents/newcomer/api/version").json()["version"] == "n"
    assert instances(own_pac) == before


def test_a_deployment_survives_the_kill_of_control(own_pac: Pac, served: dict) -> None:
    package = put(own_pac, "midway.apkg", versioned("m"))

    deployment = own_pac.deploy("midway", package)
    wait_back(own_pac, "control", kill(own_pac, "control"))

    assert own_pac.wait_deployment(deployment)["status"] == "completed"
    assert own_pac.get("/agents/midway/api/version").json()["version"] == "m"
    assert len(own_pac.live_instances("midway")) == 1


def test_the_edge_comes_back(own_pac: Pac, served: dict) -> None:
    killed = kill(own_pac, "edge")

    wait_back(own_pac, "edge", killed)
    wait_until("the agent answers", lambda: answer(own_pac) == served, BACK_DEADLINE_S)

    assert agent_of(own_pac, "grpc").call("Ping")["message"] == "pong"


def test_the_edge_routes_without_control(own_pac: Pac, served: dict) -> None:
    control = own_pac.role("control")
    assert control is not None
    control.send(signal.SIGSTOP)
    try:
        killed = kill(own_pac, "edge")
        wait_until("the agent answers", lambda: answer(own_pac) == served, BACK_DEADLINE_S)
        assert own_pac.role("edge") != killed
    finally:
        control.send(signal.SIGCONT)
    wait_until("the API answers", own_pac.is_healthy, BACK_DEADLINE_S)


def test_the_node_adopts_its_instances(own_pac: Pac, served: dict) -> None:
    before = instances(own_pac)

    with Load(own_pac, [VERSION] * 2) as load:
        killed = kill(own_pac, "node")
        wait_back(own_pac, "node", killed)

    assert load.failures == []
    assert load.answers[-1] == served
    wait_until("the same instances", lambda: instances(own_pac) == before, BACK_DEADLINE_S)
    own_pac.deploy_and_wait("after-node", put(own_pac, "after.apkg", versioned("a")))
    assert instances(own_pac) == before


def test_an_instance_that_dies_is_replaced(own_pac: Pac, served: dict) -> None:
    ((name, pid),) = instances(own_pac).items()
    process = processes.find(pid)
    assert process is not None

    process.send(signal.SIGKILL)

    def is_replaced() -> bool:
        now = answer(own_pac)
        return now is not None and now["pid"] != served["pid"]

    wait_until("another process answers", is_replaced, 60)
    wait_until("one instance", lambda: len(instances(own_pac)) == 1, 60)
    assert name not in instances(own_pac) or instances(own_pac)[name] != pid


def test_agents_outlive_everything_and_are_adopted(own_pac: Pac, served: dict) -> None:
    before = instances(own_pac)
    said = answer(own_pac)
    gone = [own_pac.role(role) for role in ("serve", "control", "edge", "node")]

    for process in gone:
        assert process is not None
        process.send(signal.SIGKILL)
    assert all(process.wait_end(10) for process in gone if process)
    own_pac.stop()
    assert all(processes.find(pid) for pid in before.values())
    own_pac.start()

    wait_until("the agent answers", lambda: answer(own_pac) == said, BACK_DEADLINE_S)
    wait_until("the same instances", lambda: instances(own_pac) == before, BACK_DEADLINE_S)

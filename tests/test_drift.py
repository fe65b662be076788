"""What runs drifts from what should: instances hang, die or are ended behind Pixell's back. Each is
noticed, told with its cause and put right, and the agent answers again."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import run_platform
from devtool import processes
from devtool.pac import Pac, wait_until
from pixell_testing.packages import versioned
from pixell_testing.stack import put

APP = "drifter"
VERSION = f"/agents/{APP}/api/version"
DEADLINE_S = 60
# A silent par is found after some seconds here instead of a quarter of a minute.
OFTEN = {"PIXELL_PROBE_INTERVAL_MS": "250", "PIXELL_PROBE_TIMEOUT_MS": "1000"}


@pytest.fixture(scope="module")
def platform(scratch: Path) -> Iterator[Pac]:
    """A platform that asks its instances often, with the app of these tests."""
    for pac in run_platform(scratch / "drift", env=OFTEN):
        pac.deploy_and_wait(APP, put(pac, "drifter.apkg", versioned("1")))
        yield pac


def ready_instance(pac: Pac) -> dict:
    """The one instance that is ready."""

    def find() -> dict | None:
        instances = pac.live_instances(APP).values()
        return next((each for each in instances if each["phase"] == "ready"), None)

    return wait_until("an instance is ready", find, DEADLINE_S)


def wait_replaced(pac: Pac, before: dict) -> dict:
    """Waits until another instance has the place of `before` and answers; returns it."""

    def answers() -> bool:
        try:
            return pac.get(VERSION, timeout_s=5).status == 200
        except OSError:
            return False

    def replacement() -> dict | None:
        now = ready_instance(pac)
        return now if now["id"] != before["id"] and answers() else None

    after = wait_until("another instance answers", replacement, DEADLINE_S)
    wait_until("one instance is left", lambda: len(pac.app(APP)["instances"]) == 1, DEADLINE_S)
    assert pac.get(VERSION).json()["version"] == "1"
    return after


def ended_lines(pac: Pac, instance: str) -> list[dict]:
    """What the node said of an instance's end."""
    lines = pac.log.read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines if '"Instance ended"' in line]
    return [line for line in found if line["instance"] == instance]


def par_of(instance: dict) -> processes.Process:
    process = processes.find(instance["pid"])
    assert process is not None
    return process


def test_a_killed_par_is_replaced_and_its_cause_told(platform: Pac) -> None:
    before = ready_instance(platform)

    par_of(before).send(signal.SIGKILL)

    wait_replaced(platform, before)
    (ended,) = ended_lines(platform, before["id"])
    assert ended["cause"] == "signalled"
    assert ended["exit_signal"] == signal.SIGKILL


def test_a_par_that_answers_no_more_is_replaced_and_its_cause_told(platform: Pac) -> None:
    # An instance that follows an early death is replaced after a pause, in which it is shown.
    first = ready_instance(platform)
    par_of(first).send(signal.SIGKILL)
    before = wait_replaced(platform, first)
    family = platform.leftovers()
    workers = [each for each in family if processes.stat_field(each.pid, 4) == before["pid"]]
    assert workers

    par_of(before).send(signal.SIGSTOP)

    def failed() -> dict | None:
        shown = platform.app(APP)["instances"]
        return next(
            (each for each in shown if each["id"] == before["id"] and each["phase"] == "failed"),
            None,
        )

    failure = wait_until("the API tells the failure", failed, DEADLINE_S)["boot_report"]["failure"]
    assert failure["cause"] == "unresponsive"
    assert "3 health probes in a row" in failure["message"]
    assert any("Runtime ready" in line for line in failure["evidence"]), failure["evidence"]
    assert failure["remedy"]
    wait_replaced(platform, before)
    assert all(worker.wait_end(10) for worker in workers), "its agent still runs"
    # Why it failed can be read after it has gone; its own questions are not in it.
    log = platform.get(f"/v1/instances/{before['id']}/logs")
    assert log.status == 200
    assert "Runtime ready" in log.text
    assert '"url":"/health"' not in log.text.replace(" ", "")


def test_an_instance_without_its_socket_is_replaced(platform: Pac) -> None:
    before = ready_instance(platform)

    Path(before["address"].removeprefix("unix:")).unlink()

    wait_replaced(platform, before)
    (ended,) = ended_lines(platform, before["id"])
    assert ended["cause"] == "unresponsive"


def test_an_instance_that_was_stopped_behind_our_back_is_replaced(platform: Pac) -> None:
    before = ready_instance(platform)

    reply = ask_node(platform, f"/instances/{before['id']}/stop", {"grace_ms": 1000})

    assert reply.startswith("HTTP/1.1 200"), reply
    wait_replaced(platform, before)
    (ended,) = ended_lines(platform, before["id"])
    assert ended["exit_code"] == 0
    assert ended["cause"] == "none"


def ask_node(pac: Pac, target: str, body: dict) -> str:
    """POSTs to the node's own socket, as only root can; the whole reply."""
    payload = json.dumps(body)
    request = f"POST {target} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n"
    request += f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n{payload}"
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(pac.state / "run" / "node.sock"))
        client.sendall(request.encode())
        return b"".join(iter(lambda: client.recv(65536), b"")).decode()


def test_a_busy_agent_is_left_alone(platform: Pac) -> None:
    before = ready_instance(platform)

    # Longer than three questions take without an answer.
    assert platform.get(f"{VERSION}?delay_ms=5000", timeout_s=30).status == 200

    assert ready_instance(platform)["id"] == before["id"]

"""Upgrades, kills and hangs of Pixell's own processes under requests of every kind."""

from __future__ import annotations

import http.client
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.traffic import Clients, Recorder
from conftest import run_platform
from devtool import processes
from devtool.load import Calls
from devtool.pac import Pac, wait_until
from devtool.paths import program
from pixell_testing.rollouts import MovedApp, plain
from pixell_testing.stack import put

APP = "steady"
EDGE_KILLS = 20
# How long an edge that was killed may be away.
AWAY_LIMIT_S = 1.0
HUNG_DEADLINE_S = 40
KEPT_CONNECTIONS = 4
KINDS = {"short", "slow", "json_rpc", "unary", "web_socket", "events", "streaming"}


@pytest.fixture(scope="module")
def pac(scratch: Path) -> Iterator[Pac]:
    """A platform with the app."""
    for pac in run_platform(scratch / "steady"):
        app = MovedApp(pac, APP)
        app.complete(app.deploy(put(pac, "steady.apkg", plain("1", has_grpc=True))))
        yield pac


def running(pac: Pac, role: str) -> processes.Process:
    """The process of a role."""
    process = pac.role(role)
    assert process is not None, f"there is no {role}"
    return process


def wait_loaded(load: Recorder) -> None:
    """Until each kind of call was answered once more."""
    before = dict(load.answers)
    wait_until(
        "every kind is answered",
        lambda: all(load.answers.get(kind, 0) > before.get(kind, 0) for kind in KINDS),
        60,
    )


class KeptConnection:
    """A client that keeps its connection between requests, as long as the server lets it."""

    def __init__(self, pac: Pac) -> None:
        self._connection = http.client.HTTPConnection(pac.address, timeout=30)

    def ask(self) -> int:
        """The status of an answer, which is 200."""
        try:
            self._connection.request("GET", f"/agents/{APP}/api/version")
            reply = self._connection.getresponse()
            reply.read()
        except Exception:
            self._connection.close()
            raise
        assert reply.status == 200, reply.status
        return reply.status


def kept_connections(pac: Pac) -> Calls:
    """Clients with a connection each, one request after the other."""
    calls = [("kept", KeptConnection(pac).ask) for _ in range(KEPT_CONNECTIONS)]
    return Calls(calls, pause_s=0.01)


@pytest.mark.timeout(300)
def test_an_upgrade_loses_nothing(pac: Pac, tmp_path: Path) -> None:
    for name in ("pac", "par", "par-prepare", "par-telemetry"):
        shutil.copy(program(name), tmp_path / name)
    before = {role: running(pac, role) for role in ("serve", "control", "edge", "node")}
    clients = Clients(pac, APP)

    with clients.recorded() as load, kept_connections(pac) as kept:
        wait_loaded(load)
        for target in ([], ["--program", str(tmp_path / "pac")], ["--program", str(program("pac"))]):
            done = pac.upgrade(*target)
            assert (done.returncode, done.stdout) == (0, "upgraded\n"), done.stderr
            wait_loaded(load)
    clients.close()

    assert load.failures == []
    assert kept.failures == []
    assert len(kept.answers) > 100
    assert running(pac, "serve") == before["serve"], "the same process"
    for role in ("control", "edge", "node"):
        assert running(pac, role) != before[role], role
    assert not before["control"].is_running()
    wait_until("the old edge has drained", lambda: not before["edge"].is_running(), 120)


def test_a_program_that_does_not_work_replaces_nothing(pac: Pac, tmp_path: Path) -> None:
    before = {role: running(pac, role) for role in ("serve", "control", "edge", "node")}
    broken = tmp_path / "pac"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o700)

    without_par = pac.upgrade("--program", str(broken))
    shutil.copy(program("par"), tmp_path / "par")
    failing = pac.upgrade("--program", str(broken))

    assert without_par.returncode == 1
    assert "par is not there" in without_par.stderr
    assert failing.returncode == 1
    assert "ended with code 3" in failing.stderr
    assert {role: running(pac, role) for role in before} == before
    assert pac.is_healthy()


@pytest.mark.timeout(300)
def test_a_killed_edge_is_back_at_once_and_nobody_new_is_lost(pac: Pac) -> None:
    clients = Clients(pac, APP)
    kills: list[float] = []
    away: list[float] = []

    with clients.recorded() as load:
        wait_loaded(load)
        for _ in range(EDGE_KILLS):
            running(pac, "edge").send(signal.SIGKILL)
            kills.append(time.monotonic())
            # Made while it is away: it waits in the backlog.
            assert pac.get(f"/agents/{APP}/api/version", timeout_s=10).status == 200
            away.append(time.monotonic() - kills[-1])
            time.sleep(1)  # some requests get under way between two kills
        wait_loaded(load)
    clients.close()

    lost = [
        failure
        for failure in load.failures
        if not any(failure.was_cut(at, at) for at in kills)
    ]
    assert lost == []
    assert [failure for failure in load.failures if not failure.is_typed] == []
    assert max(away) < AWAY_LIMIT_S, away
    print("edge away, s:", [round(each, 3) for each in sorted(away)])


@pytest.mark.timeout(300)
def test_nobody_notices_that_serve_is_killed(pac: Pac) -> None:
    before = {role: running(pac, role) for role in ("control", "edge", "node")}
    clients = Clients(pac, APP)

    with clients.recorded() as load, kept_connections(pac) as kept:
        wait_loaded(load)
        running(pac, "serve").send(signal.SIGKILL)
        wait_loaded(load)
        assert {role: running(pac, role) for role in before} == before, "they outlive it"
        pac.start()
        wait_until(
            "every role is replaced",
            lambda: not any(before[role].is_running() for role in ("control", "node")),
            30,
        )
        wait_loaded(load)
    clients.close()

    assert load.failures == []
    assert kept.failures == []


def test_connections_wait_for_serve_and_edge_together(pac: Pac) -> None:
    for role in ("serve", "edge"):
        running(pac, role).send(signal.SIGKILL)
    replies = []
    waiting = threading.Thread(
        target=lambda: replies.append(pac.get(f"/agents/{APP}/api/version", timeout_s=30).status)
    )
    waiting.start()

    pac.start()
    waiting.join()

    assert replies == [200]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("role", ["edge", "node", "control"])
def test_a_role_that_hangs_is_restarted(pac: Pac, role: str) -> None:
    wait_until("it is there", lambda: pac.role(role), 30)
    hung = running(pac, role)

    hung.send(signal.SIGSTOP)
    wait_until("it is killed", lambda: not hung.is_running(), HUNG_DEADLINE_S)

    wait_until("another one is there", lambda: pac.role(role) not in (None, hung), 30)
    wait_until("it is healthy", pac.is_healthy, 30)
    assert pac.get(f"/agents/{APP}/api/version", timeout_s=20).status == 200
    assert "Role killed: it hangs" in pac.log_tail(200)


def is_waited_for(address: str) -> bool:
    """Whether somebody waits to be accepted on a Unix socket (proc(5), /proc/net/unix: a connection
    that nobody has taken is in state 02)."""
    path = address.removeprefix("unix:")
    lines = Path("/proc/net/unix").read_text().splitlines()
    return any(line.split()[5] == "02" for line in lines if line.endswith(path))


@pytest.mark.timeout(300)
def test_who_waits_for_an_instance_that_dies_goes_to_another(pac: Pac) -> None:
    """A POST that nobody has read is sent again, also when the node closes the socket late."""
    app = MovedApp(pac, APP)
    app.settings(instances=2)
    victim = [*app.wait_instances(2).values()][0]
    node = running(pac, "node")
    par = processes.find(victim["pid"])
    call = {"jsonrpc": "2.0", "id": 7, "method": "message/send", "params": {}}
    statuses: list[int] = []
    askers: list[threading.Thread] = []

    def ask() -> None:
        statuses.append(pac.post(f"/agents/{APP}/a2a", call, timeout_s=60).status)

    def somebody_waits() -> bool:
        askers.append(threading.Thread(target=ask))
        askers[-1].start()
        return is_waited_for(victim["address"])

    node.send(signal.SIGSTOP)
    try:
        par.send(signal.SIGKILL)
        assert par.wait_end(10)
        wait_until("somebody waits", somebody_waits, 5)
    finally:
        node.send(signal.SIGCONT)
    for asker in askers:
        asker.join()

    assert statuses == [200] * len(askers)
    wait_until("its end is noticed", lambda: victim["id"] not in app.instances(), 30)
    app.wait_instances(2)


def test_stop_ends_what_a_killed_serve_left_behind(pac: Pac) -> None:
    left = [running(pac, role) for role in ("control", "edge", "node")]
    instances = pac.live_instances(APP)
    running(pac, "serve").send(signal.SIGKILL)
    command = [str(program("pac")), "stop", "--state", str(pac.state)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    again = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert (done.returncode, done.stdout) == (0, "stopped\n"), done.stderr
    assert not any(process.is_running() for process in left)
    assert again.returncode == 3
    assert "no `pac serve` runs on it" in again.stderr
    pac.start()
    # The agents ran on and are adopted.
    assert pac.live_instances(APP).keys() == instances.keys(), pac.log_tail(200)

"""The clock of the machine is set ahead and back by an hour while Pixell runs and before it starts:
nothing hangs, no rollout ends for it, and leases recover."""

from __future__ import annotations

import datetime
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import run_platform
from devtool import processes
from devtool.load import Load
from devtool.pac import Pac, wait_until
from pixell_testing.crashes import wait_settled
from pixell_testing.rollouts import MovedApp, canary

LIBRARY = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
HOUR_S = 3600
# Longer than what the clock is set by.
STAGE_S = 2 * HOUR_S


class SetClock:
    """The clock of a platform's roles, apart from ours by some seconds."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(0)

    def set(self, offset_s: int) -> None:
        # The library reads it with every call: it must never see half a file.
        beside = self._file.with_suffix(".new")
        beside.write_text(f"{offset_s:+d}\n")
        beside.rename(self._file)

    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }


@pytest.fixture(scope="module")
def clock(scratch: Path) -> SetClock:
    return SetClock(scratch / "clock.offset")


@pytest.fixture(scope="module")
def app(scratch: Path, clock: SetClock) -> Iterator[MovedApp]:
    """A platform by that clock, with the app of these tests."""
    for pac in run_platform(scratch / "clock", env=clock.environment()):
        app = MovedApp(pac, "timed", is_patient=True)
        app.complete(app.deploy(app.package("first")))
        app.settings(warm_seconds=0)
        yield app




@pytest.mark.parametrize("is_restarted", [False, True], ids=["running", "restarted"])
@pytest.mark.parametrize("offset_s", [HOUR_S, -HOUR_S], ids=["ahead", "back"])
def test_a_clock_that_is_set_changes_nothing(
    app: MovedApp, clock: SetClock, offset_s: int, is_restarted: bool
) -> None:
    name = f"{offset_s}-{is_restarted}"
    clock.set(0)
    rollout = app.deploy(app.package(f"canary{name}"), strategy=canary((500, STAGE_S)))
    revision = app.stage_of(rollout, 0)["revision"]
    before = app.traffic()

    with Load(app.pac, [app.version], pause_s=0.05) as load:
        clock.set(offset_s)
        if is_restarted:
            kill_control(app.pac)
        assert abs(lives_on(app) - time.time() - offset_s) < HOUR_S / 4
        # The stage is held, and what the clock said meanwhile is no reason to end it.
        assert app.stage_of(rollout, 0)["state"] == "processing"
        assert app.traffic() == before

        clock.set(0)
        if is_restarted:
            kill_control(app.pac)
        lives_on(app)
        app.command(rollout, "promote")
        app.complete(rollout)
        wait_settled(app.pac, {app.name: 1, "other": 1})

    assert load.failures == []
    assert app.leading() == revision


def lives_on(app: MovedApp) -> float:
    """Deployments complete, and what dies is replaced: the lease is held, no wait hangs. The time
    as control has it, in seconds since 1970."""
    other = MovedApp(app.pac, "other", is_patient=True)
    end = other.complete(other.deploy(other.package("o")))
    other.settings(warm_seconds=0)
    (instance,) = other.wait_instances(1).values()
    process = processes.find(instance["pid"])
    assert process is not None
    process.send(signal.SIGKILL)
    wait_until("it is replaced", lambda: instance["id"] not in other.instances(), 60)
    other.wait_instances(1)
    return datetime.datetime.fromisoformat(end["completed_at"]).timestamp()


def kill_control(pac: Pac) -> None:
    """It starts anew, by the clock as it is then."""
    process = pac.role("control")
    assert process is not None
    process.send(signal.SIGKILL)
    assert process.wait_end(10)

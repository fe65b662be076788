"""Fifty changes of an app under requests of every kind: none fails, no stream is cut."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos import changes
from chaos.traffic import Clients
from conftest import run_platform
from devtool.pac import wait_until
from pixell_testing.crashes import wait_settled
from pixell_testing.rollouts import MovedApp

APP = "busy"
CYCLES = 50


@pytest.fixture(scope="module")
def app(scratch: Path) -> Iterator[MovedApp]:
    """A platform with the app; what is replaced ends at once."""
    for pac in run_platform(scratch / "redeploy"):
        app = MovedApp(pac, APP)
        app.complete(app.deploy(changes.package(pac, "first")))
        app.settings(warm_seconds=0)
        yield app


@pytest.mark.timeout(600)
def test_fifty_changes_under_every_kind_of_request(app: MovedApp) -> None:
    clients = Clients(app.pac, APP)
    ends = []

    with clients.calls() as calls:
        wait_until("the load runs", lambda: len(set(calls.answers)) == 7, 60)
        ends += [app.end_of(changes.begin(app, number)) for number in range(CYCLES)]
        app.wait_instances(1)
    clients.close()

    assert calls.failures == []
    answers = collections.Counter(calls.answers)
    assert min(answers.values()) >= CYCLES // 3, answers
    states = collections.Counter(end["state"] for end in ends)
    broken = CYCLES // changes.BROKEN_EVERY
    assert states == {"completed": CYCLES - broken, "failed": broken}
    causes = {end["failure"]["cause"] for end in ends if end["state"] == "failed"}
    assert causes == {"missing_module"}
    kinds = collections.Counter(end["kind"] for end in ends)
    assert kinds["rollback"] >= CYCLES // 4
    assert app.leading() == ends[-1 if ends[-1]["state"] == "completed" else -2]["revision"]
    wait_settled(app.pac, {APP: 1})

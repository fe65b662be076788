"""Fifty changes of an app under requests of every kind: none fails, no stream is cut."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.traffic import Clients
from conftest import run_platform
from devtool.pac import Pac, wait_until
from pixell_testing.crashes import wait_settled
from pixell_testing.packages import from_files
from pixell_testing.rollouts import MovedApp, canary, plain
from pixell_testing.stack import put

APP = "busy"
CYCLES = 50
# Every so many changes one fails: its package cannot start.
BROKEN_EVERY = 10
BROKEN = {"agent.yaml": "name: broken\nhttp_server: main:app\n", "main.py": "import not_there\n"}


@pytest.fixture(scope="module")
def app(scratch: Path) -> Iterator[MovedApp]:
    """A platform with the app; what is replaced ends at once."""
    for pac in run_platform(scratch / "redeploy"):
        app = MovedApp(pac, APP)
        app.complete(app.deploy(package(pac, "first")))
        app.settings(warm_seconds=0)
        yield app


def package(pac: Pac, version: str) -> Path:
    return put(pac, f"{version}.apkg", plain(version, has_grpc=True))


def change(app: MovedApp, number: int) -> dict:
    """One change of the app, each kind in its turn; the deployment as it ended."""
    if number % BROKEN_EVERY == BROKEN_EVERY - 1:
        return app.end_of(app.deploy(put(app.pac, "broken.apkg", from_files(BROKEN))))
    kind = number % 3
    if kind == 2:
        return app.complete(app.roll_back())
    strategy = {"strategy": canary((300, 0), (600, 1), min_requests=1000)} if kind == 1 else {}
    return app.complete(app.deploy(package(app.pac, f"v{number}"), **strategy))


@pytest.mark.timeout(600)
def test_fifty_changes_under_every_kind_of_request(app: MovedApp) -> None:
    clients = Clients(app.pac, APP)
    ends = []

    with clients.calls() as calls:
        wait_until("the load runs", lambda: len(set(calls.answers)) == 7, 60)
        ends += [change(app, number) for number in range(CYCLES)]
        app.wait_instances(1)
    clients.close()

    assert calls.failures == []
    answers = collections.Counter(calls.answers)
    assert min(answers.values()) >= CYCLES // 3, answers
    states = collections.Counter(end["state"] for end in ends)
    broken = CYCLES // BROKEN_EVERY
    assert states == {"completed": CYCLES - broken, "failed": broken}
    causes = {end["failure"]["cause"] for end in ends if end["state"] == "failed"}
    assert causes == {"missing_module"}
    kinds = collections.Counter(end["kind"] for end in ends)
    assert kinds["rollback"] >= CYCLES // 4
    assert app.leading() == ends[-1 if ends[-1]["state"] == "completed" else -2]["revision"]
    wait_settled(app.pac, {APP: 1})

"""Changes of an app, each kind in its turn."""

from __future__ import annotations

from pathlib import Path

from devtool.pac import Pac
from pixell_testing.packages import from_files
from pixell_testing.rollouts import MovedApp, canary, plain
from pixell_testing.stack import put

# Every so many changes one fails: its package cannot start.
BROKEN_EVERY = 10
BROKEN = {"agent.yaml": "name: broken\nhttp_server: main:app\n", "main.py": "import not_there\n"}


def package(pac: Pac, version: str) -> Path:
    """A version that `traffic.Clients` can use."""
    return put(pac, f"{version}.apkg", plain(version, has_grpc=True))


def is_broken(number: int) -> bool:
    """Whether the change of this number fails."""
    return number % BROKEN_EVERY == BROKEN_EVERY - 1


def begin(app: MovedApp, number: int) -> str:
    """Begins one change; the deployment's id."""
    if is_broken(number):
        return app.deploy(put(app.pac, "broken.apkg", from_files(BROKEN)))
    kind = number % 3
    if kind == 2:
        return app.roll_back()
    strategy = {"strategy": canary((300, 0), (600, 1), min_requests=1000)} if kind == 1 else {}
    return app.deploy(package(app.pac, f"v{number}"), **strategy)

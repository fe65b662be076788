"""Every call of the engine on ECS, failed in every way: the same is there in the end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from devtool.shell import Failure
from pixell_testing.ecs import revision
from pixell_testing.ecs_faults import FaultyCloud, Way, faulty_ends, nothing, running_accounts

# Of those that are asked until an instance is ready or has ended, the first are failed.
READS = 3
# So much time passes between two looks.
LOOK_MS = 1_000
# Ended by force at once: with a grace it depends on the machine whether the tasks end before.
GRACE_MS = 0


class EngineOn:
    """An engine whose calls can fail, in a state directory that is as good as new."""

    def __init__(self, cloud: FaultyCloud) -> None:
        self._cloud = cloud
        self._folder = Path(tempfile.mkdtemp(prefix="px-"))
        cloud.ask("engine.open", settings=cloud.settings, state_dir=str(self._folder))

    def close(self) -> None:
        """Forgets what it knew."""
        shutil.rmtree(self._folder)

    def ask(self, op: str, **asked: Any) -> dict[str, Any]:
        """The answer, asked again after each failure."""
        return self._cloud.ask(f"engine.{op}", **asked)

    def until(self, **phases: str) -> None:
        """Until the instances are in these phases, while the engine looks."""
        seen: dict[str, str] = {}

        def are_there() -> bool:
            self._cloud.moto.advance(LOOK_MS)
            listed = self.ask("list")["instances"]
            seen.clear()
            seen.update({each["id"]: each["phase"] for each in listed})
            return seen == phases

        try:
            self._cloud.moto.until(f"{phases}", are_there)
        except Failure as wrong:
            raise AssertionError(f"{wrong}, but {seen}") from wrong


def replaced(cloud: FaultyCloud) -> None:
    """Two instances of a revision, then one of the next, and then nothing of the first."""
    engine = EngineOn(cloud)
    try:
        for each in ("A", "B"):
            engine.ask("ensure", spec=revision(id=each))
        engine.until(A="ready", B="ready")
        engine.ask("ensure", spec=revision(id="C", revision=8, package_sha256="c" * 64))
        engine.until(A="ready", B="ready", C="ready")
        for each in ("A", "B"):
            engine.ask("stop", id=each, grace_ms=GRACE_MS)
        engine.until(A="stopped", B="stopped", C="ready")
        for each in ("A", "B"):
            engine.ask("remove", id=each)
        engine.until(C="ready")
    finally:
        engine.close()


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[FaultyCloud]]:
    with running_accounts(tmp_path_factory.mktemp("aws")) as made:
        yield made


@pytest.mark.timeout(1200)
def test_whatever_fails_the_instances_are_the_same_in_the_end(accounts: list[FaultyCloud]) -> None:
    tried, failed = faulty_ends(accounts, Way(nothing, replaced, reads=READS))

    print(f"\nan engine: {tried}")
    assert not failed, "\n".join(failed)

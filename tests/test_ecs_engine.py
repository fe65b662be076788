"""The engine on ECS: the conformance suite, and control with its agents as tasks. The AWS is our own
model, in which tasks live; it proves what Pixell does, and of AWS nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from devtool.paths import build_dir
from devtool.shell import Failure
from pixell_testing.ecs_lifecycle.client import LifecycleAws, running_lifecycle

PATIENCE_S = 280


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LifecycleAws]:
    with running_lifecycle(tmp_path_factory.mktemp("aws")) as served:
        yield served


def unit_tests() -> Path:
    """The program with the suite; release builds have none."""
    found = build_dir("dev") / "src" / "engine" / "ecs" / "engine_ecs_test"
    if not found.exists():
        raise Failure(f"{found} is not there: run `./dev build dev`")
    return found


def test_the_engine_does_what_every_engine_must(aws: LifecycleAws) -> None:
    done = subprocess.run(
        [unit_tests(), "--gtest_filter=Ecs/EngineConformanceTest.*"],
        env={**os.environ, "PIXELL_TEST_AWS_ENDPOINT": aws.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-6000:]
    assert "SKIPPED" not in done.stdout
    passed = [line for line in done.stdout.splitlines() if line.startswith("[       OK ]")]
    assert len(passed) > 25, done.stdout[-2000:]

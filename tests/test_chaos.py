"""Deploys of every kind while everything is killed, stopped and upgraded: who loses what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos import soak
from conftest import run_platform
from devtool.pac import Pac

CYCLES = 50
LIMIT_S = 210


@pytest.fixture
def pac(scratch: Path) -> Iterator[Pac]:
    yield from run_platform(scratch / "chaos")


@pytest.mark.timeout(600)
def test_fifty_deploys_and_fifty_kills(pac: Pac) -> None:
    plan = soak.Plan(deploys=CYCLES, kills=CYCLES, seconds=LIMIT_S)

    verdict = soak.run(pac, plan)

    print(verdict.table(), *verdict.complaints(), sep="\n")
    assert verdict.complaints() == []
    assert min(verdict.answers.values()) > CYCLES // 2, verdict.answers
    assert all(row.times > 0 for row in verdict.rows.values())
    assert verdict.ends["failed as they should"] > 0

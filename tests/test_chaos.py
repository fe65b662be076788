"""Deploys of every kind while everything is killed, stopped and upgraded: who loses what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos import soak
from chaos.incidents import HARMLESS, Incident
from chaos.traffic import Failure
from chaos.verdict import DEPLOYS, LOSSY, Verdict, judge
from conftest import run_platform
from devtool.pac import Pac

# Together fifty of each.
OF_PIXELL = soak.Plan(deploys=30, kills=34, seconds=240, only=(*HARMLESS, "kill edge"))
OF_AGENTS = soak.Plan(deploys=20, kills=16, seconds=240, only=("kill an instance", "kill a worker"))


@pytest.fixture
def pac(scratch: Path, request: pytest.FixtureRequest) -> Iterator[Pac]:
    yield from run_platform(scratch / f"chaos-{request.node.name[-6:]}")


def expect_good(verdict: Verdict, plan: soak.Plan) -> None:
    """Nothing was lost that must not be, and what was planned was done."""
    print(verdict.table(), *verdict.complaints(), sep="\n")
    assert verdict.complaints() == []
    assert sum(row.times for row in verdict.rows.values()) == plan.deploys + plan.kills
    assert all(verdict.rows[kind].times > 0 for kind in plan.only)
    assert verdict.ends["failed as they should"] == plan.deploys // 10
    assert min(verdict.answers.values()) > 10, verdict.answers


@pytest.mark.timeout(400)
def test_pixells_own_processes_lose_nothing_but_what_an_edge_was_serving(pac: Pac) -> None:
    verdict = soak.run(pac, OF_PIXELL)

    expect_good(verdict, OF_PIXELL)
    for kind in (DEPLOYS, *HARMLESS):
        assert verdict.rows[kind].in_flight == [], kind


@pytest.mark.timeout(400)
def test_an_agent_loses_nothing_but_what_it_was_serving_and_that_is_told(pac: Pac) -> None:
    expect_good(soak.run(pac, OF_AGENTS), OF_AGENTS)


# ------------------------------------------------------------------------------------- the judge


def failure(started_at: float, ended_at: float, *, is_typed: bool = True) -> Failure:
    return Failure("short", started_at, ended_at, "503 busy", is_typed)


def test_the_judge_knows_what_was_in_flight() -> None:
    kill = Incident("kill edge", at=100, over_at=100.1, back_s=0.3)

    row = judge([kill], [failure(99, 100.05)])["kill edge"]

    assert (row.times, len(row.in_flight), row.others, row.untyped) == (1, 1, [], [])


@pytest.mark.parametrize("kind", sorted(LOSSY))
def test_the_judge_excuses_nothing_that_is_not_told(kind: str) -> None:
    kill = Incident(kind, at=100, over_at=100.1, back_s=0.3)

    row = judge([kill], [failure(99, 101, is_typed=False)])[kind]

    assert len(row.untyped) == 1
    assert Verdict({kind: row}, {}, {}, 1, 1).complaints() != []


@pytest.mark.parametrize("kind", sorted({*LOSSY, *HARMLESS}))
def test_the_judge_excuses_nobody_who_comes_later(kind: str) -> None:
    kill = Incident(kind, at=100, over_at=100.1, back_s=0.3)

    row = judge([kill], [failure(100.2, 100.3)])[kind]

    assert len(row.others) == 1


def test_the_judge_gives_the_rest_to_the_deploys() -> None:
    kill = Incident("kill node", at=100, over_at=100.1, back_s=0.3)

    rows = judge([kill], [failure(90, 91), failure(120, 121)])

    assert len(rows[DEPLOYS].others) == 2

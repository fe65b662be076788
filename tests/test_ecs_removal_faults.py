"""Every call of a removal on ECS, failed in every way: the same is gone in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pixell_testing.ecs import INSTALLATION, revision
from pixell_testing.ecs_faults import (
    NAMESPACE,
    FaultyCloud,
    Way,
    faulty_ends,
    running_accounts,
)

APP = "python-executor"
ROUNDS = 12
# So much passes between two calls: every task has ended, every target is gone.
PAUSE_MS = 60_000


def both_slots(cloud: FaultyCloud) -> None:
    """An app with everything it can have, and tasks that are told in Cloud Map."""
    cloud.until_done(settings=cloud.alb)
    cloud.until_done(settings=cloud.alb, slot="b", spec=revision(revision=8))
    cloud.wait_steady(1)
    cloud.mirror_until_done()


def remove(cloud: FaultyCloud, **asked: Any) -> None:
    """Asks for a removal until it is done, with what the last call left open."""
    env = {**cloud.alb, "PAC_ECS_NAMESPACE": NAMESPACE}
    asked = {"app": APP, "settings": env, "installation": INSTALLATION, **asked}
    answer: dict[str, Any] = {}
    for _ in range(ROUNDS):
        answer = cloud.probe.ask(op="ecs.remove", **asked, open=answer.get("open", []))
        if "error" not in answer and answer["place"]["is_done"]:
            return
        assert "error" not in answer or answer["later"], answer
        cloud.moto.advance(PAUSE_MS)
    raise AssertionError(answer)


def remove_slot(cloud: FaultyCloud) -> None:
    remove(cloud, slot="b")


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[FaultyCloud]]:
    with running_accounts(tmp_path_factory.mktemp("aws")) as made:
        yield made


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("removal", [remove, remove_slot])
def test_whatever_fails_the_same_is_gone_in_the_end(
    accounts: list[FaultyCloud], removal: Callable[[FaultyCloud], None]
) -> None:
    tried, failed = faulty_ends(accounts, Way(both_slots, removal))

    print(f"\n{removal.__name__}: {tried}")
    assert not failed, "\n".join(failed)

"""Every call of a removal on ECS, failed in every way: the same is gone in the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pixell_testing.ecs import revision
from pixell_testing.ecs_faults import (
    NAMESPACE,
    FaultyCloud,
    Way,
    faulty_ends,
    running_accounts,
)


def both_slots(cloud: FaultyCloud) -> None:
    """An app with everything it can have, and tasks that are told in Cloud Map."""
    cloud.until_done(settings=cloud.alb)
    cloud.until_done(settings=cloud.alb, slot="b", spec=revision(revision=8))
    for service in ("agent-python-executor", "agent-python-executor-b"):
        cloud.wait_steady(1, service)
    cloud.mirror_until_done()


def remove(cloud: FaultyCloud) -> None:
    cloud.remove_until_done(settings={**cloud.alb, "PAC_ECS_NAMESPACE": NAMESPACE})


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[FaultyCloud]]:
    with running_accounts(tmp_path_factory.mktemp("aws")) as made:
        yield made


@pytest.mark.timeout(1200)
def test_whatever_fails_the_same_is_gone_in_the_end(accounts: list[FaultyCloud]) -> None:
    tried, failed = faulty_ends(accounts, Way(both_slots, remove))

    print(f"\na removal: {tried}")
    assert not failed, "\n".join(failed)

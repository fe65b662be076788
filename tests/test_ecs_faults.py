"""Every call of a service's way on ECS, failed in every way: the same is there in the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pixell_testing.ecs import revision
from pixell_testing.ecs_faults import FaultyCloud, Way, faulty_ends, nothing, running_accounts


def first_edge(cloud: FaultyCloud) -> None:
    cloud.until_done(tasks=2)


def first_alb(cloud: FaultyCloud) -> None:
    cloud.until_done(settings=cloud.alb)


def second_revision(cloud: FaultyCloud) -> None:
    spec = revision(revision=8, package_sha256="c" * 64, environment={"OPENAI_API_KEY": "sk-new"})
    cloud.until_done(settings=cloud.alb, spec=spec, tasks=2)


def second_slot(cloud: FaultyCloud) -> None:
    cloud.until_done(settings=cloud.alb, slot="b", spec=revision(revision=8))


def without_balancer(cloud: FaultyCloud) -> None:
    cloud.until_done()


def another_vpc(cloud: FaultyCloud) -> None:
    # Made beside the old groups, switched when a target is healthy, and then the old ones deleted.
    while cloud.until_done(settings=cloud.other)["place"]["is_switching"]:
        cloud.moto.advance(60_000)


def with_other_vpc(cloud: FaultyCloud) -> None:
    first_alb(cloud)
    vpc = cloud.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    cloud.other = {**cloud.alb, "PAC_ECS_VPC": vpc}


def removed(cloud: FaultyCloud) -> None:
    first_edge(cloud)
    cloud.remove_until_done(settings=cloud.settings)


def with_other_values(cloud: FaultyCloud) -> None:
    # The same number of a revision, and the secret that can be restored still.
    spec = revision(deployment_id="01HZ", environment={"OPENAI_API_KEY": "sk-new"})
    cloud.until_done(spec=spec)


def running(cloud: FaultyCloud) -> None:
    cloud.until_done(tasks=2)
    cloud.wait_steady(2)


def mirrored(cloud: FaultyCloud) -> None:
    cloud.mirror_until_done()


def one_replaced(cloud: FaultyCloud) -> None:
    running(cloud)
    cloud.mirror_until_done()
    cloud.moto.kill(cloud.moto.tasks()[0]["taskArn"])
    cloud.wait_steady(2)


WAYS = {
    "a-service": Way(nothing, first_edge),
    "behind-a-load-balancer": Way(nothing, first_alb),
    "another-revision": Way(first_alb, second_revision),
    "the-second-slot": Way(first_alb, second_slot),
    "the-load-balancer-taken-away": Way(first_alb, without_balancer),
    "deployed-again": Way(removed, with_other_values),
    "target-groups-replaced": Way(with_other_vpc, another_vpc),
    "tasks-told": Way(running, mirrored),
    "a-task-replaced": Way(one_replaced, mirrored),
}


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[FaultyCloud]]:
    with running_accounts(tmp_path_factory.mktemp("aws")) as made:
        yield made


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", WAYS)
def test_whatever_fails_the_same_is_there_in_the_end(
    accounts: list[FaultyCloud], name: str
) -> None:
    tried, failed = faulty_ends(accounts, WAYS[name])

    print(f"\n{name}: {tried}")
    assert not failed, "\n".join(failed)

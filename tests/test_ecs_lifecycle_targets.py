"""The model of AWS in which tasks live: their target groups, quotas and rates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pixell_testing.ecs_lifecycle.account import CONTAINER, PORT, Account, address, refused
from pixell_testing.ecs_lifecycle.client import running_lifecycle


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with running_lifecycle(tmp_path_factory.mktemp("aws")) as aws:
        yield Account(aws)


@pytest.fixture
def account(served: Account) -> Iterator[Account]:
    served.prepare()
    yield served
    assert not served.wrong, served.wrong


def attached(group: str) -> list[dict[str, Any]]:
    """The load balancers of a service with one target group."""
    return [{"targetGroupArn": group, "containerName": CONTAINER, "containerPort": PORT}]


def test_a_target_group_needs_a_rule_first(account: Account) -> None:
    account.register()
    listener, group = account.balancer()
    said = refused(account.create, loadBalancers=attached(group))
    assert said == (
        f"InvalidParameterException: The target group with targetGroupArn {group} does not have an "
        "associated load balancer."
    )

    account.rule(listener, group)

    account.create(loadBalancers=attached(group))
    wrong = [{**attached(group)[0], "containerPort": 1}]
    said = refused(account.update, loadBalancers=wrong)
    assert said.endswith(f"The container {CONTAINER} did not have a container port 1 defined.")


def test_targets_follow_their_tasks(account: Account) -> None:
    account.register()
    listener, group = account.balancer()
    account.rule(listener, group)
    account.aws.control("settings", second_ms=1_000)
    account.create(loadBalancers=attached(group))
    seen: list[str] = []

    def is_healthy() -> bool:
        seen.extend(account.health(group).values())
        return seen[-1:] == ["healthy"]

    account.aws.until("the target is healthy", is_healthy)
    account.steady()
    (task,) = account.tasks()
    assert account.health(group) == {address(task): "healthy"}
    assert set(seen) == {"initial", "healthy"}

    account.update(desiredCount=0)

    assert account.health(group) == {address(task): "draining"}
    # SIGTERM comes when the deregistration delay of 30 s is over.
    account.aws.advance(29_000)
    assert account.health(group) == {address(task): "draining"}
    (ending,) = account.describe([task["taskArn"]])
    assert ending["lastStatus"] == "DEACTIVATING"
    account.aws.advance(1_500)
    assert account.health(group) == {}
    account.stopped()


def test_a_deployment_waits_for_targets_to_be_healthy(account: Account) -> None:
    account.register()
    listener, group = account.balancer()
    account.rule(listener, group)
    account.create(loadBalancers=attached(group))
    account.steady()
    (old,) = account.tasks()
    account.aws.control("settings", target_healthy_ms=1_000_000)

    account.update(forceNewDeployment=True)

    def are_running() -> bool:
        live = account.tasks()
        return len(live) == 2 and all(each["healthStatus"] == "HEALTHY" for each in live)

    account.aws.until("the new task runs", are_running)
    assert sorted(account.health(group).values()) == ["healthy", "initial"]
    assert account.service()["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    account.aws.advance(1_000_000)
    account.steady()
    assert address(old) not in account.health(group)


def test_who_fails_the_checks_of_the_load_balancer_is_replaced(account: Account) -> None:
    account.register(healthCheck=None)
    listener, group = account.balancer()
    account.rule(listener, group)
    account.aws.behave("agent-x", boot="hang")
    account.create(loadBalancers=attached(group), healthCheckGracePeriodSeconds=1)

    ended = account.stopped()[0]

    assert ended["stoppedReason"] == f"Task failed ELB health checks in (target-group {group})"
    assert any("is unhealthy in (target-group " in each for each in account.messages())


def test_a_group_that_nothing_leads_to_is_unused(account: Account) -> None:
    _, group = account.balancer()
    account.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": "172.31.0.9", "Port": 1}])
    (found,) = account.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert found["TargetHealth"]["State"] == "unused"
    assert found["TargetHealth"]["Reason"] == "Target.NotInUse"


def test_quotas_are_refused_as_amazon_refuses_them(account: Account) -> None:
    account.register()
    listener, group = account.balancer()
    account.aws.control(
        "limits",
        services_per_cluster=1,
        tasks_per_service=2,
        rules_per_balancer=2,
        target_groups_per_balancer=1,
        target_groups_per_region=2,
    )
    account.create()
    assert refused(account.create, name="y").startswith("InvalidParameterException: ")
    assert refused(account.update, desiredCount=3).startswith("InvalidParameterException: ")
    account.rule(listener, group)
    other = account.group("ag-y-ar")
    assert refused(account.rule, listener=listener, group=other, priority=2).startswith(
        "TooManyUniqueTargetGroupsPerLoadBalancer: "
    )
    account.rule(listener, group, 2)
    assert refused(account.rule, listener=listener, group=group, priority=3).startswith(
        "TooManyRules: "
    )
    assert refused(account.group, name="ag-z-ar").startswith("TooManyTargetGroups: ")


def test_too_many_vcpus_are_an_event(account: Account) -> None:
    account.register()
    account.aws.control("limits", vcpus=0.5)
    account.create(desiredCount=3)

    account.aws.until("two are placed", lambda: len(account.arns()) == 2)
    assert any("the number of vCPUs you can run concurrently" in m for m in account.messages())


def test_rates_are_throttled_in_the_shape_of_the_protocol(account: Account) -> None:
    rates = {"ecs.RegisterTaskDefinition": [2, 0.001], "elasticloadbalancing.*": [1, 0.001]}
    account.aws.control("limits", rates=rates)
    account.register()
    account.register()
    assert refused(account.register) == "ThrottlingException: Rate exceeded"
    account.aws.advance(1_000_000)
    account.register()
    account.elb.describe_load_balancers()
    assert refused(account.elb.describe_load_balancers) == "Throttling: Rate exceeded"

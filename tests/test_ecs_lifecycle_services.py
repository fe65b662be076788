"""The model of AWS in which tasks live: deployments of services."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pixell_testing.ecs_lifecycle.account import CLUSTER, Account, refused
from pixell_testing.ecs_lifecycle.client import Copy, running_lifecycle

BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
ROLLBACK = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with running_lifecycle(tmp_path_factory.mktemp("aws")) as aws:
        yield Account(aws)


@pytest.fixture
def account(served: Account) -> Iterator[Account]:
    served.prepare()
    yield served
    assert not served.wrong, served.wrong


@pytest.mark.parametrize(("least", "most"), [(100, 200), (50, 100), (0, 100), (100, 150)])
def test_a_deployment_stays_within_its_percentages(account: Account, least: int, most: int) -> None:
    account.register()
    percentages = {"minimumHealthyPercent": least, "maximumPercent": most}
    account.create(desiredCount=4, deploymentConfiguration=percentages)
    account.steady()
    before = set(account.arns())
    second = account.register()
    seen: list[tuple[int, int]] = []

    account.update(taskDefinition=second)

    def is_over() -> bool:
        service = account.service()
        live = account.tasks()
        healthy = sum(task["healthStatus"] == "HEALTHY" for task in live)
        seen.append((healthy, len(live)))
        return [each["rolloutState"] for each in service["deployments"]] == ["COMPLETED"]

    account.aws.until("the deployment is over", is_over)
    assert min(healthy for healthy, _ in seen) >= 4 * least // 100
    assert max(count for _, count in seen) <= 4 * most // 100
    tasks = account.tasks()
    assert {task["taskDefinitionArn"] for task in tasks} == {second}
    assert len(tasks) == 4
    assert not before & set(account.arns())
    assert account.service()["taskDefinition"] == second


def test_while_it_rolls_there_are_two_deployments(account: Account) -> None:
    first = account.register()
    account.create()
    old = account.steady()["deployments"][0]["id"]
    second = account.register()

    service = account.update(taskDefinition=second)

    new, before = service["deployments"]
    assert (new["status"], new["taskDefinition"], new["rolloutState"]) == (
        "PRIMARY",
        second,
        "IN_PROGRESS",
    )
    assert (before["status"], before["taskDefinition"], before["id"]) == ("ACTIVE", first, old)
    assert (before["runningCount"], new["desiredCount"]) == (1, 1)
    assert account.steady()["deployments"][0]["id"] == new["id"]
    (ended,) = account.stopped()
    assert ended["taskDefinitionArn"] == first


def test_only_what_amazon_says_begins_a_deployment(account: Account) -> None:
    account.register()
    account.create()
    before = account.steady()["deployments"][0]["id"]

    for asked in [
        {"desiredCount": 2},
        {"deploymentConfiguration": {"maximumPercent": 150}},
        {"propagateTags": "SERVICE"},
        {"enableExecuteCommand": True},
        {"taskDefinition": "agent-x"},
        {"networkConfiguration": account.network},
    ]:
        account.update(**asked)
        assert account.steady()["deployments"][0]["id"] == before, asked

    assert account.update(forceNewDeployment=True)["deployments"][0]["id"] != before
    again = account.steady()["deployments"][0]["id"]
    account.update(networkConfiguration={"awsvpcConfiguration": {"subnets": account.subnets[:1]}})
    assert account.steady()["deployments"][0]["id"] != again


@pytest.mark.parametrize("boot", ["fail", "cannot_pull", "hang", "never_placed", "oom"])
def test_the_circuit_breaker_ends_a_deployment_that_fails(account: Account, boot: str) -> None:
    account.register()
    account.create(deploymentConfiguration=BREAKER)
    account.steady()
    (kept,) = account.arns()
    second = account.register()
    account.aws.behave("agent-x", boot=boot)

    account.update(taskDefinition=second)

    def has_failed() -> dict[str, Any] | None:
        found = account.service()["deployments"][0]
        return found if found["rolloutState"] == "FAILED" else None

    failed = account.aws.until("the deployment has failed", has_failed)
    assert failed["failedTasks"] == 3
    assert failed["rolloutStateReason"].endswith("circuit breaker: tasks failed to start.")
    words = f"(deployment {failed['id']}) deployment failed: tasks failed to start."
    assert f"(service x) {words}" in account.messages()
    # No more are started, and who served goes on.
    account.aws.advance(60_000)
    assert account.arns() == [kept]
    (primary, before) = account.service()["deployments"]
    assert (primary["taskDefinition"], before["runningCount"]) == (second, 1)


def test_the_circuit_breaker_rolls_back_to_what_was_complete(account: Account) -> None:
    first = account.register()
    account.create(desiredCount=2, deploymentConfiguration=ROLLBACK)
    account.steady()
    good = account.service()["deployments"][0]["id"]
    kept = set(account.arns())
    second = account.register()
    account.aws.behave("agent-x", boot="fail")
    # What it rolls back to must not fail as often before the test has let it be ready.
    account.aws.control("settings", restart_ms=2_000)

    bad = account.update(taskDefinition=second)["deployments"][0]["id"]

    def is_back() -> dict[str, Any] | None:
        service = account.service()
        return service if service["deployments"][0]["id"] != bad else None

    service = account.aws.until("it rolls back", is_back)
    assert service["taskDefinition"] == first
    words = f"ECS deployment circuit breaker: rolling back to deploymentId {good}."
    assert service["deployments"][0]["rolloutStateReason"] == words
    assert f"(service x) rolling back to deployment {good}." in account.messages()
    account.aws.behave("agent-x", boot="ready")
    assert account.steady()["taskDefinition"] == first
    assert not kept & set(account.arns())


def test_a_first_deployment_has_nothing_to_roll_back_to(account: Account) -> None:
    definition = account.register()
    account.aws.behave("agent-x", boot="cannot_pull")
    account.create(deploymentConfiguration=ROLLBACK)

    def has_failed() -> bool:
        return account.service()["deployments"][0]["rolloutState"] == "FAILED"

    account.aws.until("the deployment has failed", has_failed)
    (only,) = account.service()["deployments"]
    assert (only["taskDefinition"], account.arns()) == (definition, [])


def test_a_threshold_of_ones_own_counts(account: Account) -> None:
    account.register()
    account.aws.behave("agent-x", boot="cannot_pull")
    threshold = {"type": "COUNT", "value": 5}
    breaker = {"enable": True, "rollback": False, "thresholdConfiguration": threshold}
    account.create(deploymentConfiguration={"deploymentCircuitBreaker": breaker})

    account.aws.until(
        "the deployment has failed",
        lambda: account.service()["deployments"][0]["rolloutState"] == "FAILED",
    )
    assert account.service()["deployments"][0]["failedTasks"] == 5


def test_without_a_breaker_it_is_tried_for_ever(account: Account) -> None:
    account.register()
    account.aws.behave("agent-x", boot="fail")
    account.create()

    account.stopped(count=5)

    (deployment,) = account.service()["deployments"]
    assert deployment["rolloutState"] == "IN_PROGRESS"
    assert deployment["failedTasks"] >= 5


def test_exits_need_not_be_counted(account: Account) -> None:
    account.register()
    account.aws.control("settings", breaker_counts_exits=False)
    account.aws.behave("agent-x", boot="fail")
    account.create(deploymentConfiguration=BREAKER)

    account.stopped(count=5)

    (deployment,) = account.service()["deployments"]
    assert (deployment["rolloutState"], deployment["failedTasks"]) == ("IN_PROGRESS", 0)


def test_protected_tasks_hold_a_deployment(account: Account) -> None:
    account.register()
    account.create()
    account.steady()
    (old,) = account.arns()
    account.ecs.update_task_protection(cluster=CLUSTER, tasks=[old], protectionEnabled=True)

    account.update(forceNewDeployment=True)

    def is_there() -> bool:
        live = account.tasks()
        return len(live) == 2 and all(each["healthStatus"] == "HEALTHY" for each in live)

    account.aws.until("both are healthy", is_there)
    account.aws.advance(60_000)
    assert old in account.arns()
    account.ecs.update_task_protection(cluster=CLUSTER, tasks=[old], protectionEnabled=False)
    account.steady()
    assert old not in account.arns()


def test_a_name_is_free_when_its_service_is_inactive(account: Account) -> None:
    account.register()
    account.aws.control("settings", deactivating_ms=100_000)
    made = account.create()
    account.steady()
    assert refused(account.create) == (
        "InvalidParameterException: Creation of service was not idempotent."
    )
    assert refused(account.ecs.delete_service, cluster=CLUSTER, service="x") == (
        "InvalidParameterException: The service cannot be stopped while it is scaled above 0."
    )

    account.ecs.delete_service(cluster=CLUSTER, service="x", force=True)

    assert account.service()["status"] == "DRAINING"
    assert account.ecs.list_services(cluster=CLUSTER)["serviceArns"] == []
    assert refused(account.create) == (
        "InvalidParameterException: Unable to Start a service that is still Draining."
    )
    assert refused(account.update, desiredCount=1).startswith("ServiceNotActiveException: ")
    account.aws.advance(100_000)
    account.ecs.get_waiter("services_inactive").wait(
        cluster=CLUSTER, services=["x"], WaiterConfig={"Delay": 0.05, "MaxAttempts": 100}
    )
    again = account.create()
    assert again["serviceArn"] == made["serviceArn"]
    assert len(account.ecs.list_services(cluster=CLUSTER)["serviceArns"]) == 1


def test_a_client_token_gives_the_same_service(account: Account) -> None:
    account.register()
    first = account.create(clientToken="t" * 32)
    again = account.create(clientToken="t" * 32)
    assert again["createdAt"] == first["createdAt"]
    assert refused(account.create, clientToken="u" * 32).endswith("was not idempotent.")


def test_what_is_not_there_is_told(account: Account) -> None:
    definition = account.register()
    assert refused(account.update, name="y") == "ServiceNotFoundException: Service not found."
    assert refused(account.create, cluster="y").startswith("ClusterNotFoundException: ")
    assert refused(account.create, taskDefinition="agent-y").startswith("ClientException: ")
    found = account.ecs.describe_services(cluster=CLUSTER, services=["y"])
    assert (found["services"], found["failures"][0]["reason"]) == ([], "MISSING")
    account.ecs.deregister_task_definition(taskDefinition=definition)
    assert refused(account.create, taskDefinition=definition).startswith("ClientException: ")
    network = {"awsvpcConfiguration": {"subnets": ["subnet-00000000"]}}
    said = refused(account.create, taskDefinition=account.register(), networkConfiguration=network)
    assert "Error retrieving subnet information for [subnet-00000000]" in said
    assert refused(account.ecs.stop_task, cluster=CLUSTER, task="0" * 32) == (
        "InvalidParameterException: The referenced task was not found."
    )


def test_lists_come_in_pages(account: Account) -> None:
    account.register()
    for name in ("a", "b", "c"):
        account.create(name, desiredCount=0)
    pages = account.ecs.get_paginator("list_services").paginate(
        cluster=CLUSTER, PaginationConfig={"PageSize": 2}
    )
    assert [len(each["serviceArns"]) for each in pages] == [2, 1]


def test_a_copy_goes_its_own_way(account: Account) -> None:
    account.register()
    account.create()
    account.steady()
    copied = Copy()
    copied.take(account.aws)
    try:
        there = copied.client("ecs")
        assert there.list_tasks(cluster=CLUSTER)["taskArns"] == account.arns()
        there.delete_service(cluster=CLUSTER, service="x", force=True)
        assert there.list_services(cluster=CLUSTER)["serviceArns"] == []
        assert account.service()["status"] == "ACTIVE"
        copied.take(account.aws)
        assert len(there.list_services(cluster=CLUSTER)["serviceArns"]) == 1
    finally:
        copied.close()


def test_a_cluster_with_services_is_not_deleted(account: Account) -> None:
    account.register()
    account.create()
    assert refused(account.ecs.delete_cluster, cluster=CLUSTER).startswith(
        "ClusterContainsServicesException: "
    )

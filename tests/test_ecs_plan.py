"""What Pixell would change on ECS, against what moto has: shown field by field, and not done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pixell_testing.ecs import INSTALLATION, revision
from pixell_testing.ecs_cloud import CLUSTER, Cloud, action_of, judged, running_cloud

NAME = "agent-python-executor"
READS = ("Describe", "List", "Get")


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(tmp_path_factory.mktemp("moto")) as cloud:
        yield cloud


@pytest.fixture
def cloud(account: Cloud) -> Iterator[Cloud]:
    with judged(account) as cloud:
        yield cloud


def ask(cloud: Cloud, **asked: Any) -> dict[str, Any]:
    """The answer, a plan or an error."""
    asked = {"spec": revision(), "settings": cloud.settings, "rule_priority": 100, **asked}
    return cloud.probe.ask(op="ecs.plan", installation=INSTALLATION, **asked)


def plan(cloud: Cloud, **asked: Any) -> dict[str, Any]:
    """A plan, for which nothing but reads was sent."""
    before = len(cloud.proxy.asked)
    answer = ask(cloud, **asked)
    assert "error" not in answer, answer
    sent = zip(cloud.proxy.asked[before:], cloud.proxy.bodies[before:], strict=True)
    for (_, _, headers), body in sent:
        assert action_of(headers, body).startswith(READS), headers
    return answer


def actions(planned: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(each["change"], each["action"], each["resource"]) for each in planned["changes"]]


def fields(planned: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """What differs: from and to."""
    return {
        each["field"]: (each["is"], each["wanted"])
        for change in planned["changes"]
        for each in change["differences"]
    }


def quotas(planned: dict[str, Any]) -> dict[str, tuple[int, int, int]]:
    return {each["name"]: (each["used"], each["added"], each["most"]) for each in planned["quotas"]}


@pytest.mark.parametrize("routing", ["edge", "alb"])
def test_the_plan_of_a_new_app_is_what_an_ensure_then_does(cloud: Cloud, routing: str) -> None:
    settings = cloud.alb if routing == "alb" else cloud.settings

    planned = plan(cloud, settings=settings)

    begun = cloud.placed(settings=settings)["begun"]
    assert [action for _, action, _ in actions(planned)] == [
        " ".join(each.split(" ")[:2]) for each in begun
    ]
    assert {each["change"] for each in planned["changes"]} == {"create", "update"}
    assert plan(cloud, settings=settings) == {"quotas": [], "changes": []}


def test_quotas_come_from_what_is_there(cloud: Cloud) -> None:
    cloud.placed(settings=cloud.alb)

    counted = quotas(
        plan(cloud, settings=cloud.alb, spec=revision(app_id="other"), rule_priority=200)
    )

    # moto counts no services in its description of a cluster.
    assert counted["services of the cluster"][1:] == (1, 5000)
    assert counted["rules of the load balancer"] == (2, 2, 100)
    assert counted["target groups of the load balancer"] == (2, 2, 85)
    assert counted["secrets of the account in this region"][:2] == (1, 1)


def test_processors_are_compared_with_the_default_where_no_quota_is_told(cloud: Cloud) -> None:
    """moto knows no quota of Fargate, and of a task no processors."""

    def vcpus(tasks: int) -> dict[str, Any]:
        (found,) = (
            each for each in plan(cloud, tasks=tasks)["quotas"] if "vCPUs" in each["name"]
        )
        return found

    enough = vcpus(24)
    assert (enough["used"], enough["added"], enough["most"], enough["is_enough"]) == (0, 6, 6, True)
    assert "the quota of vCPUs is AWS's default: " in enough["note"]
    assert "NoSuchResourceException" in enough["note"]
    too_many = vcpus(25)
    assert (too_many["added"], too_many["is_enough"]) == (6.25, False)


def test_a_second_revision_names_what_changes(cloud: Cloud) -> None:
    cloud.placed()

    planned = plan(cloud, spec=revision(revision=8, package_sha256="c" * 64))

    assert [change for change, _, _ in actions(planned)] == [
        "update",
        "replace",
        "update",
        "update",
    ]
    changed = fields(planned)
    sha = "containerDefinitions[agent-runtime].environment[PACKAGE_SHA256]"
    assert changed[sha] == ("b" * 64, "c" * 64)
    assert changed["tags[pixell:revision]"] == ("7", "8")
    assert "sk-very-secret" not in str(planned)


def test_a_target_group_that_has_to_be_replaced(cloud: Cloud) -> None:
    cloud.placed(settings=cloud.alb)
    vpc = cloud.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]

    planned = plan(cloud, settings={**cloud.alb, "PAC_ECS_VPC": vpc})

    made = [each for each in actions(planned) if each[1] == "elbv2 CreateTargetGroup"]
    rules = [each for each in actions(planned) if each[1] == "elbv2 ModifyRule"]
    assert (len(made), len(rules)) == (2, 2)
    assert cloud.placed(settings={**cloud.alb, "PAC_ECS_VPC": vpc})["place"]["is_switching"]


def change_count(cloud: Cloud) -> None:
    cloud.ecs.update_service(cluster=CLUSTER, service=NAME, desiredCount=4)


def change_network(cloud: Cloud) -> None:
    inside = {
        "subnets": cloud.subnets[:1],
        "securityGroups": [cloud.settings["PAC_ECS_SECURITY_GROUPS"]],
    }
    cloud.ecs.update_service(
        cluster=CLUSTER, service=NAME, networkConfiguration={"awsvpcConfiguration": inside}
    )


def change_environment(cloud: Cloud) -> None:
    """A copy of the definition, as a console makes it: with its tags."""
    found = cloud.ecs.describe_task_definition(taskDefinition=NAME, include=["TAGS"])
    copied = found["taskDefinition"]
    (container,) = copied["containerDefinitions"]
    for variable in container["environment"]:
        if variable["name"] == "MAX_PACKAGE_SIZE_MB":
            variable["value"] = "999"
    kept = (
        "family",
        "taskRoleArn",
        "executionRoleArn",
        "networkMode",
        "containerDefinitions",
        "volumes",
        "requiresCompatibilities",
        "cpu",
        "memory",
        "runtimePlatform",
    )
    made = cloud.ecs.register_task_definition(
        **{key: copied[key] for key in kept if key in copied}, tags=found["tags"]
    )
    arn = made["taskDefinition"]["taskDefinitionArn"]
    cloud.ecs.update_service(cluster=CLUSTER, service=NAME, taskDefinition=arn)


def change_health(cloud: Cloud) -> None:
    for arn, group in cloud.groups().items():
        if group["ProtocolVersion"] == "HTTP1":
            cloud.elb.modify_target_group(TargetGroupArn=arn, HealthCheckPath="/other")


def change_rule(cloud: Cloud) -> None:
    condition = {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/elsewhere/*"]}}
    cloud.elb.modify_rule(RuleArn=cloud.rules()["101"]["RuleArn"], Conditions=[condition])


def change_tags(cloud: Cloud) -> None:
    arn = cloud.service()["serviceArn"]
    cloud.ecs.tag_resource(resourceArn=arn, tags=[{"key": "pixell:revision", "value": "99"}])


@pytest.mark.parametrize(
    ("by_hand", "field", "is_now", "wanted"),
    [
        (change_count, "desiredCount", "4", "1"),
        (change_network, "networkConfiguration.awsvpcConfiguration.subnets", None, None),
        (
            change_environment,
            "containerDefinitions[agent-runtime].environment[MAX_PACKAGE_SIZE_MB]",
            "999",
            "100",
        ),
        (change_health, "HealthCheckPath", "/other", "/health"),
        (change_rule, "Conditions[path-pattern].PathPatternConfig.Values", None, None),
        (change_tags, "tags[pixell:revision]", "99", "7"),
    ],
)
def test_what_somebody_changed_is_named_and_repaired(
    cloud: Cloud, by_hand: Any, field: str, is_now: str | None, wanted: str | None
) -> None:
    cloud.placed(settings=cloud.alb)
    by_hand(cloud)

    changed = fields(plan(cloud, settings=cloud.alb))

    assert field in changed
    if wanted is not None:
        assert changed[field] == (is_now, wanted)
    cloud.placed(settings=cloud.alb)
    assert plan(cloud, settings=cloud.alb)["changes"] == []


def test_what_others_made_is_refused_as_the_ensure_refuses_it(cloud: Cloud) -> None:
    cloud.secrets.create_secret(Name=NAME, SecretString="{}")

    answer = ask(cloud)

    assert answer == {key: value for key, value in cloud.ensure().items() if key in answer}
    assert "is there, but not of the app" in answer["error"]

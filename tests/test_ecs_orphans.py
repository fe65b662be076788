"""What is left over of this installation in AWS is found and removed; nothing else is touched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pixell_testing.ecs import INSTALLATION, revision
from pixell_testing.ecs_cloud import CLUSTER, Cloud, judged, running_cloud

NAMESPACE = "agents"
LIVE = {"here": 100}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(tmp_path_factory.mktemp("moto")) as cloud:
        yield cloud


@pytest.fixture
def cloud(account: Cloud) -> Iterator[Cloud]:
    with judged(account) as cloud:
        cloud.map = cloud.moto.client("servicediscovery")
        cloud.map.create_http_namespace(Name=NAMESPACE, CreatorRequestId="1")
        cloud.alb["PAC_ECS_NAMESPACE"] = NAMESPACE
        yield cloud


def place(cloud: Cloud, app: str, priority: int, **asked: Any) -> None:
    spec = revision(app_id=app)
    asked = {"settings": cloud.alb, "spec": spec, "rule_priority": priority, **asked}
    cloud.placed(**asked)
    cloud.probe.ask(
        op="ecs.mirror",
        settings=cloud.alb,
        installation=asked.get("installation", INSTALLATION),
        spec=spec,
    )


def collect(cloud: Cloud, **asked: Any) -> Any:
    """The answer of a collection, or with `is_dry` the list."""
    asked = {"settings": cloud.alb, "live": LIVE, "app": "gone", **asked}
    answer = cloud.probe.ask(op="ecs.collect", installation=INSTALLATION, **asked)
    assert "error" not in answer, answer
    return answer["place"]


def everything(cloud: Cloud) -> dict[str, Any]:
    """What boto3 finds, without times."""
    arns = cloud.ecs.list_services(cluster=CLUSTER)["serviceArns"]
    services = cloud.ecs.describe_services(cluster=CLUSTER, services=arns)["services"]
    return {
        "services": sorted(each["serviceName"] for each in services if each["status"] == "ACTIVE"),
        "definitions": cloud.ecs.list_task_definitions(status="ACTIVE")["taskDefinitionArns"],
        "rules": cloud.rules(),
        "groups": cloud.groups(),
        "secrets": [each["Name"] for each in cloud.secrets.list_secrets()["SecretList"]],
        "told": [each["Name"] for each in cloud.map.list_services()["Services"]],
    }


def test_what_apps_that_are_gone_left_is_removed_and_nothing_else(cloud: Cloud) -> None:
    place(cloud, "here", 100)
    # Made by hand: with our names, without our tags.
    cloud.ecs.register_task_definition(family="agent-by-hand", containerDefinitions=[])
    cloud.secrets.create_secret(Name="agent-by-hand", SecretString="x")
    cloud.elb.create_target_group(
        Name="ag-by-hand", Protocol="HTTP", Port=1, TargetType="ip", VpcId=cloud.alb["PAC_ECS_VPC"]
    )
    before = everything(cloud)
    place(cloud, "gone", 200)
    place(cloud, "gone-too", 300)

    kinds = {each["kind"] for each in collect(cloud, is_dry=True)}
    listed = {each["app"] for each in collect(cloud, is_dry=True)}

    # Definitions and Cloud Map's services go with the services that were seen.
    assert kinds == {"service", "rule", "target group", "secret"}
    assert listed == {"gone", "gone-too"}
    assert everything(cloud) != before

    answer = collect(cloud)

    assert answer == {"removed": ["gone", "gone-too"], "waiting": [], "failed": []}
    assert everything(cloud) == before
    assert collect(cloud, is_dry=True) == []


def test_what_has_no_service_any_more_is_found_too(cloud: Cloud) -> None:
    place(cloud, "here", 100)
    before = everything(cloud)
    place(cloud, "gone", 200)
    cloud.ecs.delete_service(cluster=CLUSTER, service="agent-gone", force=True)
    for priority in ("200", "201"):
        cloud.elb.delete_rule(RuleArn=cloud.rules()[priority]["RuleArn"])

    kinds = {each["kind"] for each in collect(cloud, is_dry=True)}

    assert kinds == {"task definition", "target group", "service of Cloud Map", "secret"}
    assert collect(cloud)["removed"] == ["gone"]
    assert everything(cloud) == before


def test_another_installation_keeps_what_it_has(cloud: Cloud) -> None:
    names = {"PAC_ECS_NAME_PREFIX": "agent-second-", "PAC_ECS_TARGET_GROUP_PREFIX": "ag-second-"}
    place(
        cloud,
        "gone",
        200,
        installation="another",
        settings={**cloud.alb, **names},
    )
    before = everything(cloud)

    assert collect(cloud, is_dry=True) == []
    assert collect(cloud) == {"removed": [], "waiting": [], "failed": []}

    assert everything(cloud) == before


def left_over(cloud: Cloud, **asked: Any) -> list[tuple[str, str]]:
    """Kinds and ARNs of the list."""
    return [(each["kind"], each["resource"]) for each in collect(cloud, is_dry=True, **asked)]


def test_rules_that_an_app_does_not_use_any_more_are_told_and_stay(cloud: Cloud) -> None:
    place(cloud, "here", 100)
    # The app was at another place, and its load balancer was taken away meanwhile.
    place(cloud, "here", 400)
    before = everything(cloud)

    told = left_over(cloud)

    assert sorted(told) == sorted(
        ("rule", before["rules"][each]["RuleArn"]) for each in ("400", "401")
    )
    # With the edge, all of its rules are.
    assert len(left_over(cloud, settings={**cloud.alb, "PAC_ECS_ROUTING": "edge"})) == 4
    assert collect(cloud) == {"removed": [], "waiting": [], "failed": []}
    assert everything(cloud) == before


def test_a_group_of_an_app_that_nothing_leads_to_is_told_and_stays(cloud: Cloud) -> None:
    place(cloud, "here", 100)
    ours = {"pixell:installation": INSTALLATION, "pixell:app": "here", "pixell:slot": "a"}
    (left,) = cloud.elb.create_target_group(
        Name="ag-0123456789abcdef-ar",
        Protocol="HTTP",
        Port=1,
        TargetType="ip",
        VpcId=cloud.alb["PAC_ECS_VPC"],
        Tags=[{"Key": key, "Value": value} for key, value in ours.items()],
    )["TargetGroups"]
    before = everything(cloud)

    assert left_over(cloud) == [("target group", left["TargetGroupArn"])]
    assert collect(cloud) == {"removed": [], "waiting": [], "failed": []}
    assert everything(cloud) == before

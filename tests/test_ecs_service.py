"""A service of an app on ECS: what Pixell makes in moto, boto3 reads back; each request is one that
AWS's models allow."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pixell_testing.aws import Trouble
from pixell_testing.ecs import INSTALLATION, revision
from pixell_testing.ecs_cloud import CLUSTER, Cloud, action_of, judged, running_cloud, tags

ATTEMPTS = 3
READS = ("Describe", "List", "Get")


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(tmp_path_factory.mktemp("moto")) as cloud:
        yield cloud


@pytest.fixture
def cloud(account: Cloud) -> Iterator[Cloud]:
    with judged(account) as cloud:
        yield cloud


OURS = {"pixell:installation": INSTALLATION, "pixell:app": "python-executor"}


def test_an_app_gets_its_service(cloud: Cloud) -> None:
    place = cloud.placed(tasks=2)["place"]

    service = cloud.service()
    assert service["serviceArn"] == place["service"]
    assert (service["launchType"], service["desiredCount"]) == ("FARGATE", 2)
    assert service["taskDefinition"] == place["task_definition"]
    assert tags(service["tags"]) == {**OURS, "pixell:slot": "a", "pixell:revision": "7"}
    inside = service["networkConfiguration"]["awsvpcConfiguration"]
    assert (inside["subnets"], inside["assignPublicIp"]) == (cloud.subnets, "DISABLED")
    secret = cloud.secrets.get_secret_value(SecretId="agent-python-executor")
    assert json.loads(secret["SecretString"]) == {"OPENAI_API_KEY": "sk-very-secret"}
    assert tags(cloud.secrets.describe_secret(SecretId=place["secret"])["Tags"]) == OURS
    task = cloud.ecs.describe_task_definition(taskDefinition=place["task_definition"])
    (container,) = task["taskDefinition"]["containerDefinitions"]
    reference = f"{place['secret']}:OPENAI_API_KEY::{secret['VersionId']}"
    assert container["secrets"] == [{"name": "OPENAI_API_KEY", "valueFrom": reference}]
    (group,) = cloud.logs.describe_log_groups()["logGroups"]
    assert (group["logGroupName"], group["retentionInDays"]) == ("/ecs/pixell-agent-runtime", 30)


def test_each_change_is_recorded_before_and_none_is_made_twice(cloud: Cloud) -> None:
    first = cloud.placed(settings=cloud.alb)
    asked = zip(cloud.proxy.asked, cloud.proxy.bodies, strict=True)
    made = [action_of(request[2], body) for request, body in asked]
    changes = [each for each in made if not each.startswith(READS)]
    assert [each.split(" ")[1] for each in first["begun"]] == changes
    order = ("CreateSecret", "RegisterTaskDefinition", "CreateTargetGroup", "CreateRule")
    assert [changes.index(each) for each in (*order, "CreateService")] == sorted(
        changes.index(each) for each in (*order, "CreateService")
    )

    ended = dict(zip(first["begun"], first["results"], strict=True))
    assert ended["ecs CreateService agent-python-executor"] == first["place"]["service"]
    assert ended["elbv2 CreateRule 101"] == cloud.rules()["101"]["RuleArn"]
    made_groups = {arn for step, arn in ended.items() if "CreateTargetGroup" in step}
    assert made_groups == set(cloud.groups())

    second = cloud.placed(settings=cloud.alb)

    assert second["begun"] == []
    assert second["place"] == first["place"]


def test_another_revision_updates_the_service(cloud: Cloud) -> None:
    first = cloud.placed()["place"]
    spec = revision(revision=8, package_sha256="c" * 64, environment={"OPENAI_API_KEY": "sk-new"})

    second = cloud.placed(spec=spec, tasks=3)["place"]

    assert second["service"] == first["service"]
    assert second["task_definition"] != first["task_definition"]
    service = cloud.service()
    assert (service["taskDefinition"], service["desiredCount"]) == (second["task_definition"], 3)
    assert tags(service["tags"])["pixell:revision"] == "8"
    # The earlier revision still has its own values.
    before = cloud.ecs.describe_task_definition(taskDefinition=first["task_definition"])
    (reference,) = before["taskDefinition"]["containerDefinitions"][0]["secrets"]
    version = reference["valueFrom"].rpartition(":")[2]
    kept = cloud.secrets.get_secret_value(SecretId=first["secret"], VersionId=version)
    assert json.loads(kept["SecretString"]) == {"OPENAI_API_KEY": "sk-very-secret"}


def test_a_load_balancer_leads_to_both_surfaces(cloud: Cloud) -> None:
    cloud.placed(settings=cloud.alb)

    rules = cloud.rules()
    assert set(rules) == {"100", "101"}
    fields = {each["Field"]: each for each in rules["100"]["Conditions"]}
    assert fields["http-header"]["HttpHeaderConfig"]["Values"] == ["application/grpc*"]
    paths = rules["101"]["Conditions"][0]["PathPatternConfig"]["Values"]
    assert paths == ["/agents/python-executor", "/agents/python-executor/*"]
    ((grpc, weight),) = cloud.legs("100").items()
    ((rest, _),) = cloud.legs("101").items()
    assert weight == 1
    assert cloud.attached() == {grpc: 50051, rest: 8080}
    groups = cloud.groups()
    assert (groups[grpc]["ProtocolVersion"], groups[rest]["ProtocolVersion"]) == ("GRPC", "HTTP1")
    assert groups[rest]["HealthCheckPath"] == "/health"
    for arn in (grpc, rest, rules["100"]["RuleArn"]):
        (described,) = cloud.elb.describe_tags(ResourceArns=[arn])["TagDescriptions"]
        assert OURS.items() <= tags(described["Tags"]).items()
    kept = cloud.elb.describe_target_group_attributes(TargetGroupArn=rest)["Attributes"]
    assert {"Key": "deregistration_delay.timeout_seconds", "Value": "30"} in kept


def test_the_second_slot_gets_no_traffic_by_being_there(cloud: Cloud) -> None:
    cloud.placed(settings=cloud.alb)
    before = cloud.legs("101")

    cloud.placed(settings=cloud.alb, slot="b", spec=revision(revision=8))

    legs = cloud.legs("101")
    assert before.items() <= legs.items()
    assert sorted(legs.values()) == [0, 1]
    second = set(cloud.attached("agent-python-executor-b"))
    assert {arn for arn, weight in legs.items() if weight == 0} <= second
    assert not second & set(cloud.attached())


def test_a_target_group_that_cannot_be_changed_is_replaced(cloud: Cloud) -> None:
    cloud.placed(settings=cloud.alb)
    old = cloud.legs("101")
    vpc = cloud.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    other = {**cloud.alb, "PAC_ECS_VPC": vpc}

    answer = cloud.placed(settings=other)

    # Made, and not used before a task is healthy there.
    assert answer["place"]["is_switching"]
    legs = cloud.legs("101")
    (new,) = set(legs) - set(old)
    assert legs == {**old, new: 0}
    assert set(cloud.attached()) == set(cloud.groups())
    for arn, port in cloud.attached().items():
        cloud.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": "10.9.0.7", "Port": port}])

    answer = cloud.placed(settings=other)

    # Switched, and the old one deleted.
    assert not answer["place"]["is_switching"]
    assert cloud.legs("101") == {new: 1}
    assert set(cloud.attached()) == set(cloud.groups())
    assert not set(old) & set(cloud.groups())
    assert cloud.placed(settings=other)["begun"] == []


def test_load_balancers_are_taken_away_when_they_are_not_wanted_any_more(cloud: Cloud) -> None:
    cloud.placed(settings=cloud.alb)

    cloud.placed()

    assert cloud.attached() == {}
    assert cloud.placed()["begun"] == []


def test_what_a_crash_left_to_delete_is_deleted(cloud: Cloud) -> None:
    (left,) = cloud.elb.create_target_group(
        Name="left", Protocol="HTTP", Port=1, TargetType="ip", VpcId=cloud.alb["PAC_ECS_VPC"]
    )["TargetGroups"]
    step = ["python-executor", "elbv2 DeleteTargetGroup", left["TargetGroupArn"]]

    cloud.placed(settings=cloud.alb, open=[step])

    assert left["TargetGroupArn"] not in cloud.groups()


CHANGES = (
    "CreateSecret",
    "CreateLogGroup",
    "PutRetentionPolicy",
    "RegisterTaskDefinition",
    "CreateTargetGroup",
    "ModifyTargetGroupAttributes",
    "CreateRule",
    "CreateService",
)


@pytest.mark.parametrize("lost", CHANGES)
def test_an_answer_that_is_lost_after_the_change(cloud: Cloud, lost: str) -> None:
    troubles = [Trouble(cut_after=1)]

    def judge(headers: Mapping[str, str]) -> Trouble | None:
        is_lost = action_of(headers, cloud.proxy.bodies[-1]) == lost
        return troubles.pop() if is_lost and troubles else None

    cloud.proxy.judge = judge
    begun = []
    answer: dict[str, Any] = {}
    for _ in range(ATTEMPTS):
        answer = cloud.ensure(settings=cloud.alb)
        begun += [each.split(" ")[1] for each in answer["begun"]]
        if "error" not in answer:
            break
        assert answer["later"], answer

    assert "error" not in answer, answer
    assert not troubles
    assert lost in begun
    assert len(cloud.ecs.list_task_definitions()["taskDefinitionArns"]) == 1
    assert len(cloud.ecs.list_services(cluster=CLUSTER)["serviceArns"]) == 1
    assert (len(cloud.groups()), len(cloud.rules())) == (2, 2)
    assert cloud.placed(settings=cloud.alb)["begun"] == []


def test_throttling_is_waited_out(cloud: Cloud) -> None:
    refused = Trouble(400, json.dumps({"__type": "ThrottlingException", "message": "slow"}).encode())
    cloud.proxy.troubles = [refused]
    cloud.placed()
    assert cloud.proxy.troubles == []


def without_tags(cloud: Cloud, kind: str) -> None:
    """Takes our tags from a resource, as if others had made it."""
    names = ["pixell:installation"]
    name = "agent-python-executor"
    if kind == "service":
        cloud.ecs.untag_resource(resourceArn=cloud.service()["serviceArn"], tagKeys=names)
    elif kind == "task definition":
        cloud.ecs.register_task_definition(family=name, containerDefinitions=[])
    elif kind == "secret":
        cloud.secrets.untag_resource(SecretId=name, TagKeys=names)
    elif kind == "rule":
        cloud.elb.remove_tags(ResourceArns=[cloud.rules()["101"]["RuleArn"]], TagKeys=names)
    else:
        cloud.elb.remove_tags(ResourceArns=list(cloud.legs("101")), TagKeys=names)


@pytest.mark.parametrize(
    ("kind", "variable"),
    [
        ("service", "PAC_ECS_NAME_PREFIX"),
        ("task definition", "PAC_ECS_NAME_PREFIX"),
        ("secret", "PAC_ECS_NAME_PREFIX"),
        ("rule", "PAC_ECS_LISTENER"),
        ("target group", "PAC_ECS_TARGET_GROUP_PREFIX"),
    ],
)
def test_what_others_made_is_refused_with_the_remedy(
    cloud: Cloud, kind: str, variable: str
) -> None:
    cloud.placed(settings=cloud.alb)
    without_tags(cloud, kind)
    before = (cloud.service(), cloud.rules(), cloud.groups())

    answer = cloud.ensure(settings=cloud.alb, tasks=5)

    assert answer["code"] == "failed_precondition"
    assert kind in answer["error"]
    assert f"or set {variable} to something else" in answer["error"]
    assert "tag it with pixell:installation=" in answer["error"]
    assert (cloud.service(), cloud.rules(), cloud.groups()) == before


def test_a_cluster_that_is_not_there_is_told(cloud: Cloud) -> None:
    answer = cloud.ensure(settings={**cloud.settings, "PAC_ECS_CLUSTER": "nowhere"})
    assert answer["error"] == (
        "the cluster nowhere is not there: create it, or set PAC_ECS_CLUSTER"
    )

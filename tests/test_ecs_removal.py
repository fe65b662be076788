"""What an app has in AWS is removed: what Pixell made in moto is gone for boto3, in a safe order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pixell_testing.aws import Trouble
from pixell_testing.ecs import INSTALLATION, revision
from pixell_testing.ecs_cloud import CLUSTER, Cloud, action_of, judged, running_cloud

APP = "python-executor"
NAME = "agent-python-executor"
NAMESPACE = "agents"
ATTEMPTS = 4
READS = ("Describe", "List", "Get")


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


def place_all(cloud: Cloud, app: str = APP, priority: int = 100) -> None:
    """An app with both slots, a second definition, a secret and a task told in Cloud Map."""
    spec = revision(app_id=app)
    cloud.placed(settings=cloud.alb, spec=spec, rule_priority=priority)
    spec["revision"] = 8
    cloud.placed(settings=cloud.alb, spec=spec, rule_priority=priority, slot="b")
    told = cloud.probe.ask(
        op="ecs.mirror", settings=cloud.alb, installation=INSTALLATION, spec=spec
    )
    cloud.map.register_instance(
        ServiceId=told["service"], InstanceId="task", Attributes={"AWS_INSTANCE_IPV4": "10.0.0.1"}
    )
    cloud.proxy.asked.clear()
    cloud.proxy.bodies.clear()


def remove(cloud: Cloud, **asked: Any) -> dict[str, Any]:
    """The answer of one call, place or error."""
    asked = {"app": APP, "settings": cloud.alb, **asked}
    return cloud.probe.ask(op="ecs.remove", installation=INSTALLATION, **asked)


def left(cloud: Cloud) -> dict[str, list[str]]:
    """What boto3 finds, by kind."""
    services = cloud.ecs.list_services(cluster=CLUSTER)["serviceArns"]
    active = [
        each["serviceName"]
        for each in cloud.ecs.describe_services(cluster=CLUSTER, services=services)["services"]
        if each["status"] == "ACTIVE"
    ] if services else []
    definitions = cloud.ecs.list_task_definitions(status="ACTIVE")["taskDefinitionArns"]
    return {
        "services": sorted(active),
        "definitions": [each.rpartition("/")[2] for each in definitions],
        "rules": sorted(cloud.rules()),
        "groups": sorted(cloud.groups()),
        "secrets": [each["Name"] for each in cloud.secrets.list_secrets()["SecretList"]],
        "told": [each["Name"] for each in cloud.map.list_services()["Services"]],
    }


def changes(cloud: Cloud) -> list[str]:
    asked = zip(cloud.proxy.asked, cloud.proxy.bodies, strict=True)
    made = [action_of(request[2], body) for request, body in asked]
    return [each for each in made if not each.startswith(READS)]


def test_all_of_an_app_is_gone_and_nothing_of_another(cloud: Cloud) -> None:
    place_all(cloud, app="other", priority=200)
    others = left(cloud)
    place_all(cloud)

    answer = remove(cloud)

    assert answer["place"] == {"is_done": True, "waits_for": ""}, answer
    assert answer["open"] == []
    assert left(cloud) == others
    deleted = cloud.secrets.describe_secret(SecretId=NAME)
    days = (deleted["DeletedDate"] - deleted["CreatedDate"]).days
    assert days in (6, 7)
    (group,) = cloud.logs.describe_log_groups()["logGroups"]
    assert group["logGroupName"] == "/ecs/pixell-agent-runtime"

    again = remove(cloud)

    assert again["place"]["is_done"]
    assert again["begun"] == []


def test_requests_stop_before_tasks_and_tasks_before_what_they_need(cloud: Cloud) -> None:
    place_all(cloud)

    answer = remove(cloud)

    made = changes(cloud)
    order = (
        "DeleteRule",
        "DeregisterInstance",
        "UpdateService",
        "DeleteTargetGroup",
        "DeregisterTaskDefinition",
        "DeleteSecret",
    )
    for earlier, later in zip(order, order[1:], strict=False):
        last = len(made) - made[::-1].index(earlier)
        assert last <= made.index(later), made
    # Each of them, and the notes of what to delete, were recorded.
    recorded = [each.split(" ")[1] for each in answer["begun"]]
    assert recorded[:4] == ["DeleteTargetGroup"] * 4
    assert recorded[4:] == made


LOST = (
    "DeleteRule",
    "DeregisterInstance",
    "UpdateService",
    "DeleteService",
    "DeleteTargetGroup",
    "DeregisterTaskDefinition",
    "DeleteSecret",
)


@pytest.mark.parametrize("lost", LOST)
def test_an_answer_that_is_lost_after_the_change(cloud: Cloud, lost: str) -> None:
    place_all(cloud)
    troubles = [Trouble(cut_after=1)]

    def judge(headers: Mapping[str, str]) -> Trouble | None:
        is_lost = action_of(headers, cloud.proxy.bodies[-1]) == lost
        return troubles.pop() if is_lost and troubles else None

    cloud.proxy.judge = judge
    answer: dict[str, Any] = {}
    for _ in range(ATTEMPTS):
        answer = remove(cloud, open=answer.get("open", []))
        if answer.get("place", {}).get("is_done"):
            break
        assert answer.get("later", True), answer

    assert answer["place"]["is_done"], answer
    assert answer["open"] == []
    assert not troubles
    assert not any(left(cloud).values()), left(cloud)


def test_without_the_journal_too_all_of_today_is_found(cloud: Cloud) -> None:
    place_all(cloud)
    for rule in cloud.rules().values():
        cloud.elb.delete_rule(RuleArn=rule["RuleArn"])
    for name in (NAME, NAME + "-b"):
        cloud.ecs.delete_service(cluster=CLUSTER, service=name, force=True)

    assert remove(cloud)["place"]["is_done"]

    assert not any(left(cloud).values())


def test_what_others_made_stays_and_is_told(cloud: Cloud) -> None:
    place_all(cloud)
    cloud.ecs.untag_resource(
        resourceArn=cloud.service()["serviceArn"], tagKeys=["pixell:installation"]
    )
    before = left(cloud)

    answer = remove(cloud)

    assert answer["code"] == "failed_precondition"
    assert answer["error"].startswith(f"the service {NAME} of {CLUSTER} is there, but not of the app")
    assert left(cloud) == before
    assert changes(cloud) == []


def test_rules_and_groups_of_others_stay(cloud: Cloud) -> None:
    place_all(cloud)
    theirs = cloud.rules()["101"]["RuleArn"]
    (group, *_) = cloud.legs("101")
    cloud.elb.remove_tags(ResourceArns=[theirs, group], TagKeys=["pixell:installation"])
    answer: dict[str, Any] = {}

    answer = remove(cloud)

    # The other group of that rule is ours, and in use by a rule that is not.
    assert answer["place"] == {
        "is_done": False,
        "waits_for": "a target group that is still in use",
    }
    assert set(cloud.rules()) == {"101"}
    assert group in cloud.groups()

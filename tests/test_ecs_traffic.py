"""Traffic of apps on load balancers of AWS: what Pixell sets, boto3 reads back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pixell_testing.ecs import INSTALLATION, revision
from pixell_testing.ecs_cloud import Cloud, judged, running_cloud

APP = "python-executor"
NAME = "agent-python-executor"
NOTHING = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(tmp_path_factory.mktemp("moto")) as cloud:
        yield cloud


@pytest.fixture
def cloud(account: Cloud) -> Iterator[Cloud]:
    with judged(account) as cloud:
        yield cloud


def place_both(cloud: Cloud) -> None:
    """Revision 7 in slot a, 8 in slot b, without tasks."""
    cloud.placed(settings=cloud.alb)
    cloud.placed(settings=cloud.alb, spec=revision(revision=8), slot="b")


def start_tasks(cloud: Cloud, *services: str) -> None:
    for number, name in enumerate(services):
        for arn, port in cloud.attached(name).items():
            target = {"Id": f"10.0.0.{number + 1}", "Port": port}
            cloud.elb.register_targets(TargetGroupArn=arn, Targets=[target])


def follow(cloud: Cloud, **shares: int) -> dict[str, Any]:
    """The answer to one route; shares by revision, as `r7=900`."""
    legs = [
        {"revision": int(name[1:]), "weight_permille": weight, "tag": "", "addresses": []}
        for name, weight in shares.items()
    ]
    route = {"app_id": APP, "short_id": "abcdefgh", "name": APP, "legs": legs}
    return cloud.probe.ask(
        op="ecs.follow",
        installation=INSTALLATION,
        settings=cloud.alb,
        app=APP,
        places=[{"app": APP, "listener": cloud.listener, "priority": 100}],
        routes={"generation": 1, "routes": [{"description": "", "version": "1", **route}]},
    )


def weights(cloud: Cloud, priority: str) -> list[int]:
    """Of the slots a and b."""
    legs = cloud.legs(priority)
    return [
        next(legs[arn] for arn in cloud.attached(name) if arn in legs)
        for name in (NAME, NAME + "-b")
    ]


def test_a_canary_the_switch_and_the_way_back(cloud: Cloud) -> None:
    place_both(cloud)
    start_tasks(cloud, NAME, NAME + "-b")

    for shares, wanted in (
        ({"r7": 900, "r8": 100}, [900, 100]),
        ({"r8": 1000}, [0, 1]),
        ({"r7": 1000}, [1, 0]),
    ):
        answer = follow(cloud, **shares)
        assert answer["place"] == {"held": {}}, answer
        assert [each.split(" ")[1] for each in answer["begun"]] == ["ModifyRule", "ModifyRule"]
        assert weights(cloud, "100") == wanted
        assert weights(cloud, "101") == wanted
        assert follow(cloud, **shares)["begun"] == []


def test_placing_again_leaves_the_weights(cloud: Cloud) -> None:
    place_both(cloud)
    start_tasks(cloud, NAME, NAME + "-b")
    follow(cloud, r7=500, r8=500)

    place_both(cloud)

    assert weights(cloud, "101") == [500, 500]


def test_weights_changed_by_hand_are_repaired(cloud: Cloud) -> None:
    place_both(cloud)
    start_tasks(cloud, NAME, NAME + "-b")
    follow(cloud, r7=900, r8=100)
    rule = cloud.rules()["101"]
    (action,) = rule["Actions"]
    groups = action["ForwardConfig"]["TargetGroups"]
    for group in groups:
        group["Weight"] = 5
    forward = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
    cloud.elb.modify_rule(RuleArn=rule["RuleArn"], Actions=[forward])

    answer = follow(cloud, r7=900, r8=100)

    assert len(answer["begun"]) == 1
    assert weights(cloud, "101") == [900, 100]


def test_a_slot_without_a_healthy_target_gets_nothing(cloud: Cloud) -> None:
    place_both(cloud)
    start_tasks(cloud, NAME)

    answer = follow(cloud, r8=1000)

    held = answer["place"]["held"][APP]
    assert held == "slot b has no healthy target in the rule of priority 100"
    assert weights(cloud, "101") == [1, 0]
    start_tasks(cloud, NAME, NAME + "-b")
    assert follow(cloud, r8=1000)["place"]["held"] == {}
    assert weights(cloud, "101") == [0, 1]


def test_a_revision_that_runs_nowhere_changes_nothing(cloud: Cloud) -> None:
    place_both(cloud)
    start_tasks(cloud, NAME, NAME + "-b")

    answer = follow(cloud, r9=1000)

    assert answer["place"]["held"] == {APP: "revision 9 is in no slot"}
    assert answer["begun"] == []


def second_listener(cloud: Cloud) -> str:
    (balancer,) = cloud.elb.create_load_balancer(Name="second", Subnets=cloud.subnets)[
        "LoadBalancers"
    ]
    (listener,) = cloud.elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTPS",
        Port=443,
        DefaultActions=[NOTHING],
    )["Listeners"]
    return listener["ListenerArn"]


def test_apps_are_spread_over_load_balancers_and_refused_when_all_are_full(cloud: Cloud) -> None:
    settings = {**cloud.alb}
    first = settings.pop("PAC_ECS_LISTENER")
    second = second_listener(cloud)
    settings["PAC_ECS_LISTENERS"] = f"{first},{second}"

    def place(app: str, places: list[dict[str, Any]]) -> dict[str, Any]:
        return cloud.probe.ask(
            op="ecs.place", installation=INSTALLATION, settings=settings, app=app, places=places
        )

    places: list[dict[str, Any]] = []
    for number in range(42):
        answer = place(f"app-{number}", places)
        assert "error" not in answer, answer
        places.append(answer["place"])

    assert [each["listener"] for each in places] == [first] * 21 + [second] * 21
    assert len({(each["listener"], each["priority"]) for each in places}) == 42
    refused = place("one-more", places)
    assert refused["code"] == "resource_exhausted"
    assert "add the ARN of an HTTPS listener of another Application Load Balancer" in refused["error"]


def test_target_groups_and_rules_of_others_take_room(cloud: Cloud) -> None:
    vpc = cloud.alb["PAC_ECS_VPC"]
    for number in range(82):
        (group,) = cloud.elb.create_target_group(
            Name=f"theirs-{number}", Protocol="HTTP", Port=1, TargetType="ip", VpcId=vpc
        )["TargetGroups"]
        cloud.elb.create_rule(
            ListenerArn=cloud.listener,
            Priority=number + 10,
            Conditions=[{"Field": "path-pattern", "Values": [f"/{number}"]}],
            Actions=[{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}],
        )

    answer = cloud.probe.ask(
        op="ecs.place", installation=INSTALLATION, settings=cloud.alb, app="app", places=[]
    )

    assert answer["code"] == "resource_exhausted", answer


def test_an_app_in_the_second_load_balancer_is_whole_there_and_removed_there(cloud: Cloud) -> None:
    settings = {**cloud.alb}
    first = settings.pop("PAC_ECS_LISTENER")
    second = second_listener(cloud)
    settings["PAC_ECS_LISTENERS"] = f"{first},{second}"

    cloud.placed(settings=settings, listener=second)

    found = cloud.elb.describe_rules(ListenerArn=second)["Rules"]
    assert sorted(each["Priority"] for each in found) == ["100", "101", "default"]
    assert cloud.rules() == {}
    answer = cloud.probe.ask(
        op="ecs.remove", installation=INSTALLATION, settings=settings, app=APP
    )
    assert answer["place"]["is_done"], answer
    assert len(cloud.elb.describe_rules(ListenerArn=second)["Rules"]) == 1
    assert cloud.groups() == {}

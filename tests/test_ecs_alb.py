"""Control with its agents behind load balancers of AWS: rules follow the routes, and nothing is drained
before its requests go elsewhere. The AWS is our own model, in which tasks and targets live."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from devtool.pac import Pac, free_port, request, wait_until
from pixell_testing.ecs_cloud import CLUSTER, Cloud
from pixell_testing.ecs_lifecycle.client import LifecycleAws, running_lifecycle
from pixell_testing.pac_cli import Cli
from pixell_testing.packages import versioned

BUCKET = "pixell-agent-packages"
APP = "hello"
PATIENCE_S = 60
GUARD = 85  # target groups of a load balancer that are used
MOST_GROUPS_OF_AN_APP = 4
WRONG_USAGE = 105
LEFT_OVER = 2


class Balanced:
    """A platform, the account it works in, and what its load balancer does."""

    def __init__(self, pac: Pac, aws: LifecycleAws, cloud: Cloud) -> None:
        self.pac, self.aws, self.cloud = pac, aws, cloud
        self.cli = Cli(pac)

    def deploy(self, version: str, app: str = APP) -> str:
        self.pac.inbox.mkdir(parents=True, exist_ok=True)
        file = self.pac.inbox / f"{version}.apkg"
        file.write_bytes(versioned(version))
        return self.pac.deploy(app, file)

    def completed(self, version: str) -> None:
        deployment = self.pac.wait_deployment(self.deploy(version))
        assert deployment["status"] == "completed", deployment

    def address(self) -> dict[str, Any]:
        """How the app is reached, once the load balancer's name is known."""

        def told() -> dict[str, Any]:
            return self.pac.get(f"/v1/apps/{APP}").json().get("balancer", {})

        wait_until("the load balancer's name is known", lambda: "url" in told(), PATIENCE_S)
        return told()

    def plan(self, *arguments: str, **how: Any) -> str:
        """What `pac plan` prints for the app, with control's settings."""
        env = {**self.aws.environment(), **self.cloud.alb, "AGENT_PACKAGES_BUCKET": BUCKET}
        state = str(self.pac.state)
        return self.cli("plan", APP, "--state", state, *arguments, **how, **env).stdout

    def left_over(self, code: int) -> list[str]:
        """What `pac aws orphans` lists."""
        env = {**self.aws.environment(), **self.cloud.alb}
        command = ("aws", "orphans", "--json", "--state", str(self.pac.state))
        listed = json.loads(self.cli(*command, code=code, **env).stdout)
        return [each["resource"] for each in listed["orphans"]]

    def fill(self) -> None:
        """Others use the load balancer, up to where no app has room."""
        vpc = self.cloud.alb["PAC_ECS_VPC"]
        for i in range(GUARD - MOST_GROUPS_OF_AN_APP + 1):
            made = self.cloud.elb.create_target_group(
                Name=f"others-{i}", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip"
            )
            group = made["TargetGroups"][0]["TargetGroupArn"]
            self.cloud.elb.create_rule(
                ListenerArn=self.cloud.listener,
                Priority=1000 + i,
                Conditions=[{"Field": "path-pattern", "Values": [f"/others/{i}"]}],
                Actions=[{"Type": "forward", "TargetGroupArn": group}],
            )

    def weights(self) -> list[dict[str, int]]:
        """Of each rule, by slot."""
        names = {arn: each["TargetGroupName"] for arn, each in self.cloud.groups().items()}
        told = []
        for priority in sorted(self.cloud.rules(), key=int):
            legs = self.cloud.legs(priority).items()
            told.append({names[arn][-2]: weight for arn, weight in legs})
        return told

    def until_only(self, slot: str) -> None:
        """Until both rules lead to one slot alone."""

        def do_rules() -> bool:
            leading = [{leg for leg, weight in rule.items() if weight} for rule in self.weights()]
            return leading == [{slot}, {slot}]

        wait_until(f"both rules lead to {slot}", do_rules, PATIENCE_S)

    def states(self, group: str) -> list[str]:
        """Of the targets of a group."""
        described = self.cloud.elb.describe_target_health(TargetGroupArn=group)
        return [each["TargetHealth"]["State"] for each in described["TargetHealthDescriptions"]]


@pytest.fixture(scope="module")
def balanced(scratch: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Balanced]:
    with running_lifecycle(tmp_path_factory.mktemp("aws")) as aws:
        cloud = Cloud(aws, None, None)
        cloud.furnish()
        store = aws.client("s3")
        place = {"LocationConstraint": store.meta.region_name}
        store.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
        env = {**aws.environment(), **cloud.alb, "AGENT_PACKAGES_BUCKET": BUCKET}
        folder = scratch / "ecs-alb"
        pac = Pac(folder / "state", free_port(), home=folder, engine="ecs", env=env)
        pac.start()
        try:
            yield Balanced(pac, aws, cloud)
        finally:
            pac.stop()
            pac.kill_all()


def test_a_deployment_gets_rules_that_lead_to_its_tasks(balanced: Balanced) -> None:
    balanced.completed("1.0.0")

    rules = balanced.cloud.rules()
    first, second = sorted(map(int, rules))
    assert second == first + 1
    for priority in rules:
        ((group, weight),) = balanced.cloud.legs(priority).items()
        assert weight > 0
        assert balanced.states(group) == ["healthy"]


def test_an_app_tells_on_which_load_balancer_it_is(balanced: Balanced) -> None:
    told = balanced.address()

    (balancer,) = balanced.cloud.elb.describe_load_balancers()["LoadBalancers"]
    assert told == {
        "load_balancer": balancer["LoadBalancerArn"],
        "listener": balanced.cloud.listener,
        "dns_name": balancer["DNSName"],
        "url": f"https://{balancer['DNSName']}/agents/{APP}/",
        "rule_priorities": sorted(map(int, balanced.cloud.rules())),
    }
    status = balanced.cli("status", APP).stdout
    assert told["url"] in status
    first, second = told["rule_priorities"]
    assert f"rules {first} and {second} of {balanced.cloud.listener}" in status


def test_a_plan_knows_the_place_of_the_app(balanced: Balanced) -> None:
    assert balanced.plan("--detailed-exitcode") == "Nothing would change.\n"

    (first, _) = balanced.address()["rule_priorities"]
    balanced.plan("--rule-priority", str(first))
    balanced.plan("--rule-priority", str(first + 100), code=WRONG_USAGE)


def test_a_plan_counts_the_processors_of_running_tasks(balanced: Balanced) -> None:
    planned = json.loads(balanced.plan("--tasks", "3", "--json"))

    (vcpus,) = (each for each in planned["quotas"] if "vCPUs" in each["name"])
    note = vcpus.pop("note")
    assert vcpus == {
        "name": "vCPUs of Fargate On-Demand, by tasks of the cluster",
        "used": 0.25,
        "added": 0.5,
        "most": 6,
        "is_enough": True,
    }
    assert "AWS's default" in note


def test_a_rule_at_another_place_than_the_apps_is_left_over(balanced: Balanced) -> None:
    assert balanced.left_over(code=0) == []

    elb, (own, *_) = balanced.cloud.elb, balanced.cloud.rules().values()
    described = elb.describe_tags(ResourceArns=[own["RuleArn"]])["TagDescriptions"]
    made = elb.create_rule(
        ListenerArn=balanced.cloud.listener,
        Priority=40_000,
        Conditions=[{"Field": "path-pattern", "Values": ["/earlier/*"]}],
        Actions=own["Actions"],
        Tags=described[0]["Tags"],
    )
    (left,) = (each["RuleArn"] for each in made["Rules"])
    assert balanced.left_over(code=LEFT_OVER) == [left]

    elb.delete_rule(RuleArn=left)
    assert balanced.left_over(code=0) == []


def test_requests_move_before_the_old_revision_drains(balanced: Balanced) -> None:
    seen: list[tuple[list[dict[str, int]], int]] = []
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(0.05):
            counts = balanced.cloud.service("agent-hello")["desiredCount"]
            seen.append((balanced.weights(), counts))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        balanced.completed("2.0.0")
        balanced.until_only("b")
        balanced.pac.keep_cold(APP)
        wait_until(
            "the old revision is stopped",
            lambda: balanced.cloud.service("agent-hello")["desiredCount"] == 0,
            PATIENCE_S,
        )
    finally:
        is_over.set()
        watching.join()

    for weights, count in seen:
        leads_to_a = any(each.get("a", 0) for each in weights)
        assert count > 0 or not leads_to_a, seen


def test_a_rollback_moves_them_back(balanced: Balanced) -> None:
    answer = balanced.pac.post(f"/v1/apps/{APP}/rollback", {})
    assert answer.status == 202, answer.text

    balanced.until_only("a")


def test_weights_that_somebody_changed_by_hand_come_back(balanced: Balanced) -> None:
    for priority, rule in balanced.cloud.rules().items():
        legs = [
            {"TargetGroupArn": arn, "Weight": 0 if weight else 1}
            for arn, weight in balanced.cloud.legs(priority).items()
        ]
        action = {"Type": "forward", "ForwardConfig": {"TargetGroups": legs}}
        balanced.cloud.elb.modify_rule(RuleArn=rule["RuleArn"], Actions=[action])
    balanced.until_only("b")

    # A change of the app has it looked at again; so does time, later.
    balanced.completed("3.0.0")

    balanced.until_only("b")


def test_a_deleted_app_leaves_nothing(balanced: Balanced) -> None:
    deleted = request(balanced.pac.url, "DELETE", f"/v1/apps/{APP}")
    assert deleted.status in (200, 202, 204), deleted.text

    def is_gone() -> bool:
        return not balanced.cloud.rules() and not balanced.cloud.groups()

    wait_until("rules and target groups are gone", is_gone, PATIENCE_S)
    listed = balanced.cloud.ecs.list_services(cluster=CLUSTER)
    assert listed["serviceArns"] == []


def test_an_app_for_which_there_is_no_room_says_so_and_what_to_do(balanced: Balanced) -> None:
    balanced.fill()
    began = len(balanced.cloud.groups())

    ended = balanced.pac.wait_deployment(balanced.deploy("4.0.0", "late"))

    assert ended["status"] == "failed"
    for told in (ended["failure"]["message"], balanced.cli("status", "late").stdout):
        assert "none of the 1 load balancers of PAC_ECS_LISTENERS has room for the app late" in told
        assert "add the ARN of an HTTPS listener of another Application Load Balancer" in told
    assert "balancer" not in balanced.pac.get("/v1/apps/late").json()
    assert len(balanced.cloud.groups()) == began, "it is refused before anything is made"

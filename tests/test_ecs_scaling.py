"""An app on ECS that Application Auto Scaling scales. The AWS is our own model, in which nobody
measures: the test changes the service's number as Application Auto Scaling would."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from devtool.pac import Pac, Reply, free_port, request, wait_until
from pixell_testing.ecs import settings
from pixell_testing.ecs_cloud import tags
from pixell_testing.ecs_lifecycle.client import LifecycleAws, running_lifecycle
from pixell_testing.pac_cli import Cli
from pixell_testing.packages import versioned

APP = "hello"
BUCKET = "pixell-agent-packages"
CLUSTER = "pixell-runtime-cluster"
SERVICE = "agent-hello"
PATIENCE_S = 60
SCALING = {"min_instances": 1, "max_instances": 3, "cpu_percent": 60}


class Scaled:
    """Control on ECS, and boto3 in the place of Application Auto Scaling."""

    def __init__(self, pac: Pac, aws: LifecycleAws, env: dict[str, str]) -> None:
        self.pac, self.aws, self.ecs = pac, aws, aws.client("ecs")
        self.env = env
        self.scaling = aws.client("application-autoscaling")

    def deploy(self, version: str) -> None:
        self.pac.inbox.mkdir(parents=True, exist_ok=True)
        file = self.pac.inbox / f"{version}.apkg"
        file.write_bytes(versioned(version))
        assert self.pac.deploy_and_wait(APP, file)["status"] == "completed"

    def change(self, **asked: Any) -> Reply:
        return request(self.pac.url, "PATCH", f"/v1/apps/{APP}", body=json.dumps(asked))

    def plan(self) -> list[dict[str, Any]]:
        """The changes that `pac plan` names."""
        command = ("plan", APP, "--json", "--state", str(self.pac.state))
        return json.loads(Cli(self.pac)(*command, **self.env).stdout)["changes"]

    def targets(self) -> dict[str, dict[str, Any]]:
        """Scalable targets by the service."""
        found = self.scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
        return {each["ResourceId"].rpartition("/")[2]: each for each in found}

    def policies(self) -> list[dict[str, Any]]:
        return self.scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]

    def wants(self, count: int, service: str = SERVICE) -> None:
        self.ecs.update_service(cluster=CLUSTER, service=service, desiredCount=count)

    def desired(self, service: str = SERVICE) -> int:
        (found,) = self.ecs.describe_services(cluster=CLUSTER, services=[service])["services"]
        return found["desiredCount"]

    def tasks(self) -> set[str]:
        """Those that are to run."""
        return set(self.ecs.list_tasks(cluster=CLUSTER, desiredStatus="RUNNING")["taskArns"])

    def routed(self) -> int:
        """Instances that get requests."""
        route = self.pac.get(f"/v1/apps/{APP}").json()["route"]
        return sum(leg["targets"] for leg in route["legs"])

    def ready(self) -> set[str]:
        instances = self.pac.live_instances(APP).values()
        return {each["id"] for each in instances if each["phase"] == "ready"}

    def until_so_many(self, count: int) -> None:
        wait_until(
            f"{count} instances are ready and in the route, and no other task runs",
            lambda: len(self.ready()) == self.routed() == len(self.tasks()) == count,
            PATIENCE_S,
        )


def is_suspended(target: dict[str, Any]) -> bool:
    return target["SuspendedState"]["DynamicScalingOutSuspended"]


@pytest.fixture(scope="module")
def scaled(scratch: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scaled]:
    with running_lifecycle(tmp_path_factory.mktemp("aws")) as aws:
        aws.client("ecs").create_cluster(clusterName=CLUSTER)
        aws.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-east-2"}
        )
        ec2 = aws.client("ec2")
        group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
        network = {
            "PAC_ECS_SUBNETS": ec2.describe_subnets()["Subnets"][0]["SubnetId"],
            "PAC_ECS_SECURITY_GROUPS": group,
        }
        env = {**settings(**network), **aws.environment(), "AGENT_PACKAGES_BUCKET": BUCKET}
        folder = scratch / "ecs-scaling"
        pac = Pac(folder / "state", free_port(), home=folder, engine="ecs", env=env)
        pac.start()
        try:
            platform = Scaled(pac, aws, env)
            platform.deploy("1.0.0")
            pac.keep_cold(APP)
            yield platform
        finally:
            pac.stop()
            pac.kill_all()


def test_the_setting_makes_a_target_and_a_policy(scaled: Scaled) -> None:
    assert scaled.change(scaling=SCALING).json()["app"]["settings"]["scaling"] == SCALING

    wait_until("the policy is there", scaled.policies, PATIENCE_S)
    (target,) = scaled.targets().values()
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 3)
    assert target["ResourceId"] == f"service/{CLUSTER}/{SERVICE}"
    assert not is_suspended(target)
    (policy,) = scaled.policies()
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["TargetValue"] == 60
    metric = tracking["PredefinedMetricSpecification"]["PredefinedMetricType"]
    assert metric == "ECSServiceAverageCPUUtilization"


def test_a_plan_names_what_differs_of_target_and_policy(scaled: Scaled) -> None:
    assert scaled.plan() == []

    place = {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/{CLUSTER}/{SERVICE}",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    scaled.scaling.register_scalable_target(**place, MaxCapacity=7)

    (change,) = scaled.plan()

    assert change["action"] == "application-autoscaling RegisterScalableTarget"
    assert {"field": "MaxCapacity", "is": "7", "wanted": "3"} in change["differences"]
    scaled.scaling.register_scalable_target(**place, MaxCapacity=3)


def test_what_is_added_comes_into_the_route(scaled: Scaled) -> None:
    scaled.wants(3)

    scaled.until_so_many(3)

    assert scaled.desired() == 3
    described = scaled.ecs.describe_tasks(
        cluster=CLUSTER, tasks=list(scaled.tasks()), include=["TAGS"]
    )["tasks"]
    assert {tags(task["tags"])["pixell:instance"] for task in described} == scaled.ready()
    wait_until(
        "all of them are protected",
        lambda: all(task["isProtected"] for task in scaled.aws.tasks()),
        PATIENCE_S,
    )


def test_what_is_taken_away_leaves_the_route_first(scaled: Scaled) -> None:
    before = scaled.tasks()
    wrong: list[tuple[int, int]] = []
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(0.02):
            running = len(scaled.tasks())
            # Read afterwards: what is in the route now was in it when the task was told to end.
            if (routed := scaled.routed()) > running:
                wrong.append((running, routed))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        scaled.wants(2)
        scaled.until_so_many(2)
    finally:
        is_over.set()
        watching.join()

    assert not wrong
    assert scaled.desired() == 2
    (gone,) = before - scaled.tasks()
    (task,) = (each for each in scaled.aws.tasks() if each["taskArn"] == gone)
    assert task["stopCode"] == "ServiceSchedulerInitiated"
    assert task["signals"] == [15], "it drained and ended by itself"
    assert len(scaled.aws.tasks()) == len(before), "none was started in its place"


def test_a_rollout_keeps_the_number_and_hands_it_over(scaled: Scaled) -> None:
    scaled.deploy("2.0.0")
    scaled.until_so_many(2)

    wait_until("the former target is gone", lambda: len(scaled.targets()) == 1, PATIENCE_S)
    (name,) = scaled.targets()
    assert name == f"{SERVICE}-b"
    wait_until(
        "scaling goes on", lambda: not is_suspended(scaled.targets()[name]), PATIENCE_S
    )
    assert scaled.desired(name) == 2
    scaled.wants(3, name)
    scaled.until_so_many(3)


def test_without_the_setting_the_target_goes_and_the_number_is_ours(scaled: Scaled) -> None:
    assert "scaling" not in scaled.change(scaling=None).json()["app"]["settings"]

    wait_until("target and policy are gone", lambda: not scaled.targets(), PATIENCE_S)
    assert not scaled.policies()
    scaled.until_so_many(1)
    assert scaled.desired(f"{SERVICE}-b") == 1

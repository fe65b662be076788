"""The engine on ECS: the conformance suite, and control with its agents as tasks. The AWS is our own
model, in which tasks live; it proves what Pixell does, and of AWS nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from devtool.pac import Pac, free_port, request, wait_until
from devtool.paths import build_dir, program
from devtool.shell import Failure
from pixell_testing.ecs import settings
from pixell_testing.ecs_cloud import tags
from pixell_testing.ecs_lifecycle.client import LifecycleAws, running_lifecycle
from pixell_testing.packages import versioned

PATIENCE_S = 280
BUCKET = "pixell-agent-packages"
CLUSTER = "pixell-runtime-cluster"
APP = "hello"
SERVICE = "agent-hello"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LifecycleAws]:
    with running_lifecycle(tmp_path_factory.mktemp("aws")) as served:
        yield served


def unit_tests() -> Path:
    """The program with the suite; release builds have none."""
    found = build_dir("dev") / "src" / "engine" / "ecs" / "engine_ecs_test"
    if not found.exists():
        raise Failure(f"{found} is not there: run `./dev build dev`")
    return found


def test_the_engine_does_what_every_engine_must(aws: LifecycleAws) -> None:
    done = subprocess.run(
        [unit_tests(), "--gtest_filter=Ecs/EngineConformanceTest.*"],
        env={**os.environ, "PIXELL_TEST_AWS_ENDPOINT": aws.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-6000:]
    assert "SKIPPED" not in done.stdout
    passed = [line for line in done.stdout.splitlines() if line.startswith("[       OK ]")]
    assert len(passed) > 25, done.stdout[-2000:]


class Platform:
    """Control with its agents on ECS, and boto3 beside it."""

    def __init__(self, pac: Pac, aws: LifecycleAws) -> None:
        self.pac, self.aws, self.ecs = pac, aws, aws.client("ecs")

    def package(self, version: str) -> Path:
        self.pac.inbox.mkdir(parents=True, exist_ok=True)
        file = self.pac.inbox / f"{version}.apkg"
        file.write_bytes(versioned(version))
        return file

    def service(self, name: str) -> dict[str, Any]:
        (found,) = self.ecs.describe_services(cluster=CLUSTER, services=[name])["services"]
        return found

    def running(self) -> dict[str, dict[str, Any]]:
        """Tasks that are to run, by the instance that they say they are."""
        arns = self.ecs.list_tasks(cluster=CLUSTER, desiredStatus="RUNNING")["taskArns"]
        if not arns:
            return {}
        found = self.ecs.describe_tasks(cluster=CLUSTER, tasks=arns, include=["TAGS"])["tasks"]
        return {tags(task["tags"]).get("pixell:instance", ""): task for task in found}

    def ready(self) -> dict[str, dict[str, Any]]:
        instances = self.pac.live_instances(APP).values()
        return {each["id"]: each for each in instances if each["phase"] == "ready"}


def address_of(task: dict[str, Any]) -> str:
    """Where a task's agent answers."""
    details = {each["name"]: each["value"] for each in task["attachments"][0]["details"]}
    return f"{details['privateIPv4Address']}:8080"


@pytest.fixture(scope="module")
def platform(scratch: Path, aws: LifecycleAws) -> Iterator[Platform]:
    aws.reset()
    aws.client("ecs").create_cluster(clusterName=CLUSTER)
    aws.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-east-2"}
    )
    ec2 = aws.client("ec2")
    network = {
        "PAC_ECS_SUBNETS": ec2.describe_subnets()["Subnets"][0]["SubnetId"],
        "PAC_ECS_SECURITY_GROUPS": ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"],
    }
    env = {**settings(**network), **aws.environment(), "AGENT_PACKAGES_BUCKET": BUCKET}
    folder = scratch / "ecs"
    pac = Pac(folder / "state", free_port(), home=folder, engine="ecs", env=env)
    pac.start()
    try:
        yield Platform(pac, aws)
        assert pac.stop() == 0, pac.log_tail()
    finally:
        pac.stop()
        pac.kill_all()


def test_a_deployment_runs_as_a_task(platform: Platform) -> None:
    deployment = platform.pac.deploy_and_wait(
        APP, platform.package("1.0.0"), environment={"API_KEY": "s3cret"}
    )

    assert deployment["status"] == "completed"
    (instance,) = platform.ready().values()
    (task,) = platform.running().values()
    assert tags(task["tags"])["pixell:instance"] == instance["id"]
    assert instance["address"] == address_of(task)
    assert platform.service(SERVICE)["desiredCount"] == 1
    definition = platform.ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"])
    (container,) = definition["taskDefinition"]["containerDefinitions"]
    told = {each["name"]: each["value"] for each in container["environment"]}
    bucket, _, key = told["PACKAGE_URL"].removeprefix("s3://").partition("/")
    stored = platform.aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    assert stored == versioned("1.0.0"), "the package was there before the task was"
    assert "s3cret" not in str(container)


def test_its_log_is_that_of_the_task(platform: Platform) -> None:
    (instance,) = platform.ready()

    assert '"Runtime ready"' in platform.pac.get(f"/v1/instances/{instance}/logs").text
    # No par listens at the address of a model's task.
    usage = platform.pac.get(f"/v1/instances/{instance}/usage")
    address = platform.ready()[instance]["address"]
    assert (usage.status, f"http://{address}/metrics" in usage.text) == (503, True), usage.text


def test_a_task_that_dies_is_replaced_by_its_spare(platform: Platform) -> None:
    ((before, task),) = platform.running().items()

    platform.aws.kill(task["taskArn"], signal.SIGKILL)

    def is_replaced() -> bool:
        now = set(platform.ready())
        return bool(now) and before not in now and set(platform.running()) == now

    wait_until("another instance, and no other task, is ready", is_replaced, 60)
    assert len(platform.aws.tasks()) == 2


def test_the_next_revision_has_the_other_service_and_a_crash_doubles_nothing(
    platform: Platform,
) -> None:
    began = len(platform.aws.tasks())
    deployment = platform.pac.deploy(APP, platform.package("2.0.0"))

    def is_there() -> bool:
        return len(platform.ecs.list_services(cluster=CLUSTER)["serviceArns"]) == 2

    wait_until("its service is there", is_there, 60)
    platform.pac.crash()
    platform.pac.start()

    assert platform.pac.wait_deployment(deployment)["status"] == "completed"
    assert platform.service(f"{SERVICE}-b")["desiredCount"] == 1
    revisions = {tags(task["tags"])["pixell:revision"] for task in platform.running().values()}
    assert revisions == {"1", "2"}, "the former one stays warm"
    assert len(platform.aws.tasks()) == began + 1


def test_a_rollback_goes_to_the_task_that_is_still_there(platform: Platform) -> None:
    began = len(platform.aws.tasks())
    reply = platform.pac.post(f"/v1/apps/{APP}/rollback", {})
    assert reply.status == 202, reply.text

    ended = platform.pac.wait_deployment(reply.json()["deployment"]["id"])

    assert ended["status"] == "completed"
    assert len(platform.aws.tasks()) == began


def test_a_third_revision_takes_the_place_of_the_warm_one(platform: Platform) -> None:
    platform.pac.deploy_and_wait(APP, platform.package("3.0.0"))

    versions = {
        tags(task["tags"])["pixell:revision"]
        for task in platform.running().values()
    }
    assert versions == {"1", "3"}
    assert platform.service(f"{SERVICE}-b")["desiredCount"] == 1


def test_a_split_over_three_revisions_waits_until_one_is_left_out(platform: Platform) -> None:
    def split(**shares: int) -> None:
        legs = [
            {"revision": int(name.removeprefix("of_")), "weight_permille": share}
            for name, share in shares.items()
        ]
        body = json.dumps({"legs": legs})
        changed = request(platform.pac.url, "PUT", f"/v1/apps/{APP}/traffic", body=body)
        assert changed.status == 200, changed.text

    def revisions() -> set[str]:
        return {tags(task["tags"])["pixell:revision"] for task in platform.running().values()}

    before = set(platform.running())
    assert revisions() == {"1", "3"}

    split(of_1=400, of_2=300, of_3=300)

    why = "revision 2 of hello has no place: an app has two services, and they run the revisions 1 and 3"
    wait_until("control says why it waits", lambda: why in platform.pac.log.read_text(), 60)
    assert set(platform.running()) == before, "those that run go on"
    assert all(each["revision"] != 2 for each in platform.ready().values())

    split(of_2=500, of_3=500)

    def is_split() -> bool:
        legs = platform.pac.get(f"/v1/apps/{APP}").json()["route"]["legs"]
        return {each["revision"]: each["targets"] for each in legs} == {2: 1, 3: 1}

    wait_until("revision 2 has its part", is_split, 90)
    wait_until("revision 1 has ended", lambda: revisions() == {"2", "3"}, 90)


def test_what_somebody_changed_is_put_right(platform: Platform) -> None:
    before = set(platform.ready())
    platform.ecs.update_service(cluster=CLUSTER, service=SERVICE, desiredCount=3)

    wait_until(
        "there are as many tasks as before",
        lambda: platform.service(SERVICE)["desiredCount"] == 1 and len(platform.running()) == 2,
        90,
    )

    assert set(platform.ready()) == before


def test_an_agent_that_does_not_start_says_why(platform: Platform) -> None:
    platform.aws.behave("agent-broken", boot="fail")

    ended = platform.pac.wait_deployment(platform.pac.deploy("broken", platform.package("1.0.0")))

    assert ended["status"] == "failed"
    assert ended["failure"]["cause"] == "missing_module"


def test_wrong_settings_end_the_start_at_once(tmp_path: Path) -> None:
    wrong = settings(PAC_ECS_IMAGE="latest", PAC_ECS_ROUTING="alb", PAC_ECS_SUBNETS="")
    command = [program("pac"), "serve", "--state", tmp_path / "state", "--engine", "ecs"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AGENT_")}

    done = subprocess.run(
        [*command, "--listen", f"127.0.0.1:{free_port()}"],
        env={**kept, **wrong},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 1
    told = done.stdout + done.stderr
    for name in ("PAC_ECS_IMAGE", "PAC_ECS_SUBNETS", "PAC_ECS_LISTENER", "AGENT_PACKAGES_BUCKET"):
        assert name in told, told


def test_a_deleted_app_leaves_nothing(platform: Platform) -> None:
    deleted = request(platform.pac.url, "DELETE", f"/v1/apps/{APP}")
    assert deleted.status in (200, 202, 204), deleted.text

    def is_gone() -> bool:
        return platform.pac.get(f"/v1/apps/{APP}").status == 404

    wait_until("the app is gone", is_gone, 120)
    left = platform.ecs.list_services(cluster=CLUSTER)["serviceArns"]
    assert [arn for arn in left if arn.rpartition("/")[2].startswith(SERVICE)] == []
    assert platform.running() == {}


def values_of(platform: Platform) -> dict[str, str]:
    """What the app's task definition gets from Secrets Manager, as boto3 reads it."""
    latest = platform.ecs.describe_task_definition(taskDefinition=SERVICE)["taskDefinition"]
    (container,) = latest["containerDefinitions"]
    secrets = platform.aws.client("secretsmanager")
    told = {}
    for each in container["secrets"]:
        # arn:aws:secretsmanager:<region>:<account>:secret:<name>:<key>:<stage>:<version>
        *arn, key, _, version = each["valueFrom"].split(":")
        value = secrets.get_secret_value(SecretId=":".join(arn), VersionId=version)
        told[each["name"]] = json.loads(value["SecretString"])[key]
    return told


def test_an_app_that_was_deleted_comes_again_with_its_own_values(platform: Platform) -> None:
    secrets = platform.aws.client("secretsmanager")
    assert secrets.describe_secret(SecretId=SERVICE)["DeletedDate"], "it can be restored"

    deployment = platform.pac.deploy_and_wait(
        APP, platform.package("1.0.0"), environment={"API_KEY": "another"}
    )

    assert deployment["status"] == "completed", deployment
    # Its first revision, as was the one with the former value.
    assert platform.pac.app(APP)["app"]["desired_revision"] == 1
    assert values_of(platform) == {"API_KEY": "another"}
    assert "DeletedDate" not in secrets.describe_secret(SecretId=SERVICE)

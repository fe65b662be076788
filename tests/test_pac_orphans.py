"""`pac aws orphans`: what is left over on AWS of apps that are gone, beside a running Pixell and its app."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from devtool.pac import Pac, free_port, request
from pixell_testing.aws import Probe
from pixell_testing.ecs import INSTALLATION, revision
from pixell_testing.ecs_cloud import CLUSTER, Cloud
from pixell_testing.ecs_lifecycle.client import running_lifecycle
from pixell_testing.pac_cli import Cli
from pixell_testing.packages import versioned

BUCKET = "pixell-agent-packages"
LIVE = "here"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_lifecycle(tmp_path_factory.mktemp("aws")) as aws:
        probe = Probe(aws.environment())
        cloud = Cloud(aws, None, probe)
        cloud.furnish()
        store = aws.client("s3")
        place = {"LocationConstraint": store.meta.region_name}
        store.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
        yield cloud
        probe.close()


class Platform:
    """Control with an app on ECS, and `pac aws orphans` with its settings."""

    def __init__(self, pac: Pac, env: dict[str, str]) -> None:
        self.pac, self.env = pac, env

    def orphans(self, *arguments: str, code: int = 0, **env: str) -> Any:
        command = ("aws", "orphans", "--state", str(self.pac.state), *arguments)
        return Cli(self.pac)(*command, code=code, **{**self.env, **env})

    def listed(self, *arguments: str, code: int = 0, **env: str) -> Any:
        return json.loads(self.orphans("--json", *arguments, code=code, **env).stdout)


@pytest.fixture(scope="module")
def platform(scratch: Path, cloud: Cloud) -> Iterator[Platform]:
    env = {
        **cloud.moto.environment(),
        **cloud.alb,
        "AGENT_PACKAGES_BUCKET": BUCKET,
        "PAC_ECS_INSTALLATION": INSTALLATION,
    }
    folder = scratch / "orphans"
    pac = Pac(folder / "state", free_port(), home=folder, engine="ecs", env=env)
    pac.start()
    try:
        pac.inbox.mkdir(parents=True, exist_ok=True)
        file = pac.inbox / "here.apkg"
        file.write_bytes(versioned("1.0.0"))
        deployment = pac.deploy_and_wait(LIVE, file, environment={"API_KEY": "s3cret"})
        assert deployment["status"] == "completed", deployment
        yield Platform(pac, env)
    finally:
        pac.stop()
        pac.kill_all()


def everything(cloud: Cloud) -> dict[str, Any]:
    """What boto3 finds, without what changes by itself."""
    arns = cloud.ecs.list_services(cluster=CLUSTER)["serviceArns"]
    services = cloud.ecs.describe_services(cluster=CLUSTER, services=arns)["services"]
    return {
        "services": {each["serviceName"]: each["desiredCount"] for each in services},
        "definitions": cloud.ecs.list_task_definitions(status="ACTIVE")["taskDefinitionArns"],
        "rules": sorted(cloud.rules()),
        "groups": sorted(cloud.groups()),
        "secrets": [each["Name"] for each in cloud.secrets.list_secrets()["SecretList"]],
    }


def tags_of(app: str, installation: str = INSTALLATION) -> list[dict[str, str]]:
    """What the engine gives all that it makes for an app."""
    told = {"pixell:installation": installation, "pixell:app": app}
    return [{"Key": key, "Value": value} for key, value in told.items()]


def leave_group(cloud: Cloud, app: str, digest: str) -> str:
    """The ARN of a target group of an app that nothing leads to."""
    (group,) = cloud.elb.create_target_group(
        Name=f"ag-{digest}-ar",
        Protocol="HTTP",
        Port=1,
        TargetType="ip",
        VpcId=cloud.alb["PAC_ECS_VPC"],
        Tags=tags_of(app),
    )["TargetGroups"]
    return group["TargetGroupArn"]


def leave_secret(cloud: Cloud, app: str, installation: str = INSTALLATION) -> str:
    """The ARN of a secret of an app."""
    return cloud.secrets.create_secret(
        Name=f"agent-{app}", SecretString="{}", Tags=tags_of(app, installation)
    )["ARN"]


def test_what_apps_that_are_gone_left_is_listed_then_removed(platform: Platform, cloud: Cloud) -> None:
    # What is not ours: without tags, and with those of another installation.
    cloud.secrets.create_secret(Name="agent-by-hand", SecretString="x")
    leave_secret(cloud, "theirs", installation="another")
    before = everything(cloud)
    assert platform.orphans().stdout == "Nothing is left over.\n"
    # All of an app that the platform never heard of, as after the loss of its state; a part of one.
    cloud.placed(settings=cloud.alb, spec=revision(app_id="gone", revision=1), rule_priority=30_000)
    made = {
        "secret": leave_secret(cloud, "gone-too"),
        "target group": leave_group(cloud, "gone-too", "0123456789abcdef"),
    }

    listed = platform.listed(code=2)

    assert listed["installation"] == INSTALLATION
    assert {each["app"] for each in listed["orphans"]} == {"gone", "gone-too"}
    assert all(each["is_app_gone"] for each in listed["orphans"])
    of_gone = sorted(each["kind"] for each in listed["orphans"] if each["app"] == "gone")
    assert of_gone == ["rule", "rule", "secret", "service", "target group", "target group"]
    of_other = {
        each["kind"]: each["resource"] for each in listed["orphans"] if each["app"] == "gone-too"
    }
    assert of_other == made
    shown = platform.orphans(code=2)
    assert "there is no such app" in shown.stdout and made["secret"] in shown.stdout
    assert "8 left over of apps that are gone" in shown.stderr

    done = platform.listed("--remove")

    assert done["removed"] == listed["orphans"]
    assert (done["orphans"], done["waiting"], done["failed"]) == ([], [], [])
    assert everything(cloud) == before
    assert platform.listed() == {"installation": INSTALLATION, "orphans": []}


def test_nothing_of_an_app_that_is_there_is_removed(platform: Platform, cloud: Cloud) -> None:
    left = leave_group(cloud, LIVE, "fedcba9876543210")
    before = everything(cloud)

    done = platform.listed("--remove", code=2)

    assert [each["resource"] for each in done["orphans"]] == [left]
    assert done["orphans"][0]["reason"] == "the app is there and does not use it"
    assert done["removed"] == []
    assert "stay until you delete them by hand" in platform.orphans("--remove", code=2).stderr
    assert everything(cloud) == before
    cloud.elb.delete_target_group(TargetGroupArn=left)


def test_who_cannot_say_which_apps_there_are_is_not_believed(
    platform: Platform, cloud: Cloud, scratch: Path
) -> None:
    leave_group(cloud, "unseen", "00112233445566ff")
    before = everything(cloud)
    nowhere = f"http://127.0.0.1:{free_port()}"

    assert "cannot reach Pixell" in platform.orphans("--remove", "--url", nowhere, code=4).stderr
    with Pac(scratch / "orphans-other" / "state", free_port(), engine="fake") as other:
        told = platform.orphans("--remove", "--url", other.url, code=1).stderr
    assert f"has no installation on AWS, not the installation {INSTALLATION}" in told
    told = platform.orphans("--remove", "--installation", "another", code=1).stderr
    assert f"has the installation {INSTALLATION}, not the installation another" in told
    told = platform.orphans("--remove", code=1, PAC_ECS_INSTALLATION="another").stderr
    assert "PAC_ECS_INSTALLATION=another" in told

    assert everything(cloud) == before
    platform.orphans("--remove")


def test_an_app_that_is_being_deleted_is_left_to_control(platform: Platform, cloud: Cloud) -> None:
    deleted = request(platform.pac.url, "DELETE", f"/v1/apps/{LIVE}")
    assert deleted.status == 202, deleted.text

    done = platform.listed("--remove")

    # Whatever of it control has removed until then, the command has nothing to do with it.
    assert (done["removed"], done["orphans"], done["failed"]) == ([], [], [])

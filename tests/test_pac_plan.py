"""`pac plan`: an app of a running Pixell against what moto has of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from devtool.pac import Pac, free_port
from pixell_testing.ecs import INSTALLATION
from pixell_testing.ecs_cloud import CLUSTER, Cloud, running_cloud
from pixell_testing.pac_cli import Cli
from pixell_testing.packages import versioned

APP = "planned"
BUCKET = "pixell-agent-packages"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(tmp_path_factory.mktemp("moto")) as cloud:
        cloud.prepare()
        yield cloud


@pytest.fixture(scope="module")
def pac(scratch: Path) -> Iterator[Pac]:
    """A platform that has an app, and starts nothing."""
    with Pac(scratch / "plan" / "state", free_port(), engine="fake") as pac:
        pac.inbox.mkdir(parents=True, exist_ok=True)
        file = pac.inbox / "planned.apkg"
        file.write_bytes(versioned("1.0.0"))
        pac.deploy_and_wait(APP, file)
        yield pac


class Plan:
    """`pac plan` of the app, with an operator's settings."""

    def __init__(self, pac: Pac, cloud: Cloud) -> None:
        self.cli = Cli(pac)
        self.env = {
            **cloud.settings,
            **cloud.moto.environment(cloud.proxy.url),
            "AGENT_PACKAGES_BUCKET": BUCKET,
        }

    def __call__(self, *arguments: str, code: int = 0, **env: str) -> Any:
        command = ("plan", APP, "--installation", INSTALLATION, *arguments)
        return self.cli(*command, code=code, **{**self.env, **env})


@pytest.fixture
def plan(pac: Pac, cloud: Cloud) -> Plan:
    return Plan(pac, cloud)


def spec_of(pac: Pac) -> dict[str, Any]:
    """The app's revision, as its engine would get it."""
    package = versioned("1.0.0")
    digest = hashlib.sha256(package).hexdigest()
    revision = pac.get(f"/v1/apps/{APP}/revisions/1").json()["revision"]
    deployments = pac.get(f"/v1/apps/{APP}/deployments").json()["deployments"]
    return {
        "id": "01HZ",
        "app_id": APP,
        "revision": 1,
        "deployment_id": deployments[-1]["id"],
        "package_url": f"s3://{BUCKET}/default/{APP}/1.0.0/{digest}.apkg",
        "package_sha256": digest,
        "base_path": f"/agents/{APP}",
        "environment": {},
        "memory_mb": revision["memory_mb"],
        "cpu_units": revision["cpu_units"],
        "max_pids": revision["processes"],
        "disk_mb": revision["disk_mb"],
    }


def test_a_plan_then_the_deployment_then_nothing_then_what_somebody_changed(
    plan: Plan, pac: Pac, cloud: Cloud
) -> None:
    first = plan("--detailed-exitcode", code=2).stdout

    assert "+ create  ecs CreateService agent-planned" in first
    assert "services of the cluster" in first
    assert cloud.ecs.list_services(cluster=CLUSTER)["serviceArns"] == []

    cloud.placed(spec=spec_of(pac))
    assert plan("--detailed-exitcode").stdout == "Nothing would change.\n"

    cloud.ecs.update_service(cluster=CLUSTER, service="agent-planned", desiredCount=5)
    drifted = json.loads(plan("--json", "--detailed-exitcode", code=2).stdout)
    (change,) = drifted["changes"]
    assert change["action"] == "ecs UpdateService"
    assert {"field": "desiredCount", "is": "5", "wanted": "1"} in change["differences"]
    assert "    desiredCount: 5 -> 1\n" in plan().stdout

    cloud.placed(spec=spec_of(pac))
    assert json.loads(plan("--json").stdout) == {"quotas": [], "changes": []}


def test_a_package_that_is_not_deployed_yet(plan: Plan, pac: Pac, cloud: Cloud) -> None:
    cloud.placed(spec=spec_of(pac))

    told = plan("--package", f"s3://{BUCKET}/next.apkg", "--sha256", "d" * 64, "--slot", "a").stdout

    variable = "containerDefinitions[agent-runtime].environment"
    assert f"{variable}[PACKAGE_URL]: " in told
    assert f" -> s3://{BUCKET}/next.apkg\n" in told
    assert "tags[pixell:revision]: 1 -> 2\n" in told
    assert pac.get(f"/v1/apps/{APP}/revisions").json()["revisions"][0]["number"] == 1


def test_what_is_missing_is_told_with_the_remedy(plan: Plan) -> None:
    assert "PAC_ECS_IMAGE is not set" in plan(code=1, PAC_ECS_IMAGE="").stderr
    assert "set AGENT_PACKAGES_BUCKET" in plan(code=1, AGENT_PACKAGES_BUCKET="").stderr
    assert "has no revision 9" in plan("--revision", "9", code=3).stderr
    assert "--package requires --sha256" in plan("--package", "s3://b/k", code=107).stderr


def test_behind_a_load_balancer_an_app_without_a_place_is_planned_with_a_named_one(
    plan: Plan, cloud: Cloud
) -> None:
    told = plan(code=105, **cloud.alb).stderr
    assert "has no place in a load balancer yet: say with --rule-priority" in told

    planned = plan("--rule-priority", "300", **cloud.alb).stdout

    assert "+ create  elbv2 CreateRule 300\n" in planned
    assert "+ create  elbv2 CreateRule 301\n" in planned

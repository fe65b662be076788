"""The task definition of a revision: AWS's model allows it, and boto3 reads it back from moto."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pixell_testing.aws import Probe, TroubledProxy, running_moto
from pixell_testing.aws_calls import Aws
from pixell_testing.ecs import INSTALLATION, revision, settings

SECRET = {
    "arn": "arn:aws:secretsmanager:us-east-2:123456789012:secret:agent-x-Ab1Cd2",
    "version": "1" * 32,
}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    with running_moto(tmp_path_factory.mktemp("moto")) as moto:
        proxy = TroubledProxy(moto.url)
        probe = Probe(moto.environment(proxy.url))
        yield Aws(moto, proxy, probe)
        probe.close()
        proxy.close()


def definition(aws: Aws, spec: dict[str, Any], env: dict[str, str]) -> dict[str, Any]:
    made = aws.probe.ask(
        op="ecs.task_definition",
        settings=env,
        installation=INSTALLATION,
        spec=spec,
        secret=SECRET,
    )
    assert "error" not in made, made
    return made["request"]


@pytest.mark.parametrize(
    ("spec", "env"),
    [
        (revision(), settings()),
        (revision(app_id="A-b", environment={}), settings(PAC_ECS_ARCHITECTURE="ARM64")),
        (revision(cpu_units=4096, memory_mb=20_000, disk_mb=100_000), settings()),
        (revision(grace_ms=115_000, startup_timeout_ms=510_000), settings()),
        (revision(environment={f"V{n}": "é" for n in range(300)}), settings()),
    ],
    ids=["usual", "arm", "large", "slow", "many-values"],
)
def test_aws_would_take_it(aws: Aws, spec: dict[str, Any], env: dict[str, str]) -> None:
    made = definition(aws, spec, env)

    # The call judges the request by botocore's model of RegisterTaskDefinition.
    arn = aws("ecs", "RegisterTaskDefinition", **made)["taskDefinition"]["taskDefinitionArn"]

    read = aws.boto3("ecs").describe_task_definition(taskDefinition=arn, include=["TAGS"])
    assert {tag["key"] for tag in read["tags"]} >= {"pixell:installation", "pixell:definition"}
    kept = read["taskDefinition"]
    assert (kept["cpu"], kept["memory"]) == (made["cpu"], made["memory"])
    (container,) = kept["containerDefinitions"]
    (asked,) = made["containerDefinitions"]
    for field in ("environment", "healthCheck", "image", "logConfiguration", "stopTimeout", "user"):
        assert container[field] == asked[field], field
    assert {each["name"] for each in container.get("secrets", [])} == set(spec["environment"])


def test_no_value_of_a_deployment_is_in_it(aws: Aws) -> None:
    assert "sk-very-secret" not in str(definition(aws, revision(), settings()))


def test_a_fault_names_the_field_and_the_remedy(aws: Aws) -> None:
    made = aws.probe.ask(
        op="ecs.task_definition",
        settings=settings(PAC_ECS_IMAGE="pixell-agent-runtime:latest"),
        installation=INSTALLATION,
        spec=revision(),
        secret=SECRET,
    )
    assert made["error"].startswith("PAC_ECS_IMAGE=pixell-agent-runtime:latest: give the image by")

"""Tasks of an app in Cloud Map: what Pixell tells, boto3 discovers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pixell_testing.ecs import INSTALLATION, revision
from pixell_testing.ecs_cloud import CLUSTER, Cloud, judged, running_cloud

NAMESPACE = "agents"
NAME = "agent-python-executor"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(tmp_path_factory.mktemp("moto")) as cloud:
        yield cloud


@pytest.fixture
def cloud(account: Cloud) -> Iterator[Cloud]:
    with judged(account) as cloud:
        cloud.moto.keep_states("ecs::task")
        cloud.map = cloud.moto.client("servicediscovery")
        cloud.map.create_http_namespace(Name=NAMESPACE, CreatorRequestId="1")
        yield cloud


def mirror(cloud: Cloud, namespace: str = NAMESPACE) -> dict[str, Any]:
    """The answer of a mirroring."""
    env = {**cloud.settings, "PAC_ECS_NAMESPACE": namespace}
    return cloud.probe.ask(
        op="ecs.mirror", settings=env, installation=INSTALLATION, spec=revision()
    )


def run(cloud: Cloud, definition: str, service: str) -> tuple[str, str]:
    """A task as ECS would start it for a service, which moto does not: its id and address."""
    groups = [cloud.settings["PAC_ECS_SECURITY_GROUPS"]]
    inside = {"subnets": cloud.subnets, "securityGroups": groups}
    (task,) = cloud.ecs.run_task(
        cluster=CLUSTER,
        taskDefinition=definition,
        launchType="FARGATE",
        group=f"service:{service}",
        networkConfiguration={"awsvpcConfiguration": inside},
        tags=[{"key": "pixell:revision", "value": "7"}],
    )["tasks"]
    details = {each["name"]: each["value"] for each in task["attachments"][0]["details"]}
    return task["taskArn"].rpartition("/")[2], details["privateIPv4Address"]


def discovered(cloud: Cloud) -> dict[str, dict[str, str]]:
    found = cloud.map.list_instances(ServiceId=cloud.map.list_services()["Services"][0]["Id"])
    return {each["Id"]: each["Attributes"] for each in found["Instances"]}


def test_running_tasks_are_told_and_ended_ones_taken_back(cloud: Cloud) -> None:
    definition = cloud.placed()["place"]["task_definition"]
    first, address = run(cloud, definition, NAME)
    second, _ = run(cloud, definition, NAME + "-b")
    run(cloud, definition, "somebody-elses")

    change = mirror(cloud)

    assert (change["registered"], change["deregistered"]) == (2, 0)
    assert set(discovered(cloud)) == {first, second}
    assert discovered(cloud)[first] == {
        "AWS_INSTANCE_IPV4": address,
        "AWS_INSTANCE_PORT": "8080",
        "A2A_PORT": "50051",
        "AGENT_APP_ID": "python-executor",
        "REVISION": "7",
        "SLOT": "a",
    }
    assert discovered(cloud)[second]["SLOT"] == "b"
    again = mirror(cloud)
    assert (again["registered"], again["deregistered"]) == (0, 0)

    cloud.ecs.stop_task(cluster=CLUSTER, task=first)
    change = mirror(cloud)

    assert (change["registered"], change["deregistered"]) == (0, 1)
    assert set(discovered(cloud)) == {second}
    assert len(cloud.map.list_services()["Services"]) == 1


def test_a_service_of_others_is_refused(cloud: Cloud) -> None:
    (namespace,) = cloud.map.list_namespaces()["Namespaces"]
    cloud.map.create_service(Name=NAME, NamespaceId=namespace["Id"])
    cloud.placed()

    answer = mirror(cloud)

    assert answer["code"] == "failed_precondition"
    assert answer["error"].startswith(f"the service {NAME} of Cloud Map is there, but not of the app")
    assert discovered(cloud) == {}


def test_a_namespace_that_is_not_there_is_told(cloud: Cloud) -> None:
    answer = mirror(cloud, "nowhere")
    assert "create-http-namespace --name nowhere" in answer["error"]

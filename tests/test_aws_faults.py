"""The proxy that makes calls of AWS fail: what boto3 sees of each fault, and what was done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError, ReadTimeoutError
from pixell_testing.aws import ACCESS_KEY, REGION, SECRET_KEY
from pixell_testing.aws_faults import Fault, FaultProxy, Rule
from pixell_testing.ecs_lifecycle.client import LifecycleAws, running_lifecycle


class Faulty:
    """A model of AWS with a proxy before it."""

    def __init__(self, aws: LifecycleAws) -> None:
        self.aws, self.proxy = aws, FaultProxy(aws.url)

    def client(self, service: str) -> Any:
        """boto3, which does not try again."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.proxy.url,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(retries={"total_max_attempts": 1}, read_timeout=1),
        )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    with running_lifecycle(tmp_path_factory.mktemp("aws")) as aws:
        made = Faulty(aws)
        yield made
        made.proxy.close()


@pytest.fixture
def faulty(served: Faulty) -> Faulty:
    served.aws.control("reset")
    served.proxy.forget()
    served.proxy.too_patient.clear()
    return served


def clusters(faulty: Faulty) -> int:
    """How many were made."""
    return len(faulty.aws.client("ecs").list_clusters()["clusterArns"])


@pytest.mark.parametrize(
    ("fault", "service", "action", "code", "status"),
    [
        (Fault.THROTTLED, "ecs", "ListClusters", "ThrottlingException", 400),
        (Fault.THROTTLED, "elbv2", "DescribeLoadBalancers", "Throttling", 400),
        (Fault.THROTTLED, "ec2", "DescribeVpcs", "Throttling", 400),
        (Fault.UNAVAILABLE, "ecs", "ListClusters", "ServiceUnavailableException", 503),
        (Fault.UNAVAILABLE, "elbv2", "DescribeLoadBalancers", "ServiceUnavailable", 503),
    ],
)
def test_refusals_are_in_the_shape_of_the_protocol(
    faulty: Faulty, fault: Fault, service: str, action: str, code: str, status: int
) -> None:
    client = faulty.client(service)
    method = getattr(
        client, {name: m for m, name in client.meta.method_to_api_mapping.items()}[action]
    )
    faulty.proxy.rules.append(Rule(fault, service, action, turn=2))

    method()
    with pytest.raises(ClientError) as caught:
        method()
    method()

    response = caught.value.response
    assert response["Error"]["Code"] == code
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert [call.fault for call in faulty.proxy.calls] == [None, fault, None]


@pytest.mark.parametrize(
    ("fault", "error", "made"),
    [
        (Fault.RESET, HTTPClientError, 0),
        (Fault.LOST, HTTPClientError, 1),
        (Fault.HUNG, ReadTimeoutError, 0),
    ],
)
def test_connections_break_before_and_after_the_change(
    faulty: Faulty, fault: Fault, error: type[Exception], made: int
) -> None:
    faulty.proxy.rules.append(Rule(fault, "ecs", "CreateCluster"))

    with pytest.raises(error):
        faulty.client("ecs").create_cluster(clusterName="one")

    assert clusters(faulty) == made
    assert not faulty.proxy.too_patient
    (call,) = faulty.proxy.calls
    assert (call.service, call.action, call.turn) == ("ecs", "CreateCluster", 1)
    assert call.parameters == {"clusterName": "one"}
    assert call.is_change


def test_answers_come_in_pages(faulty: Faulty) -> None:
    ecs, elb = faulty.client("ecs"), faulty.client("elbv2")
    ecs.create_cluster(clusterName="c")
    ecs.register_task_definition(
        family="f", containerDefinitions=[{"name": "c", "image": "i", "memory": 1}]
    )
    (vpc,) = faulty.client("ec2").describe_vpcs()["Vpcs"]
    for name in ("one", "two"):
        ecs.register_task_definition(
            family="f", containerDefinitions=[{"name": name, "image": "i", "memory": 1}]
        )
        elb.create_target_group(Name=name, Protocol="HTTP", Port=1, VpcId=vpc["VpcId"])
    faulty.proxy.rules += [
        Rule(Fault.PAGED, "ecs", "ListTaskDefinitions"),
        Rule(Fault.PAGED, "elbv2", "DescribeTargetGroups"),
    ]

    pages = list(ecs.get_paginator("list_task_definitions").paginate())
    groups = list(elb.get_paginator("describe_target_groups").paginate())

    assert [len(page["taskDefinitionArns"]) for page in pages] == [0, 1, 1, 1]
    assert [[each["TargetGroupName"] for each in page["TargetGroups"]] for page in groups] == [
        [],
        ["one"],
        ["two"],
    ]


def test_each_call_is_judged(faulty: Faulty) -> None:
    elb = faulty.client("elbv2")
    with pytest.raises(ClientError):
        elb.create_target_group(Name="x", Protocol="SMOKE", Port=70_000, VpcId="vpc-1")
    (wrong, *_), (told, *more) = faulty.proxy.calls[0].wrong, sorted(faulty.proxy.wrong())
    assert "SMOKE" in wrong
    assert told.startswith("elbv2 CreateTargetGroup: ") and more
    assert any("70000 is more than 65535" in each for each in [*more, told])

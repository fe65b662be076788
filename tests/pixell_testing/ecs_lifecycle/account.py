"""An account in the model of AWS: a cluster, a network, and what tests make in it by boto3."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.model import Shape
from pixell_testing.aws_models import model_of
from pixell_testing.ecs_lifecycle.client import LifecycleAws

CLUSTER = "pixell-runtime-cluster"
CONTAINER = "agent-runtime"
LOG_GROUP = "/ecs/pixell-agent-runtime"
PORT = 8080
KINDS = {
    "string": str,
    "integer": int,
    "long": int,
    "boolean": bool,
    "timestamp": (int, float),
    "double": (int, float),
}


def misshapen(value: Any, shape: Shape, path: str) -> list[str]:
    """What of an answer the service's model does not have; botocore's parser drops it silently."""
    kind = shape.type_name
    if kind == "structure":
        wrong = []
        for name, each in value.items():
            if name in shape.members:
                wrong += misshapen(each, shape.members[name], f"{path}.{name}")
            else:
                wrong.append(f"{path} has no {name}")
        return wrong + [f"{path}.{n} is missing" for n in shape.required_members if n not in value]
    if kind == "list":
        return [w for each in value for w in misshapen(each, shape.member, f"{path}[]")]
    if kind == "map":
        return [w for key, each in value.items() for w in misshapen(each, shape.value, path + key)]
    if not isinstance(value, KINDS[kind]):
        return [f"{path}: {value!r} is no {kind}"]
    if kind == "string" and shape.enum and value not in shape.enum:
        return [f"{path}: {value!r} is none of {shape.enum}"]
    return []


def refused(call: Any, **asked: Any) -> str:
    """The name and the words of an error."""
    with pytest.raises(ClientError) as caught:
        call(**asked)
    error = caught.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


class Account:
    """What tests do in the model, by boto3; `wrong` are answers that are not of the right shape."""

    def __init__(self, aws: LifecycleAws) -> None:
        self.aws = aws
        self.ecs, self.elb, self.ec2, self.logs, self.secrets = (
            aws.client(name) for name in ("ecs", "elbv2", "ec2", "logs", "secretsmanager")
        )
        self.wrong: list[str] = []
        self.ecs.meta.events.register("after-call.ecs", self._look)

    def _look(self, http_response: Any, model: Any, **_: Any) -> None:
        if http_response.status_code == 200:
            answer = json.loads(http_response.content)
            # The model of this package: the client's own knows no more.
            shape = model_of("ecs").operation_model(model.name).output_shape
            self.wrong += misshapen(answer, shape, model.name)

    def prepare(self) -> None:
        """Everything as at the start, with a cluster and a log group."""
        self.aws.control("reset")
        self.wrong.clear()
        self.ecs.create_cluster(clusterName=CLUSTER)
        self.logs.create_log_group(logGroupName=LOG_GROUP)
        self.subnets = [each["SubnetId"] for each in self.ec2.describe_subnets()["Subnets"][:2]]
        (self.vpc,) = [each["VpcId"] for each in self.ec2.describe_vpcs()["Vpcs"]]
        self.network = {"awsvpcConfiguration": {"subnets": self.subnets}}

    def register(self, family: str = "agent-x", **container: Any) -> str:
        """A revision of a family; its ARN."""
        kept = {
            "name": CONTAINER,
            "image": "registry/runtime@sha256:" + "a" * 64,
            "environment": [{"name": "AGENT_APP_ID", "value": "x"}],
            "portMappings": [{"containerPort": PORT}],
            "stopTimeout": 35,
            "healthCheck": {"command": ["CMD", "par", "healthcheck"], "interval": 10},
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": LOG_GROUP,
                    "awslogs-region": "us-east-2",
                    "awslogs-stream-prefix": family,
                },
            },
            **container,
        }
        made = self.ecs.register_task_definition(
            family=family,
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            containerDefinitions=[{k: v for k, v in kept.items() if v is not None}],
            tags=[{"key": "of", "value": "definition"}],
        )
        return made["taskDefinition"]["taskDefinitionArn"]

    def create(self, name: str = "x", **asked: Any) -> dict[str, Any]:
        """A service."""
        asked = {
            "cluster": CLUSTER,
            "serviceName": name,
            "launchType": "FARGATE",
            "desiredCount": 1,
            "networkConfiguration": self.network,
            **asked,
        }
        asked.setdefault("taskDefinition", "agent-x")
        return self.ecs.create_service(**asked)["service"]

    def update(self, name: str = "x", **asked: Any) -> dict[str, Any]:
        return self.ecs.update_service(cluster=CLUSTER, service=name, **asked)["service"]

    def service(self, name: str = "x") -> dict[str, Any]:
        (found,) = self.ecs.describe_services(cluster=CLUSTER, services=[name], include=["TAGS"])[
            "services"
        ]
        return found

    def arns(self, name: str = "x", status: str = "RUNNING") -> list[str]:
        pages = self.ecs.get_paginator("list_tasks").paginate(
            cluster=CLUSTER, serviceName=name, desiredStatus=status
        )
        return [arn for page in pages for arn in page["taskArns"]]

    def tasks(self, name: str = "x", status: str = "RUNNING") -> list[dict[str, Any]]:
        return self.describe(self.arns(name, status))

    def describe(self, arns: list[str]) -> list[dict[str, Any]]:
        if not arns:
            return []
        found = self.ecs.describe_tasks(cluster=CLUSTER, tasks=arns, include=["TAGS"])
        assert not found["failures"], found
        return found["tasks"]

    def steady(self, name: str = "x") -> dict[str, Any]:
        """The service, when its only deployment is COMPLETED."""

        def is_steady() -> dict[str, Any] | None:
            service = self.service(name)
            (first, *more) = service["deployments"]
            return None if more or first["rolloutState"] != "COMPLETED" else service

        return self.aws.until(f"{name} is steady", is_steady)

    def stopped(self, name: str = "x", count: int = 1) -> list[dict[str, Any]]:
        """Tasks that have stopped, when there are so many."""

        def are_stopped() -> list[dict[str, Any]] | None:
            found = self.tasks(name, "STOPPED")
            ended = [each for each in found if each["lastStatus"] == "STOPPED"]
            return ended if len(ended) >= count else None

        return self.aws.until(f"{count} tasks of {name} have stopped", are_stopped)

    def messages(self, name: str = "x") -> list[str]:
        """The events of a service, the newest first."""
        return [each["message"] for each in self.service(name)["events"]]

    def lines(self, task: str, family: str = "agent-x") -> list[dict[str, Any]]:
        """What par said in a task."""
        stream = f"{family}/{CONTAINER}/{task.rpartition('/')[2]}"
        found = self.logs.get_log_events(
            logGroupName=LOG_GROUP, logStreamName=stream, startFromHead=True
        )
        return [json.loads(each["message"]) for each in found["events"]]

    def balancer(self) -> tuple[str, str]:
        """A load balancer's listener, and a target group that nothing leads to yet."""
        made = self.elb.create_load_balancer(Name="agents", Subnets=self.subnets)
        listener = self.elb.create_listener(
            LoadBalancerArn=made["LoadBalancers"][0]["LoadBalancerArn"],
            Protocol="HTTPS",
            Port=443,
            DefaultActions=[
                {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
            ],
        )["Listeners"][0]["ListenerArn"]
        return listener, self.group("ag-x-ar")

    def group(self, name: str) -> str:
        """A target group for addresses, which drains for 30 s."""
        (made,) = self.elb.create_target_group(
            Name=name, Protocol="HTTP", Port=PORT, TargetType="ip", VpcId=self.vpc
        )["TargetGroups"]
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "30"}
        arn = made["TargetGroupArn"]
        self.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[delay])
        return arn

    def rule(self, listener: str, group: str, priority: int = 1) -> str:
        """A rule that leads to a group."""
        (made,) = self.elb.create_rule(
            ListenerArn=listener,
            Priority=priority,
            Conditions=[{"Field": "path-pattern", "Values": [f"/agents/{priority}"]}],
            Actions=[{"Type": "forward", "TargetGroupArn": group}],
        )["Rules"]
        return made["RuleArn"]

    def health(self, group: str) -> dict[str, str]:
        """The state of each address of a group."""
        found = self.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return {each["Target"]["Id"]: each["TargetHealth"]["State"] for each in found}


def address(task: dict[str, Any]) -> str:
    """The private address of a task."""
    (attachment,) = task["attachments"]
    details = {each["name"]: each["value"] for each in attachment["details"]}
    return details["privateIPv4Address"]

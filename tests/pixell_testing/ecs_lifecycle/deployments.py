"""A service of ECS and its deployments: what they are, and what the circuit breaker decides."""

from __future__ import annotations

import dataclasses
import json
import math
import random
import uuid
from typing import Any

from pixell_testing.ecs_lifecycle.cloud import ACCOUNT, Cloud
from pixell_testing.ecs_lifecycle.task_shape import PLATFORM
from pixell_testing.ecs_lifecycle.tasks import BEFORE_RUNNING, Task

MAX_EVENTS = 100
# Of the circuit breaker: a part of the desired count, within these.
THRESHOLD = {"type": "BOUNDED_PERCENT", "value": 50}
LEAST_FAILURES, MOST_FAILURES = 3, 200
ROLLING = {
    "deploymentCircuitBreaker": {"enable": False, "rollback": False},
    "maximumPercent": 200,
    "minimumHealthyPercent": 100,
    "strategy": "ROLLING",
    "bakeTimeInMinutes": 0,
}


@dataclasses.dataclass(eq=False)
class Deployment:
    """One deployment of a service; the first of the service's list is PRIMARY."""

    definition: Any
    created: float
    updated: float
    network: dict[str, Any]
    load_balancers: list[dict[str, Any]]
    id: str = dataclasses.field(
        default_factory=lambda: f"ecs-svc/{random.randrange(10**18, 10**19)}"
    )
    desired: int = 0
    # Consecutively, as the circuit breaker counts.
    failed: int = 0
    state: str = "IN_PROGRESS"
    reason: str = ""
    is_rollback: bool = False
    # Once a task of it is healthy, nothing is counted any more, unless the service says so.
    was_healthy: bool = False
    # Tasks that ended without having run, one after the other, and until when that makes wait.
    never_ran: int = 0
    not_before: float = 0
    # Counts the tasks placed, to go round the subnets.
    placed: int = 0


@dataclasses.dataclass(eq=False)
class Service:
    """A service, as it was asked for, and what has become of it."""

    name: str
    cloud: Cloud
    cluster: Any
    desired: int
    created: float
    network: dict[str, Any]
    load_balancers: list[dict[str, Any]]
    registries: list[dict[str, Any]]
    rolling: dict[str, Any]
    token: str = ""
    launch_type: str = "FARGATE"
    grace_s: int | None = None
    propagate: str = "NONE"
    has_managed_tags: bool = False
    has_exec: bool = False
    tags: list[dict[str, str]] = dataclasses.field(default_factory=list)
    status: str = "ACTIVE"
    deployments: list[Deployment] = dataclasses.field(default_factory=list)
    # To roll back to: what the last COMPLETED deployment ran.
    last_good: Deployment | None = None
    events: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    is_steady: bool = False
    ended_at: float | None = None

    @property
    def arn(self) -> str:
        place = f"{self.cloud.region}:{ACCOUNT}:service/{self.cluster.name}"
        return f"arn:aws:ecs:{place}/{self.name}"

    @property
    def primary(self) -> Deployment:
        return self.deployments[0]

    @property
    def breaker(self) -> dict[str, Any]:
        return self.rolling["deploymentCircuitBreaker"]

    @property
    def least(self) -> int:
        """How many healthy tasks a deployment leaves."""
        return math.ceil(self.desired * self.rolling["minimumHealthyPercent"] / 100)

    @property
    def most(self) -> int:
        """How many tasks there may be during a deployment."""
        return max(math.floor(self.desired * self.rolling["maximumPercent"] / 100), 0)

    @property
    def threshold(self) -> int:
        """After how many failures the circuit breaker ends a deployment."""
        asked = self.breaker.get("thresholdConfiguration") or THRESHOLD
        if asked["type"] == "COUNT":
            return asked["value"]
        part = math.ceil(self.desired * asked["value"] / 100)
        if asked["type"] == "UNBOUNDED_PERCENT":
            return max(part, 1)
        return min(max(part, LEAST_FAILURES), MOST_FAILURES)

    def say(self, at: float, words: str) -> None:
        """An event; one that is said again and again is said once."""
        message = f"(service {self.name}) {words}"
        if self.events and self.events[0]["message"] == message:
            return
        event = {"id": str(uuid.uuid4()), "createdAt": at, "message": message}
        self.events = [event, *self.events][:MAX_EVENTS]

    def begin(self, at: float, definition: Any) -> Deployment:
        """A new PRIMARY deployment with what the service is now."""
        made = Deployment(definition, at, at, self.network, self.load_balancers)
        made.desired = self.desired
        made.reason = f"ECS deployment {made.id} in progress."
        self.deployments.insert(0, made)
        self.is_steady = False
        return made

    def complete(self, at: float) -> None:
        """The PRIMARY deployment has reached its steady state."""
        primary = self.primary
        primary.state, primary.updated = "COMPLETED", at
        primary.reason = f"ECS deployment {primary.id} completed."
        primary.failed = 0
        self.last_good = primary
        self.say(at, f"(deployment {primary.id}) deployment completed.")

    def count_failure(self, at: float, failed: Deployment) -> None:
        """A task of a deployment failed: the circuit breaker may end the deployment."""
        is_over = failed.was_healthy and self.breaker.get("resetOnHealthyTask", True)
        if failed.state != "IN_PROGRESS" or is_over:
            return
        failed.failed += 1
        failed.updated = at
        if not self.breaker["enable"] or failed.failed < self.threshold:
            return
        failed.state = "FAILED"
        failed.reason = "ECS deployment circuit breaker: tasks failed to start."
        self.say(at, f"(deployment {failed.id}) deployment failed: tasks failed to start.")
        good = self.last_good
        if self.breaker["rollback"] and good and failed is self.primary and not failed.is_rollback:
            self._roll_back(at, good)

    def _roll_back(self, at: float, good: Deployment) -> None:
        self.network, self.load_balancers = good.network, good.load_balancers
        made = self.begin(at, good.definition)
        made.is_rollback = True
        made.reason = f"ECS deployment circuit breaker: rolling back to deploymentId {good.id}."
        self.say(at, f"rolling back to deployment {good.id}.")


def counts(tasks: list[Task]) -> dict[str, int]:
    """How many run and how many begin."""
    return {
        "runningCount": sum(task.last_status == "RUNNING" for task in tasks),
        "pendingCount": sum(task.last_status in BEFORE_RUNNING for task in tasks),
    }


def _deployment(service: Service, each: Deployment, tasks: list[Task]) -> dict[str, Any]:
    return {
        "id": each.id,
        "status": "PRIMARY" if each is service.primary else "ACTIVE",
        "taskDefinition": each.definition.arn,
        "desiredCount": each.desired,
        "failedTasks": each.failed,
        "createdAt": each.created,
        "updatedAt": each.updated,
        "launchType": service.launch_type,
        "platformVersion": PLATFORM,
        "platformFamily": "Linux",
        "networkConfiguration": {"awsvpcConfiguration": each.network},
        "rolloutState": each.state,
        "rolloutStateReason": each.reason,
        **counts([task for task in tasks if task.deployment[1] is each]),
    }


def described(service: Service, tasks: list[Task], has_tags: bool) -> dict[str, Any]:
    """A service as DescribeServices has it."""
    role = "aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"
    shown: dict[str, Any] = {
        "serviceArn": service.arn,
        "serviceName": service.name,
        "clusterArn": service.cluster.arn,
        "loadBalancers": service.load_balancers,
        "serviceRegistries": service.registries,
        "status": service.status,
        "desiredCount": service.desired,
        "launchType": service.launch_type,
        "platformVersion": "LATEST",
        "platformFamily": "Linux",
        "taskDefinition": service.primary.definition.arn,
        "deploymentConfiguration": service.rolling,
        "deployments": [_deployment(service, each, tasks) for each in service.deployments],
        "roleArn": f"arn:aws:iam::{ACCOUNT}:role/{role}",
        "events": service.events,
        "createdAt": service.created,
        "placementConstraints": [],
        "placementStrategy": [],
        "networkConfiguration": {"awsvpcConfiguration": service.network},
        "schedulingStrategy": "REPLICA",
        "deploymentController": {"type": "ECS"},
        "createdBy": f"arn:aws:iam::{ACCOUNT}:root",
        "enableECSManagedTags": service.has_managed_tags,
        "propagateTags": service.propagate,
        "enableExecuteCommand": service.has_exec,
        "availabilityZoneRebalancing": "DISABLED",
        **counts(tasks),
    }
    if service.grace_s is not None:
        shown["healthCheckGracePeriodSeconds"] = service.grace_s
    if has_tags:
        shown["tags"] = service.tags
    return json.loads(json.dumps(shown))

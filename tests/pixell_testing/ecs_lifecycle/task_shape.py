"""A task in the shape in which ECS's answers have it."""

from __future__ import annotations

import json
import uuid
from typing import Any

from pixell_testing.ecs_lifecycle.cloud import ACCOUNT
from pixell_testing.ecs_lifecycle.tasks import ENDED, Task

PLATFORM = "1.4.0"


def _attachment(task: Task) -> dict[str, Any]:
    made = task.interface
    status = "DELETED" if task.last_status == "STOPPED" else "ATTACHED"
    values = {"subnetId": task.network["subnets"][0]}
    if made is None:
        status = "DELETED" if task.last_status in ENDED else "PRECREATED"
    else:
        values = {
            "subnetId": made.subnet,
            "networkInterfaceId": made.id,
            "macAddress": made.mac,
            "privateDnsName": made.dns,
            "privateIPv4Address": made.address,
        }
    details = [{"name": name, "value": value} for name, value in values.items()]
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, task.id)),
        "type": "ElasticNetworkInterface",
        "status": status,
        "details": details,
    }


def _container(task: Task, definition: dict[str, Any]) -> dict[str, Any]:
    name = definition["name"]
    status = {"RUNNING": "RUNNING", "DEACTIVATING": "RUNNING", "STOPPING": "RUNNING"}.get(
        task.last_status, "PENDING"
    )
    if task.exit_code is not None or task.last_status in ENDED:
        status = "STOPPED"
    place = f"arn:aws:ecs:{task.cloud.region}:{ACCOUNT}:container/{task.cluster.name}/{task.id}"
    shown = {
        "containerArn": f"{place}/{uuid.uuid5(uuid.NAMESPACE_OID, task.id + name)}",
        "taskArn": task.arn,
        "name": name,
        "image": definition["image"],
        "lastStatus": status,
        "networkBindings": [],
        "networkInterfaces": [],
        "healthStatus": task.health if definition.get("healthCheck") else "UNKNOWN",
        "cpu": str(definition.get("cpu", 0)),
    }
    if task.interface:
        shown["networkInterfaces"] = [
            {
                "attachmentId": _attachment(task)["id"],
                "privateIpv4Address": task.interface.address,
            }
        ]
    if "startedAt" in task.times:
        shown["runtimeId"] = f"{task.id}-{uuid.uuid5(uuid.NAMESPACE_OID, name).int % 10**10}"
    if task.exit_code is not None:
        shown["exitCode"] = task.exit_code
    if task.exit_reason:
        shown["reason"] = task.exit_reason
    return shown


def described(task: Task, has_tags: bool = True) -> dict[str, Any]:
    """A task as DescribeTasks has it."""
    definition = task.definition
    shown: dict[str, Any] = {
        "taskArn": task.arn,
        "clusterArn": task.cluster.arn,
        "taskDefinitionArn": definition.arn,
        "group": task.group,
        "lastStatus": task.last_status,
        "desiredStatus": task.desired_status,
        "healthStatus": task.health,
        "launchType": "FARGATE",
        "platformVersion": PLATFORM,
        "platformFamily": "Linux",
        "cpu": definition.cpu,
        "memory": definition.memory,
        "attachments": [_attachment(task)],
        "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}],
        "containers": [_container(task, each) for each in task.containers],
        "overrides": {
            "containerOverrides": [{"name": each["name"]} for each in task.containers],
            "inferenceAcceleratorOverrides": [],
            **task.overrides,
        },
        "ephemeralStorage": definition.ephemeral_storage or {"sizeInGiB": 20},
        "enableExecuteCommand": False,
        "inferenceAccelerators": [],
        "tags": task.tags if has_tags else [],
        "version": task.version,
        **task.times,
    }
    if task.interface:
        shown["availabilityZone"] = task.interface.zone
    if "connectivityAt" in task.times:
        shown["connectivity"] = "CONNECTED"
    if task.started_by:
        shown["startedBy"] = task.started_by
    if task.stop_code:
        shown["stopCode"], shown["stoppedReason"] = task.stop_code, task.stopped_reason
    return json.loads(json.dumps(shown))

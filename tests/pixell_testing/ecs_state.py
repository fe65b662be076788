"""Everything in an emulated account, read by boto3, so that two accounts can be compared.

What AWS makes up is left out or named by what it belongs to: ids, times, addresses.
"""

from __future__ import annotations

import json
from typing import Any

from pixell_testing.ecs_cloud import CLUSTER, Cloud, tags

SERVICE = (
    "serviceName",
    "status",
    "desiredCount",
    "taskDefinition",
    "launchType",
    "networkConfiguration",
    "loadBalancers",
    "deploymentConfiguration",
    "healthCheckGracePeriodSeconds",
    "propagateTags",
    "schedulingStrategy",
)
GROUP = (
    "Protocol",
    "ProtocolVersion",
    "Port",
    "TargetType",
    "HealthCheckPath",
    "HealthCheckPort",
    "HealthCheckIntervalSeconds",
    "Matcher",
)
CALLS_OF_ONE = 10


def _all(client: Any, action: str, key: str, **asked: Any) -> list[Any]:
    pages = client.get_paginator(action).paginate(**asked)
    return [each for page in pages for each in page[key]]


def _of(kept: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: kept[name] for name in names if name in kept}


class State:
    """Reads an account; `names` says what each made-up name stands for."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._names: dict[str, str] = {}
        self._map = cloud.moto.client("servicediscovery")

    def read(self) -> dict[str, Any]:
        """All of it, as JSON."""
        self._names.clear()
        kept = {
            "secrets": self._secrets(),
            "logs": self._logs(),
            "target groups": self._groups(),
            "rules": self._rules(),
            "task definitions": self._definitions(),
            "services": self._services(),
            "cloud map": self._discovery(),
        }
        text = json.dumps(kept, default=str, sort_keys=True)
        # The longest first: one may be the beginning of another.
        for made_up in sorted(self._names, key=len, reverse=True):
            text = text.replace(made_up, self._names[made_up])
        return json.loads(text)

    def _secrets(self) -> dict[str, Any]:
        client, found = self._cloud.secrets, {}
        for secret in client.list_secrets()["SecretList"]:
            name, arn = secret["Name"], secret["ARN"]
            self._names[arn] = f"secret {name}"
            values = []
            versions = client.list_secret_version_ids(SecretId=arn, IncludeDeprecated=True)
            for version in versions["Versions"]:
                kept = client.get_secret_value(SecretId=arn, VersionId=version["VersionId"])
                self._names[version["VersionId"]] = f"version {kept['SecretString']}".replace(
                    '"', "'"
                )
                values.append([kept["SecretString"], version.get("VersionStages")])
            assert name not in found, f"two secrets are called {name}"
            found[name] = {"tags": tags(secret.get("Tags", [])), "values": sorted(values)}
        return found

    def _logs(self) -> dict[str, Any]:
        groups = self._cloud.logs.describe_log_groups()["logGroups"]
        return {each["logGroupName"]: each.get("retentionInDays") for each in groups}

    def _tags_of(self, arns: list[str]) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for first in range(0, len(arns), CALLS_OF_ONE):
            some = arns[first : first + CALLS_OF_ONE]
            for each in self._cloud.elb.describe_tags(ResourceArns=some)["TagDescriptions"]:
                found[each["ResourceArn"]] = tags(each["Tags"])
        return found

    def _groups(self) -> list[Any]:
        elb = self._cloud.elb
        found = elb.describe_target_groups()["TargetGroups"]
        arns = [each["TargetGroupArn"] for each in found]
        tagged = self._tags_of(arns)
        listed = []
        for each in found:
            arn = each["TargetGroupArn"]
            self._names[arn] = f"target group {each['TargetGroupName']}"
            kept = elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
            attributes = {pair["Key"]: pair["Value"] for pair in kept}
            listed.append([each["TargetGroupName"], _of(each, GROUP), tagged[arn], attributes])
        return sorted(listed, key=str)

    def _rules(self) -> list[Any]:
        found = self._cloud.elb.describe_rules(ListenerArn=self._cloud.listener)["Rules"]
        tagged = self._tags_of([each["RuleArn"] for each in found if not each["IsDefault"]])
        listed = []
        for each in found:
            arn = each["RuleArn"]
            self._names[arn] = f"rule {each['Priority']}"
            what = [each["Conditions"], each["Actions"], tagged.get(arn)]
            listed.append([each["Priority"], *what])
        return sorted(listed, key=str)

    def _definitions(self) -> list[Any]:
        ecs, listed = self._cloud.ecs, []
        for arn in _all(ecs, "list_task_definitions", "taskDefinitionArns"):
            found = ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
            kept = found["taskDefinition"]
            kept.pop("registeredAt", None)
            marks = tags(found["tags"])
            # It is made of names that AWS made up.
            self._names[marks["pixell:definition"]] = f"digest {arn}"
            self._names[marks["pixell:installation"]] = "installation"
            listed.append([arn, kept, marks])
        return listed

    def _services(self) -> list[Any]:
        ecs, listed = self._cloud.ecs, []
        for arn in _all(ecs, "list_services", "serviceArns", cluster=CLUSTER):
            (found,) = ecs.describe_services(cluster=CLUSTER, services=[arn], include=["TAGS"])[
                "services"
            ]
            listed.append([_of(found, SERVICE), tags(found.get("tags", []))])
        return sorted(listed, key=str)

    def _discovery(self) -> list[Any]:
        listed = []
        for service in _all(self._map, "list_services", "Services"):
            self._names[service["Arn"]] = self._names[service["Id"]] = service["Name"]
            found = _all(self._map, "list_instances", "Instances", ServiceId=service["Id"])
            instances = []
            for each in found:
                attributes = dict(each["Attributes"])
                attributes.pop("AWS_INSTANCE_IPV4")
                instances.append(attributes)
            # One task is one instance.
            assert len({each["Id"] for each in found}) == len(found)
            marks = tags(self._map.list_tags_for_resource(ResourceARN=service["Arn"])["Tags"])
            listed.append([service["Name"], marks, sorted(instances, key=str)])
        return sorted(listed, key=str)

"""ECS's actions on services."""

from __future__ import annotations

from typing import Any

from pixell_testing.ecs_lifecycle.cloud import MOTO_ERRORS, Cloud
from pixell_testing.ecs_lifecycle.deployments import ROLLING, Service, described
from pixell_testing.ecs_lifecycle.errors import Refused, client, invalid
from pixell_testing.ecs_lifecycle.scheduler import Scheduler
from pixell_testing.ecs_lifecycle.targets import users
from pixell_testing.ecs_lifecycle.world import MS, World

MAX_DESCRIBED = 10
MAX_LOAD_BALANCERS = 5
MAX_LISTED = 100
DEFAULT_LISTED = 10


def cluster_of(cloud: Cloud, asked: dict[str, Any]) -> Any:
    """The cluster that a request names."""
    name = asked.get("cluster", "default").rpartition("/")[2]
    cluster = cloud.ecs.clusters.get(name)
    if cluster is None or cluster.status == "INACTIVE":
        raise Refused("ClusterNotFoundException", "Cluster not found.")
    return cluster


def definition_of(cloud: Cloud, name: str) -> Any:
    """An active task definition by family, family:revision or ARN."""
    try:
        found = cloud.ecs.describe_task_definition(name)
    except (*MOTO_ERRORS, ValueError) as wrong:
        raise client("Unable to describe task definition.") from wrong
    if found.status != "ACTIVE":
        raise client("TaskDefinition is inactive")
    return found


def check_network(cloud: Cloud, asked: dict[str, Any]) -> dict[str, Any]:
    """The network configuration of a request."""
    inside = (asked.get("networkConfiguration") or {}).get("awsvpcConfiguration")
    if not inside:
        raise invalid(
            "Network Configuration must be provided when networkMode 'awsvpc' is specified."
        )
    if not inside.get("subnets"):
        raise invalid("subnets can not be empty.")
    for subnet in inside["subnets"]:
        if not cloud.has_subnet(subnet):
            raise invalid(
                f"Error retrieving subnet information for [{subnet}]: The subnet ID '{subnet}' "
                "does not exist (ErrorCode: InvalidSubnetID.NotFound)"
            )
    for group in inside.get("securityGroups", []):
        if not cloud.has_group(group):
            raise invalid(
                f"Error retrieving security group information for [{group}]: The security group "
                f"'{group}' does not exist (ErrorCode: InvalidGroup.NotFound)"
            )
    return {"securityGroups": [], "assignPublicIp": "DISABLED", **inside}


def page(listed: list[str], asked: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
    """A page of ARNs, and the token of the next."""
    size = asked.get("maxResults", DEFAULT_LISTED if "maxResults" in asked else MAX_LISTED)
    if not 1 <= size <= MAX_LISTED:
        raise invalid(f"maxResults must be between 1 and {MAX_LISTED}.")
    token = asked.get("nextToken") or "0"
    if not token.isdecimal():
        raise invalid("Invalid token.")
    first = int(token)
    more = {"nextToken": str(first + size)} if first + size < len(listed) else {}
    return listed[first : first + size], more


class ServiceApi:
    """CreateService and its like; each takes the request's JSON and gives the answer's."""

    def __init__(self, world: World, scheduler: Scheduler) -> None:
        self._world, self._scheduler = world, scheduler

    def _kept(self, cluster: Any, asked: dict[str, Any]) -> Service:
        name = asked["service"].rpartition("/")[2]
        service = self._scheduler.services.get((cluster.arn, name))
        if service is None or not self._is_visible(service):
            raise Refused("ServiceNotFoundException", "Service not found.")
        return service

    def _is_visible(self, service: Service) -> bool:
        if service.ended_at is None:
            return True
        age = (self._world.time - service.ended_at) * MS
        return age <= self._world.settings.inactive_visible_ms

    def _shown(self, service: Service, has_tags: bool = False) -> dict[str, Any]:
        return described(service, self._scheduler.tasks_of(service), has_tags)

    def _check_load_balancers(
        self, cloud: Cloud, asked: list[dict[str, Any]], definition: Any
    ) -> None:
        if len(asked) > MAX_LOAD_BALANCERS:
            raise invalid(f"load balancers can have at most {MAX_LOAD_BALANCERS} items.")
        ports = {
            (container["name"], mapping["containerPort"])
            for container in definition.container_definitions
            for mapping in container.get("portMappings", [])
        }
        for each in asked:
            arn, name, port = (
                each.get(key) for key in ("targetGroupArn", "containerName", "containerPort")
            )
            group = cloud.elb.target_groups.get(arn)
            if group is None:
                raise invalid(
                    f"Unable to retrieve target groups for the given target group arns: {arn}"
                )
            if not any(users(cloud.elb, arn)):
                raise invalid(
                    f"The target group with targetGroupArn {arn} does not have an associated load "
                    "balancer."
                )
            if group.target_type != "ip":
                raise invalid(
                    f"The provided target group {arn} has target type {group.target_type}, which "
                    "is incompatible with the awsvpc network mode specified in the task definition."
                )
            if name not in {container for container, _ in ports}:
                raise invalid(f"The container {name} does not exist in the task definition.")
            if (name, port) not in ports:
                raise invalid(f"The container {name} did not have a container port {port} defined.")

    def _check_count(self, asked: dict[str, Any]) -> None:
        most = self._world.limits.tasks_per_service
        if most is not None and asked.get("desiredCount", 0) > most:
            raise invalid(f"The desired count of a service can be at most {most}.")

    def create(self, cloud: Cloud, asked: dict[str, Any]) -> dict[str, Any]:
        cluster = cluster_of(cloud, asked)
        key = (cluster.arn, asked["serviceName"])
        if before := self._scheduler.services.get(key):
            if before.status == "DRAINING":
                raise invalid("Unable to Start a service that is still Draining.")
            if before.status == "ACTIVE":
                if before.token and before.token == asked.get("clientToken"):
                    return {"service": self._shown(before, True)}
                raise invalid("Creation of service was not idempotent.")
        self._check_quota(cluster)
        self._check_count(asked)
        definition = definition_of(cloud, asked["taskDefinition"])
        if "FARGATE" not in definition.compatibilities:
            raise invalid("Task definition does not support launch_type FARGATE.")
        network = check_network(cloud, asked)
        balancers = asked.get("loadBalancers") or []
        self._check_load_balancers(cloud, balancers, definition)
        service = Service(
            name=asked["serviceName"],
            cloud=cloud,
            cluster=cluster,
            desired=asked.get("desiredCount", 0),
            created=self._world.time,
            network=network,
            load_balancers=balancers,
            registries=asked.get("serviceRegistries") or [],
            rolling={**ROLLING, **(asked.get("deploymentConfiguration") or {})},
            token=asked.get("clientToken", ""),
            grace_s=asked.get("healthCheckGracePeriodSeconds", 0 if balancers else None),
            propagate=asked.get("propagateTags", "NONE"),
            has_managed_tags=asked.get("enableECSManagedTags", False),
            has_exec=asked.get("enableExecuteCommand", False),
            tags=asked.get("tags") or [],
        )
        service.begin(self._world.time, definition)
        self._scheduler.services[key] = service
        self._scheduler.look_at(service)
        return {"service": self._shown(service, True)}

    def _check_quota(self, cluster: Any) -> None:
        most = self._world.limits.services_per_cluster
        kept = [
            each
            for each in self._scheduler.services.values()
            if each.cluster is cluster and each.status != "INACTIVE"
        ]
        if most is not None and len(kept) >= most:
            raise invalid(f"The maximum number of services per cluster has been reached: {most}.")

    def update(self, cloud: Cloud, asked: dict[str, Any]) -> dict[str, Any]:
        service = self._kept(cluster_of(cloud, asked), asked)
        if service.status != "ACTIVE":
            raise Refused("ServiceNotActiveException", "Service was not ACTIVE.")
        self._check_count(asked)
        definition = service.primary.definition
        if "taskDefinition" in asked:
            definition = definition_of(cloud, asked["taskDefinition"])
        network = service.network
        if "networkConfiguration" in asked:
            network = check_network(cloud, asked)
        balancers = asked.get("loadBalancers", service.load_balancers)
        if balancers != service.load_balancers:
            self._check_load_balancers(cloud, balancers, definition)
        registries = asked.get("serviceRegistries", service.registries)
        before = (
            service.primary.definition.arn,
            service.network,
            service.load_balancers,
            service.registries,
        )
        after = (definition.arn, network, balancers, registries)
        service.desired = asked.get("desiredCount", service.desired)
        service.rolling = {**service.rolling, **(asked.get("deploymentConfiguration") or {})}
        service.grace_s = asked.get("healthCheckGracePeriodSeconds", service.grace_s)
        service.propagate = asked.get("propagateTags", service.propagate)
        service.has_managed_tags = asked.get("enableECSManagedTags", service.has_managed_tags)
        service.has_exec = asked.get("enableExecuteCommand", service.has_exec)
        service.network, service.load_balancers, service.registries = network, balancers, registries
        # These trigger a deployment, the others do not.
        if before != after or asked.get("forceNewDeployment"):
            service.begin(self._world.time, definition)
        service.primary.desired = service.desired
        service.is_steady = False
        self._scheduler.look_at(service)
        return {"service": self._shown(service, True)}

    def delete(self, cloud: Cloud, asked: dict[str, Any]) -> dict[str, Any]:
        service = self._kept(cluster_of(cloud, asked), asked)
        if service.status != "ACTIVE":
            raise Refused("ServiceNotActiveException", "Service was not ACTIVE.")
        if service.desired > 0 and not asked.get("force"):
            raise invalid("The service cannot be stopped while it is scaled above 0.")
        service.status, service.desired, service.primary.desired = "DRAINING", 0, 0
        self._scheduler.look_at(service)
        return {"service": self._shown(service)}

    def describe(self, cloud: Cloud, asked: dict[str, Any]) -> dict[str, Any]:
        cluster = cluster_of(cloud, asked)
        names = asked["services"]
        if not names:
            raise invalid("Services cannot be empty.")
        if len(names) > MAX_DESCRIBED:
            raise invalid(f"Services cannot have more than {MAX_DESCRIBED} elements.")
        found, missing = [], []
        for name in names:
            try:
                service = self._kept(cluster, {"service": name})
            except Refused:
                place = cluster.arn.replace(":cluster/", ":service/")
                arn = name if name.startswith("arn:") else f"{place}/{name}"
                missing.append({"arn": arn, "reason": "MISSING"})
                continue
            found.append(self._shown(service, "TAGS" in asked.get("include", [])))
        return {"services": found, "failures": missing}

    def list(self, cloud: Cloud, asked: dict[str, Any]) -> dict[str, Any]:
        cluster = cluster_of(cloud, asked)
        kind = asked.get("launchType")
        strategy = asked.get("schedulingStrategy", "REPLICA")
        arns = [
            each.arn
            for each in self._scheduler.services.values()
            if each.cluster is cluster
            and each.status == "ACTIVE"
            and kind in (None, each.launch_type)
            and strategy == "REPLICA"
        ]
        listed, more = page(sorted(arns), asked)
        return {"serviceArns": listed, **more}

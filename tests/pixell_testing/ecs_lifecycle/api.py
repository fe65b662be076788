"""ECS's actions on tasks, their protection and tags; which actions the model answers itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pixell_testing.ecs_lifecycle.cloud import Cloud
from pixell_testing.ecs_lifecycle.errors import Refused, invalid
from pixell_testing.ecs_lifecycle.scheduler import Scheduler, count_tasks
from pixell_testing.ecs_lifecycle.service_api import (
    ServiceApi,
    check_network,
    cluster_of,
    definition_of,
    page,
)
from pixell_testing.ecs_lifecycle.task_shape import described
from pixell_testing.ecs_lifecycle.tasks import Task, TaskLife
from pixell_testing.ecs_lifecycle.world import World

MAX_TASKS = 100
MAX_STARTED = 10
MAX_PROTECTED = 10
MAX_TAGS = 50
PROTECTED_MINUTES = 120
MAX_PROTECTED_MINUTES = 2_880

Action = Callable[[Cloud, dict[str, Any]], dict[str, Any]]


class Api:
    """The actions by name."""

    def __init__(self, world: World, life: TaskLife, scheduler: Scheduler) -> None:
        self._world, self._life, self._scheduler = world, life, scheduler
        services = ServiceApi(world, scheduler)
        self.actions: dict[str, Action] = {
            "CreateService": services.create,
            "UpdateService": services.update,
            "DeleteService": services.delete,
            "DescribeServices": services.describe,
            "ListServices": services.list,
            "RunTask": self._run,
            "StopTask": self._stop,
            "DescribeTasks": self._describe,
            "ListTasks": self._list,
            "UpdateTaskProtection": self._protect,
            "GetTaskProtection": self._protection,
        }
        self._by_resource: dict[str, Action] = {
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._tags,
        }

    def find(self, action: str, asked: dict[str, Any]) -> Action | None:
        """The model's own action, or None when it is moto's."""
        if action in self._by_resource:
            kind = asked.get("resourceArn", "").split(":")[-1].partition("/")[0]
            return self._by_resource[action] if kind in ("service", "task") else None
        return self.actions.get(action)

    def before_moto(self, cloud: Cloud, action: str, asked: dict[str, Any]) -> None:
        """What moto does not know of clusters."""
        services = list(self._scheduler.services.values())
        count_tasks(cloud, self._life, services)
        if action != "DeleteCluster":
            return
        cluster = cluster_of(cloud, asked)
        if any(each.cluster is cluster and each.status != "INACTIVE" for each in services):
            raise Refused(
                "ClusterContainsServicesException",
                "The Cluster cannot be deleted while Services are active.",
            )
        if any(
            each.cluster is cluster and each.last_status != "STOPPED"
            for each in self._life.tasks.values()
        ):
            raise Refused(
                "ClusterContainsTasksException",
                "The Cluster cannot be deleted while Tasks are active.",
            )

    def _kept(self, cluster: Any, name: str) -> Task | None:
        task = self._life.tasks.get(name.rpartition("/")[2])
        if task is None or task.cluster is not cluster or not self._life.is_visible(task):
            return None
        return task

    def _missing(self, cluster: Any, name: str) -> dict[str, str]:
        place = cluster.arn.replace(":cluster/", ":task/")
        return {"arn": name if name.startswith("arn:") else f"{place}/{name}", "reason": "MISSING"}

    def _run(self, cloud: Cloud, asked: dict[str, Any]) -> dict[str, Any]:
        cluster = cluster_of(cloud, asked)
        definition = definition_of(cloud, asked["taskDefinition"])
        network = check_network(cloud, asked)
        count = asked.get("count", 1)
        if not 1 <= count <= MAX_STARTED:
            raise invalid(f"Task count must be between 1 and {MAX_STARTED}.")
        behaviour = self._world.behaviour(definition.family)
        if behaviour.boot == "never_placed":
            reason = "Capacity is unavailable at this time."
            return {"tasks": [], "failures": [{"arn": cluster.arn, "reason": reason}]}
        started = [
            self._life.start(
                subnet=network["subnets"][turn % len(network["subnets"])],
                cloud=cloud,
                cluster=cluster,
                definition=definition,
                network=network,
                behaviour=behaviour,
                group=asked.get("group", f"family:{definition.family}"),
                started_by=asked.get("startedBy", ""),
                tags=list(asked.get("tags") or []),
                overrides=asked.get("overrides") or {},
            )
            for turn in range(count)
        ]
        return {"tasks": [described(task) for task in started], "failures": []}

    def _stop(self, cloud: Cloud, asked: dict[str, Any]) -> dict[str, Any]:
        cluster = cluster_of(cloud, asked)
        task = self._kept(cluster, asked["task"])
        if task is None:
            raise invalid("The referenced task was not found.")
        self._life.stop(task, "UserInitiated", asked.get("reason") or "Task stopped by user")
        return {"task": described(task)}

    def _describe(self, cloud: Cloud, asked: dict[str, Any]) -> dict[str, Any]:
        cluster = cluster_of(cloud, asked)
        names = asked["tasks"]
        if not names:
            raise invalid("Tasks cannot be empty.")
        if len(names) > MAX_TASKS:
            raise invalid(f"Tasks cannot have more than {MAX_TASKS} elements.")
        found, missing = [], []
        for name in names:
            if task := self._kept(cluster, name):
                found.append(described(task, "TAGS" in asked.get("include", [])))
            else:
                missing.append(self._missing(cluster, name))
        return {"tasks": found, "failures": missing}

    def _list(self, cloud: Cloud, asked: dict[str, Any]) -> dict[str, Any]:
        cluster = cluster_of(cloud, asked)
        filters = {"family", "serviceName", "desiredStatus", "launchType", "containerInstance"}
        if "startedBy" in asked and filters & set(asked):
            raise invalid("When you specify startedBy, it must be the only filter that you use.")
        service = asked.get("serviceName")
        if service is not None:
            name = service.rpartition("/")[2]
            if (cluster.arn, name) not in self._scheduler.services:
                raise Refused("ServiceNotFoundException", "Service not found.")
            service = f"service:{name}"
        arns = [
            task.arn
            for task in self._life.tasks.values()
            if task.cluster is cluster
            and self._life.is_visible(task)
            and task.desired_status == asked.get("desiredStatus", "RUNNING")
            and service in (None, task.group)
            and asked.get("family") in (None, task.definition.family)
            and asked.get("startedBy") in (None, task.started_by)
            and asked.get("launchType") in (None, "FARGATE")
        ]
        listed, more = page(arns, asked)
        return {"taskArns": listed, **more}

    # Protection.

    def _protect(self, cloud: Cloud, asked: dict[str, Any]) -> dict[str, Any]:
        minutes = asked.get("expiresInMinutes", PROTECTED_MINUTES)
        if not 1 <= minutes <= MAX_PROTECTED_MINUTES:
            raise invalid(f"expiresInMinutes must be between 1 and {MAX_PROTECTED_MINUTES}.")

        def change(task: Task) -> None:
            until = self._world.time + minutes * 60
            task.protected_until = until if asked["protectionEnabled"] else None
            if task.deployment:
                self._scheduler.look_at(task.deployment[0])

        return self._of_protected(cloud, asked, change)

    def _protection(self, cloud: Cloud, asked: dict[str, Any]) -> dict[str, Any]:
        return self._of_protected(cloud, asked, lambda _: None)

    def _of_protected(
        self, cloud: Cloud, asked: dict[str, Any], change: Callable[[Task], None]
    ) -> dict[str, Any]:
        cluster = cluster_of(cloud, asked)
        names = asked.get("tasks") or []
        if len(names) > MAX_PROTECTED:
            raise invalid(f"Tasks cannot have more than {MAX_PROTECTED} elements.")
        found, failed = [], []
        for name in names:
            task = self._kept(cluster, name)
            if task is None:
                failed.append(self._missing(cluster, name))
            elif not task.deployment or not task.is_live:
                failed.append(
                    {
                        "arn": task.arn,
                        "reason": "TASK_NOT_VALID",
                        "detail": "The specified task is not a running task of a service.",
                    }
                )
            else:
                change(task)
                is_protected = task.is_protected(self._world.time)
                shown = {"taskArn": task.arn, "protectionEnabled": is_protected}
                if is_protected:
                    shown["expirationDate"] = task.protected_until
                found.append(shown)
        return {"protectedTasks": found, "failures": failed}

    # Tags.

    def _tagged(self, cloud: Cloud, arn: str) -> Any:
        name = arn.rpartition("/")[2]
        for cluster in cloud.ecs.clusters.values():
            if f"/{cluster.name}/" not in arn:
                continue
            if ":task/" in arn and (task := self._kept(cluster, name)):
                return task
            if ":service/" in arn and (found := self._scheduler.services.get((cluster.arn, name))):
                return found
        raise invalid("The specified resource was not found.")

    def _tag(self, cloud: Cloud, asked: dict[str, Any]) -> dict[str, Any]:
        kept = self._tagged(cloud, asked["resourceArn"])
        tags = {each["key"]: each for each in [*kept.tags, *asked["tags"]]}
        if len(tags) > MAX_TAGS:
            raise invalid(f"Too many tags: a resource can have {MAX_TAGS}.")
        kept.tags = list(tags.values())
        return {}

    def _untag(self, cloud: Cloud, asked: dict[str, Any]) -> dict[str, Any]:
        kept = self._tagged(cloud, asked["resourceArn"])
        kept.tags = [each for each in kept.tags if each["key"] not in asked["tagKeys"]]
        return {}

    def _tags(self, cloud: Cloud, asked: dict[str, Any]) -> dict[str, Any]:
        return {"tags": self._tagged(cloud, asked["resourceArn"]).tags}

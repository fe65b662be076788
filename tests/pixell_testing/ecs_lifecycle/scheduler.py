"""What ECS does for its services: starts, replaces, rolls and stops tasks.

Not documented, and so this model's own: unhealthy tasks are stopped first and then replaced; of a
scale-in go first those that do not run yet, then those of the subnet with the most tasks, of these
the newest (`victims`); deleting a service stops protected tasks too.
"""

from __future__ import annotations

import collections

from pixell_testing.ecs_lifecycle.cloud import Cloud
from pixell_testing.ecs_lifecycle.deployments import Deployment, Service
from pixell_testing.ecs_lifecycle.targets import Targets
from pixell_testing.ecs_lifecycle.tasks import BEFORE_RUNNING, ENDED, Task, TaskLife
from pixell_testing.ecs_lifecycle.world import World

# Failing starts in a row before the scheduler slows down.
PATIENCE = 2
CPU_UNITS = 1024
HELP = "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
NO_CAPACITY = (
    "Capacity is unavailable at this time. Please try again later or in a different availability "
    "zone."
)
NO_VCPUS = "You've reached the limit on the number of vCPUs you can run concurrently."


class Scheduler:
    """Brings services to what they should be."""

    def __init__(self, world: World, life: TaskLife, targets: Targets) -> None:
        self._world, self._life, self._targets = world, life, targets
        self.services: dict[tuple[str, str], Service] = {}
        self._dirty: set[Service] = set()
        world.settle = self._settle
        life.listener = self
        targets.listener = self

    def reset(self) -> None:
        self.services.clear()
        self._dirty.clear()

    def look_at(self, service: Service) -> None:
        """It will be looked at before anything else happens."""
        self._dirty.add(service)

    def _look_later(self, service: Service, ms: float) -> None:
        self._world.after(ms, lambda: self.look_at(service))

    def tasks_of(self, service: Service) -> list[Task]:
        return [
            task
            for task in self._life.tasks.values()
            if task.deployment is not None and task.deployment[0] is service
        ]

    # What it is told.

    def task_runs(self, task: Task) -> None:
        if task.deployment:
            service, deployment = task.deployment
            deployment.never_ran = 0
            self.look_at(service)

    def task_is_healthy(self, task: Task) -> None:
        if task.deployment:
            service, deployment = task.deployment
            deployment.was_healthy = True
            if service.breaker.get("resetOnHealthyTask", True):
                deployment.failed = 0
            self.look_at(service)

    def task_is_unhealthy(self, task: Task) -> None:
        if not task.deployment:
            return
        service, deployment = task.deployment
        grace = self._world.seconds(service.grace_s or 0) / 1000
        early = task.times["startedAt"] + grace - self._world.time
        if early > 0:
            self._world.after(early * 1000, lambda: self.task_is_unhealthy(task))
            return
        if not task.is_live:
            return
        reason = "Task failed container health checks"
        if not task.health_check:
            groups = ", ".join(each["targetGroupArn"] for each in task.load_balancers)
            reason = f"Task failed ELB health checks in (target-group {groups})"
            port = task.load_balancers[0]["containerPort"]
            service.say(
                self._world.time,
                f"(port {port}) is unhealthy in (target-group {groups}) due to (reason Health "
                "checks failed).",
            )
        else:
            service.say(self._world.time, f"(task {task.id}) failed container health checks.")
        service.count_failure(self._world.time, deployment)
        self._life.stop(task, "ServiceSchedulerInitiated", reason)

    def target_is_healthy(self) -> None:
        self._dirty.update(
            each for each in self.services.values() if each.load_balancers and not each.is_steady
        )

    def task_ends(self, task: Task) -> None:
        if not task.deployment:
            return
        service, deployment = task.deployment
        self.look_at(service)
        has_run = "startedAt" in task.times
        if task.stop_code == "TaskFailedToStart":
            service.count_failure(self._world.time, deployment)
            self._slow_down(service, deployment)
        elif has_run and self._counts_exit(task):
            service.count_failure(self._world.time, deployment)

    def _counts_exit(self, task: Task) -> bool:
        is_exit = task.stop_code == "EssentialContainerExited" and not task.was_healthy
        return is_exit and self._world.settings.breaker_counts_exits

    def task_stopped(self, task: Task) -> None:
        if task.deployment:
            self.look_at(task.deployment[0])

    def _slow_down(self, service: Service, deployment: Deployment) -> None:
        settings = self._world.settings
        deployment.never_ran += 1
        late = max(deployment.never_ran - PATIENCE, 0)
        pause = min(settings.restart_ms * 2**late, settings.restart_max_ms)
        deployment.not_before = self._world.time + pause / 1000
        self._look_later(service, pause)
        if late:
            service.say(
                self._world.time, f"is unable to consistently start tasks successfully. {HELP}"
            )

    # What it does.

    def _settle(self) -> None:
        while self._dirty:
            service = min(self._dirty, key=lambda each: each.arn)
            self._dirty.discard(service)
            self._bring(service)

    def _bring(self, service: Service) -> None:
        if service.status == "DRAINING":
            self._drain(service)
        elif service.status == "ACTIVE":
            self._forget_replaced(service)
            self._start(service)
            self._scale_in(service)
            self._replace(service)
            self._judge(service)

    def _drain(self, service: Service) -> None:
        tasks = self.tasks_of(service)
        for task in tasks:
            self._stop(service, [task], "Scaling activity")
        if all(task.last_status in ("STOPPING", *ENDED) for task in tasks):
            service.status = "INACTIVE"
            service.ended_at = self._world.time
        else:
            self._look_later(service, self._world.settings.deactivating_ms)

    def _forget_replaced(self, service: Service) -> None:
        busy = {
            task.deployment[1]
            for task in self.tasks_of(service)
            if task.last_status not in ("STOPPING", *ENDED)
        }
        kept = [each for each in service.deployments[1:] if each in busy]
        if len(kept) + 1 != len(service.deployments):
            service.deployments[1:] = kept
        if any(not task.is_live for task in self.tasks_of(service) if task.deployment[1] in kept):
            self._look_later(service, self._world.settings.deactivating_ms)

    def _live(self, service: Service, deployment: Deployment | None = None) -> list[Task]:
        return [
            task
            for task in self.tasks_of(service)
            if task.is_live and (deployment is None or task.deployment[1] is deployment)
        ]

    def _is_healthy(self, task: Task) -> bool:
        return (
            task.last_status == "RUNNING"
            and (task.health == "HEALTHY" or not task.health_check)
            and self._targets.are_healthy(task)
        )

    def _start(self, service: Service) -> None:
        primary = service.primary
        primary.desired = service.desired
        if primary.state == "FAILED" or primary.not_before > self._world.time:
            return
        missing = service.desired - len(self._live(service, primary))
        # Without old tasks a deployment has as many as are desired, whatever the percentages say.
        room = max(service.most, service.desired) if not self._old(service) else service.most
        room -= len(self._live(service))
        if missing > 0 and room <= 0 and len(self._live(service)) <= service.least:
            service.say(
                self._world.time,
                "was unable to stop or start tasks during a deployment because of the service "
                "deployment configuration. Update the minimumHealthyPercent or maximumPercent "
                "value and try again.",
            )
        started = []
        for _ in range(min(missing, room)):
            if reason := self._no_place(primary):
                self._cannot_place(service, reason)
                break
            started.append(self._place(service, primary))
        self._told(service, "has started {} tasks: {}.", started)

    def _old(self, service: Service) -> list[Task]:
        return [task for task in self._live(service) if task.deployment[1] is not service.primary]

    def _no_place(self, deployment: Deployment) -> str:
        if self._world.behaviour(deployment.definition.family).boot == "never_placed":
            return NO_CAPACITY
        most = self._world.limits.vcpus
        if most is None:
            return ""
        used = sum(float(task.definition.cpu) for task in self._life.tasks.values() if task.is_live)
        wanted = used + float(deployment.definition.cpu)
        return NO_VCPUS if wanted / CPU_UNITS > most else ""

    def _cannot_place(self, service: Service, reason: str) -> None:
        pause = self._world.settings.place_retry_ms
        service.say(self._world.time, f"was unable to place a task. Reason: {reason} {HELP}")
        deployment = service.primary
        deployment.not_before = self._world.time + pause / 1000
        service.count_failure(self._world.time, deployment)
        self._look_later(service, pause)

    def _place(self, service: Service, deployment: Deployment) -> Task:
        subnets = deployment.network["subnets"]
        subnet = subnets[deployment.placed % len(subnets)]
        deployment.placed += 1
        service.is_steady = False
        return self._life.start(
            subnet=subnet,
            cloud=service.cloud,
            cluster=service.cluster,
            definition=deployment.definition,
            network=deployment.network,
            behaviour=self._world.behaviour(deployment.definition.family),
            group=f"service:{service.name}",
            started_by=deployment.id,
            tags=task_tags(service, deployment),
            load_balancers=deployment.load_balancers,
            deployment=(service, deployment),
        )

    def _told(self, service: Service, words: str, tasks: list[Task]) -> None:
        if tasks:
            names = " ".join(f"(task {task.id})" for task in tasks)
            service.say(self._world.time, words.format(len(tasks), names))

    def _stop(self, service: Service, tasks: list[Task], activity: str) -> None:
        live = [task for task in tasks if task.is_live]
        for task in live:
            reason = f"{activity} initiated by (deployment {service.primary.id})"
            self._life.stop(task, "ServiceSchedulerInitiated", reason)
        if live:
            service.is_steady = False
        if any(task.load_balancers for task in live):
            service.say(self._world.time, f"has begun draining connections on {len(live)} tasks.")
        self._told(service, "has stopped {} running tasks: {}.", live)

    def _scale_in(self, service: Service) -> None:
        live = self._live(service, service.primary)
        extra = len(live) - service.desired
        if extra <= 0:
            return
        free = [task for task in live if not task.is_protected(self._world.time)]
        self._stop(service, self.victims(free)[:extra], "Scaling activity")
        if extra > len(free):
            service.say(
                self._world.time,
                "was unable to reach steady state because task set (taskSet "
                f"{service.primary.id}) was unable to scale in. Reason: The number of protected "
                "tasks is more than the desired count of tasks.",
            )
            self._look_later(service, self._world.settings.place_retry_ms)

    def victims(self, tasks: list[Task]) -> list[Task]:
        """Who goes first, of tasks that may go."""
        left = list(tasks)
        sign = -1 if self._world.settings.victims == "newest" else 1
        order = []
        while left:
            crowds = collections.Counter(_subnet(task) for task in left)
            chosen = min(
                left,
                key=lambda task: (
                    task.last_status not in BEFORE_RUNNING,
                    -crowds[_subnet(task)],
                    sign * task.times["createdAt"],
                    task.id,
                ),
            )
            left.remove(chosen)
            order.append(chosen)
        return order

    def _replace(self, service: Service) -> None:
        """Old tasks go as far as enough healthy ones stay."""
        old = [task for task in self._old(service) if not task.is_protected(self._world.time)]
        if any(task.is_protected(self._world.time) for task in self._old(service)):
            self._look_later(service, self._world.settings.place_retry_ms)
        if not old or service.primary.state == "FAILED":
            return
        healthy = sum(self._is_healthy(task) for task in self._live(service))
        going = []
        for task in self.victims(old):
            if self._is_healthy(task):
                if healthy - 1 < service.least:
                    continue
                healthy -= 1
            going.append(task)
        self._stop(service, going, "Scaling activity")
        if going and len(self._live(service, service.primary)) < service.desired:
            self.look_at(service)

    def _judge(self, service: Service) -> None:
        """Whether it is steady now."""
        live = self._live(service)
        mine = self._live(service, service.primary)
        is_done = (
            len(live) == len(mine) == service.desired
            and all(self._is_healthy(task) for task in mine)
            and len(service.deployments) == 1
        )
        if not is_done or service.is_steady:
            service.is_steady = service.is_steady and is_done
            return
        service.is_steady = True
        if service.primary.state == "IN_PROGRESS":
            service.complete(self._world.time)
        service.say(self._world.time, "has reached a steady state.")


def _subnet(task: Task) -> str:
    return task.interface.subnet if task.interface else ""


def task_tags(service: Service, deployment: Deployment) -> list[dict[str, str]]:
    """The tags that a task of a service has from its start."""
    tags: dict[str, str] = {}
    if service.propagate == "SERVICE":
        tags = {each["key"]: each["value"] for each in service.tags}
    elif service.propagate == "TASK_DEFINITION":
        tags = {each["key"]: each["value"] for each in deployment.definition.tags}
    if service.has_managed_tags:
        tags["aws:ecs:clusterName"] = service.cluster.name
        tags["aws:ecs:serviceName"] = service.name
    return [{"key": key, "value": value} for key, value in tags.items()]


def count_tasks(cloud: Cloud, life: TaskLife, services: list[Service]) -> None:
    """What DescribeClusters says of each cluster of moto."""
    for cluster in cloud.ecs.clusters.values():
        tasks = [task for task in life.tasks.values() if task.cluster is cluster]
        cluster.active_services_count = sum(
            each.cluster is cluster and each.status == "ACTIVE" for each in services
        )
        cluster.running_tasks_count = sum(task.last_status == "RUNNING" for task in tasks)
        cluster.pending_tasks_count = sum(task.last_status in BEFORE_RUNNING for task in tasks)

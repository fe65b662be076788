"""The life of a task on Fargate, as Amazon's document of the task lifecycle has it.

    PROVISIONING -> PENDING -> ACTIVATING -> RUNNING
    -> DEACTIVATING -> STOPPING -> DEPROVISIONING -> STOPPED

A stop takes the targets from their groups and waits for the deregistration delay, then sends
SIGTERM, and SIGKILL after the stopTimeout. A task that never ran goes to DEPROVISIONING at once.
"""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

from pixell_testing.ecs_lifecycle.cloud import ACCOUNT, Cloud, Interface, NotThere
from pixell_testing.ecs_lifecycle.lines import Lines
from pixell_testing.ecs_lifecycle.targets import Targets
from pixell_testing.ecs_lifecycle.world import Behaviour, World

BEFORE_RUNNING = ("PROVISIONING", "PENDING", "ACTIVATING")
ENDED = ("DEPROVISIONING", "STOPPED")
SIGTERM, SIGKILL = 15, 9
KILLED = 128 + SIGKILL
# Of Fargate, where the definition says nothing.
STOP_TIMEOUT_S = 30
HEALTH_CHECK = {"interval": 30, "timeout": 5, "retries": 3, "startPeriod": 0}


@dataclasses.dataclass(eq=False)
class Task:
    """One task: what it was asked to be, and what has become of it."""

    id: str
    cloud: Cloud
    cluster: Any
    definition: Any
    network: dict[str, Any]
    behaviour: Behaviour
    group: str
    started_by: str = ""
    tags: list[dict[str, str]] = dataclasses.field(default_factory=list)
    load_balancers: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    overrides: dict[str, Any] = dataclasses.field(default_factory=dict)
    # Of the scheduler, for those of a service.
    deployment: Any = None
    times: dict[str, float] = dataclasses.field(default_factory=dict)
    last_status: str = "PROVISIONING"
    desired_status: str = "RUNNING"
    health: str = "UNKNOWN"
    stop_code: str = ""
    stopped_reason: str = ""
    exit_code: int | None = None
    exit_reason: str = ""
    interface: Interface | None = None
    is_ready: bool = False
    was_healthy: bool = False
    protected_until: float | None = None
    version: int = 1
    signals: list[int] = dataclasses.field(default_factory=list)
    streams: dict[str, tuple[str, str]] = dataclasses.field(default_factory=dict)
    # A change of state that was planned in an earlier step does not happen.
    step: int = 0

    @property
    def arn(self) -> str:
        place = f"{self.cloud.region}:{ACCOUNT}:task/{self.cluster.name}"
        return f"arn:aws:ecs:{place}/{self.id}"

    @property
    def containers(self) -> list[dict[str, Any]]:
        return self.definition.container_definitions

    @property
    def health_check(self) -> dict[str, Any] | None:
        """That of the first container that has one, with the defaults."""
        checks = [each["healthCheck"] for each in self.containers if each.get("healthCheck")]
        return {**HEALTH_CHECK, **checks[0]} if checks else None

    @property
    def stop_timeout(self) -> int:
        return max(each.get("stopTimeout", STOP_TIMEOUT_S) for each in self.containers)

    @property
    def environment(self) -> dict[str, str]:
        return {each["name"]: each["value"] for each in self.containers[0].get("environment", [])}

    @property
    def is_live(self) -> bool:
        return self.desired_status == "RUNNING"

    def is_protected(self, now: float) -> bool:
        return self.protected_until is not None and self.protected_until > now


class TaskLife:
    """Starts, stops and kills tasks; tells its listener of those that ended."""

    def __init__(self, world: World, targets: Targets) -> None:
        self._world, self._targets = world, targets
        self.tasks: dict[str, Task] = {}
        # Told when a task runs, is healthy, or has ended.
        self.listener: Any = None

    def reset(self) -> None:
        self.tasks.clear()

    def start(self, **asked: Any) -> Task:
        """A task that begins; `subnet` is where its interface will be."""
        subnet = asked.pop("subnet")
        task = Task(id=uuid.uuid4().hex, **asked)
        self.tasks[task.id] = task
        task.times["createdAt"] = self._world.time
        settings = self._world.settings
        self._later(task, settings.provisioning_ms, lambda: self._attach(task, subnet))
        return task

    def _later(self, task: Task, ms: float, what: Any) -> None:
        step = task.step

        def if_still_meant() -> None:
            if task.step == step:
                what()

        self._world.after(ms, if_still_meant)

    def _enter(self, task: Task, status: str, time: str = "") -> None:
        task.last_status = status
        task.step += 1
        task.version += 1
        if time:
            task.times[time] = self._world.time

    def _attach(self, task: Task, subnet: str) -> None:
        task.interface = task.cloud.attach(subnet, task.network.get("securityGroups", []))
        self._enter(task, "PENDING", "pullStartedAt")
        task.times["connectivityAt"] = self._world.time
        if task.behaviour.boot != "outside":
            self._later(task, self._world.settings.pending_ms, lambda: self._activate(task))

    def _activate(self, task: Task) -> None:
        try:
            self._prepare(task)
        except NotThere as wrong:
            self._fail(task, str(wrong))
            return
        self._enter(task, "ACTIVATING", "pullStoppedAt")
        self._targets.register(task)
        self._later(task, self._world.settings.activating_ms, lambda: self._run(task))

    def _prepare(self, task: Task) -> None:
        boot = task.behaviour.boot
        for container in task.containers:
            for secret in container.get("secrets", []):
                task.cloud.check_secret(secret["valueFrom"])
        if boot == "secret_missing":
            raise NotThere(
                "ResourceInitializationError: unable to pull secrets or registry auth: execution "
                "resource retrieval failed: unable to retrieve secret from asm: service call has "
                "been retried 1 time(s): ResourceNotFoundException: Secrets Manager can't find the "
                "specified secret."
            )
        if boot == "cannot_pull":
            image = task.containers[0]["image"]
            raise NotThere(
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed "
                f"to resolve ref {image}: {image}: not found"
            )
        for container in task.containers:
            log = container.get("logConfiguration") or {}
            if log.get("logDriver") == "awslogs":
                options = log["options"]
                stream = task.cloud.open_stream(options, container["name"], task.id)
                task.streams[container["name"]] = (options["awslogs-group"], stream)

    def _run(self, task: Task) -> None:
        self._enter(task, "RUNNING", "startedAt")
        settings, boot = self._world.settings, task.behaviour.boot
        self._write(task, self._lines(task).started(self._world.time))
        if boot == "hang":
            # Who is not looked at is never found out.
            if task.health_check or task.load_balancers:
                self._later(task, self._until_unhealthy(task), lambda: self._sicken(task))
        elif boot == "fail":
            self._later(task, settings.boot_ms, lambda: self._fail_boot(task))
        elif boot == "oom":
            reason = "OutOfMemoryError: Container killed due to memory usage"
            self._later(task, settings.boot_ms, lambda: self._exit(task, KILLED, reason))
        elif boot != "outside":
            self._later(task, settings.boot_ms, lambda: self._ready(task))
        self.listener.task_runs(task)

    def report(self, task: Task, event: str, address: str = "", exit_code: int = 0) -> None:
        """What happened to a task whose container is run by somebody outside: `started` at an
        address, `healthy`, or `exited`."""
        if event == "started" and task.last_status == "PENDING":
            task.interface = dataclasses.replace(task.interface, address=address)
            self._activate(task)
        elif event == "healthy" and task.last_status == "RUNNING":
            self._ready(task)
        elif event == "exited" and task.is_live:
            self._exit(task, exit_code)
        elif event == "exited" and task.last_status in ("DEACTIVATING", "STOPPING"):
            self._ended(task, exit_code)

    def _until_unhealthy(self, task: Task) -> float:
        # Failures count when the start period is over.
        if check := task.health_check:
            return self._world.seconds(check["startPeriod"] + check["retries"] * check["interval"])
        return self._targets.until_unhealthy_ms(task)

    def _ready(self, task: Task) -> None:
        task.is_ready = True
        settings = self._world.settings
        self._write(task, self._lines(task).ready(self._world.time, settings.boot_ms))
        self._targets.ready(task)
        self._later(task, settings.healthy_ms, lambda: self._healthy(task))

    def _healthy(self, task: Task) -> None:
        if task.health_check:
            task.health = "HEALTHY"
            task.version += 1
        task.was_healthy = True
        if task.behaviour.boot == "unhealthy":
            self._later(task, self._world.settings.unhealthy_ms, lambda: self._sicken(task))
        self.listener.task_is_healthy(task)

    def _sicken(self, task: Task) -> None:
        if task.health_check:
            task.health = "UNHEALTHY"
            task.version += 1
        self._targets.sicken(task)
        self.listener.task_is_unhealthy(task)

    def _lines(self, task: Task) -> Lines:
        return Lines(task.environment)

    def _write(self, task: Task, lines: list[str]) -> None:
        if task.behaviour.boot == "outside":
            return  # it has lines of its own
        name = task.containers[0]["name"]
        if name in task.streams:
            group, stream = task.streams[name]
            task.cloud.write(group, stream, self._world.time, lines)

    def _fail_boot(self, task: Task) -> None:
        lines, code = self._lines(task).failed(self._world.time, task.behaviour.boot_report)
        self._write(task, lines)
        self._exit(task, code)

    def _exit(self, task: Task, code: int, reason: str = "") -> None:
        """Its container ends by itself."""
        task.desired_status = "STOPPED"
        task.stop_code = "EssentialContainerExited"
        task.stopped_reason = "Essential container in task exited"
        task.exit_code, task.exit_reason = code, reason
        task.times["executionStoppedAt"] = task.times["stoppingAt"] = self._world.time
        self._targets.deregister(task)
        self._enter(task, "DEACTIVATING")
        self._later(task, self._world.settings.deactivating_ms, lambda: self._deprovision(task))
        self.listener.task_ends(task)

    def _fail(self, task: Task, reason: str) -> None:
        task.desired_status = "STOPPED"
        task.stop_code, task.stopped_reason = "TaskFailedToStart", reason
        task.times["executionStoppedAt"] = task.times["stoppingAt"] = self._world.time
        self._deprovision(task)
        self.listener.task_ends(task)

    def stop(self, task: Task, code: str, reason: str) -> None:
        """ECS stops it; nothing when it is ending already."""
        if not task.is_live:
            return
        task.desired_status = "STOPPED"
        task.stop_code, task.stopped_reason = code, reason
        task.times["stoppingAt"] = self._world.time
        if task.last_status in BEFORE_RUNNING:
            self._targets.deregister(task)
            self._deprovision(task)
        else:
            pause = self._targets.deregister(task) or self._world.settings.deactivating_ms
            self._enter(task, "DEACTIVATING")
            self._later(task, pause, lambda: self._terminate(task))
        self.listener.task_ends(task)

    def _terminate(self, task: Task) -> None:
        self._enter(task, "STOPPING")
        task.signals.append(SIGTERM)
        self._write(task, self._lines(task).stopping(self._world.time))
        if task.behaviour.stop == "hang":
            pause = self._world.seconds(task.stop_timeout)
            self._later(task, pause, lambda: self._kill(task))
        elif task.behaviour.stop == "outside":
            pause = self._world.seconds(task.stop_timeout)
            self._later(task, pause, lambda: task.signals.append(SIGKILL))
        else:
            self._later(task, self._world.settings.drain_ms, lambda: self._drained(task))

    def _kill(self, task: Task) -> None:
        task.signals.append(SIGKILL)
        self._ended(task, KILLED)

    def _drained(self, task: Task) -> None:
        self._write(task, self._lines(task).stopped(self._world.time))
        self._ended(task, 0)

    def _ended(self, task: Task, code: int) -> None:
        task.exit_code = code
        task.times["executionStoppedAt"] = self._world.time
        self._deprovision(task)

    def _deprovision(self, task: Task) -> None:
        self._enter(task, "DEPROVISIONING")
        self._later(task, self._world.settings.deprovisioning_ms, lambda: self._stopped(task))

    def _stopped(self, task: Task) -> None:
        if task.interface:
            task.cloud.detach(task.interface)
        self._enter(task, "STOPPED", "stoppedAt")
        task.health = "UNKNOWN"
        self.listener.task_stopped(task)

    def signal(self, task: Task, number: int) -> None:
        """A signal to the container, from nobody in ECS."""
        if task.last_status not in ("RUNNING", "DEACTIVATING", "STOPPING"):
            raise ValueError(f"{task.id} is {task.last_status}: there is no container")
        task.signals.append(number)
        if number == SIGTERM and task.last_status == "RUNNING":
            self._write(task, self._lines(task).stopping(self._world.time))
            if task.behaviour.stop == "drain":
                pause = self._world.settings.drain_ms
                self._later(task, pause, lambda: self._exit(task, 0))
        elif number != SIGTERM and task.is_live:
            self._exit(task, 128 + number)
        elif number != SIGTERM:
            self._ended(task, 128 + number)

    def is_visible(self, task: Task) -> bool:
        """Whether ECS still knows it."""
        stopped = task.times.get("stoppedAt")
        age = 0.0 if stopped is None else (self._world.time - stopped) * 1000
        return age <= self._world.settings.stopped_visible_ms

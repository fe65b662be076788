"""Target groups: who is registered, and how healthy; parts of moto's load balancers that keep it.

A target is `initial`, then `healthy` or `unhealthy`, and `draining` for the deregistration delay
after it was taken out; `unused` while no listener leads to its group.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from moto.core.exceptions import ServiceException
from moto.elbv2 import models as elb
from moto.elbv2.exceptions import RuleNotFoundError, TargetGroupNotFoundError
from pixell_testing.ecs_lifecycle.cloud import ACCOUNT
from pixell_testing.ecs_lifecycle.world import World

DELAY = "deregistration_delay.timeout_seconds"
SAID = {
    "initial": ("Elb.InitialHealthChecking", "Initial health checks in progress"),
    "unhealthy": ("Target.FailedHealthChecks", "Health checks failed"),
    "draining": ("Target.DeregistrationInProgress", "Target deregistration is in progress"),
    "unused": (
        "Target.NotInUse",
        "Target group is not configured to receive traffic from the load balancer",
    ),
}
ABSENT = ("unused", "Target.NotRegistered", "Target is not registered to the target group")


@dataclasses.dataclass
class Target:
    """One address of a group."""

    address: str
    port: int
    state: str = "initial"
    # Which draining it is: another may begin before the end of one.
    turn: int = 0


class Refused(ServiceException):
    """An error of Elastic Load Balancing."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)


class Targets:
    """All targets of all groups."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._groups: dict[str, dict[tuple[str, int], Target]] = {}
        # Told when a target of a task became healthy.
        self.listener: Any = None

    def reset(self) -> None:
        self._groups.clear()

    def of_group(self, arn: str) -> dict[tuple[str, int], Target]:
        return self._groups.setdefault(arn, {})

    def put(self, arn: str, address: str, port: int) -> Target:
        """Registers an address, or takes it back from draining."""
        group = self.of_group(arn)
        target = group.setdefault((address, port), Target(address, port))
        target.turn += 1
        if target.state == "draining":
            target.state = "initial"
        return target

    def heal(self, target: Target) -> None:
        """Its health checks begin to pass."""
        turn = target.turn

        def is_healthy() -> None:
            if target.turn == turn and target.state == "initial":
                target.state = "healthy"
                self.listener.target_is_healthy()

        self._world.after(self._world.settings.target_healthy_ms, is_healthy)

    def take(self, region: str, arn: str, address: str, port: int) -> float:
        """Deregisters; how long it drains, in ms, and 0 when it was not there."""
        target = self.of_group(arn).get((address, port))
        if target is None or target.state == "draining":
            return 0
        target.state = "draining"
        target.turn += 1
        turn = target.turn
        group = elb.elbv2_backends[ACCOUNT][region].target_groups.get(arn)
        delay = self._world.seconds(float(group.attributes[DELAY])) if group else 0.0

        def is_gone() -> None:
            if target.turn == turn:
                self.of_group(arn).pop((address, port), None)

        self._world.after(delay, is_gone)
        return delay

    def _of_task(self, task: Any) -> Iterator[Target]:
        if task.interface is None:
            return
        for each in task.load_balancers:
            key = (task.interface.address, each["containerPort"])
            if target := self.of_group(each["targetGroupArn"]).get(key):
                yield target

    def register(self, task: Any) -> None:
        for each in task.load_balancers:
            if each["targetGroupArn"] in task.cloud.elb.target_groups:
                address = task.interface.address
                self.put(each["targetGroupArn"], address, each["containerPort"])

    def ready(self, task: Any) -> None:
        for target in self._of_task(task):
            self.heal(target)

    def sicken(self, task: Any) -> None:
        for target in self._of_task(task):
            target.state = "unhealthy"

    def deregister(self, task: Any) -> float:
        """Takes a task's targets out; how long the last one drains, in ms."""
        delays = [0.0]
        if task.interface:
            for each in task.load_balancers:
                arn, port = each["targetGroupArn"], each["containerPort"]
                delays.append(self.take(task.cloud.region, arn, task.interface.address, port))
        return max(delays)

    def are_healthy(self, task: Any) -> bool:
        """Whether all its groups find it healthy; groups without a listener do not look."""
        return all(target.state == "healthy" for target in self._of_task(task))

    def until_unhealthy_ms(self, task: Any) -> float:
        """How long checks must fail."""
        longest = 0.0
        for each in task.load_balancers:
            if group := task.cloud.elb.target_groups.get(each["targetGroupArn"]):
                checks = int(group.unhealthy_threshold_count)
                longest = max(longest, checks * float(group.health_check_interval_seconds))
        return self._world.seconds(longest)


def users(backend: Any, arn: str) -> Iterator[Any]:
    """The load balancers with a listener or rule that leads to a group."""
    for balancer in backend.load_balancers.values():
        if arn in groups_of(backend, balancer):
            yield balancer


def groups_of(backend: Any, balancer: Any) -> set[str]:
    """The target groups that the listeners and rules of a load balancer lead to."""
    found: set[str] = set()
    for listener in balancer.listeners.values():
        actions = list(listener.default_actions)
        for rule in listener.rules.values():
            actions += rule.actions
        for action in actions:
            data = getattr(action, "data", action)
            found.update(backend._get_target_group_arns_from(data))
    return found


def _status(group: Any, target: Target, is_used: bool) -> elb.FakeHealthStatus:
    state = target.state if is_used or target.state == "draining" else "unused"
    reason, words = SAID.get(state, (None, None))
    return elb.FakeHealthStatus(
        target.address, target.port, group.health_check_port, state, reason, words
    )


def _own_targets(world: World, targets: Targets) -> None:
    """moto's registering and describing, with this model's targets."""
    backend = elb.ELBv2Backend

    def group_of(self: Any, arn: str) -> Any:
        if arn not in self.target_groups:
            raise TargetGroupNotFoundError()
        return self.target_groups[arn]

    def register_targets(self: Any, target_group_arn: str, instances: list[Any]) -> None:
        group = group_of(self, target_group_arn)
        for each in instances:
            port = int(each.get("Port") or group.port)
            targets.heal(targets.put(target_group_arn, each["Id"], port))

    def deregister_targets(self: Any, target_group_arn: str, instances: list[Any]) -> None:
        group = group_of(self, target_group_arn)
        for each in instances:
            port = int(each.get("Port") or group.port)
            targets.take(self.region_name, target_group_arn, each["Id"], port)

    def describe_target_health(self: Any, target_group_arn: str, asked: list[Any]) -> list[Any]:
        group = group_of(self, target_group_arn)
        kept = targets.of_group(target_group_arn)
        is_used = any(users(self, target_group_arn))
        if not asked:
            return [_status(group, each, is_used) for each in kept.values()]
        found = []
        for each in asked:
            port = int(each.get("Port") or group.port)
            target = kept.get((each["Id"], port))
            if target:
                found.append(_status(group, target, is_used))
            else:
                found.append(
                    elb.FakeHealthStatus(each["Id"], port, group.health_check_port, *ABSENT)
                )
        return found

    backend.register_targets = register_targets
    backend.deregister_targets = deregister_targets
    backend.describe_target_health = describe_target_health


def _check_rule(world: World, self: Any, balancer: Any, listener: Any, actions: list[Any]) -> None:
    more = {arn for each in actions for arn in self._get_target_group_arns_from(each)}
    most = world.limits.target_groups_per_balancer
    if most is not None and len(groups_of(self, balancer) | more) > most:
        raise Refused(
            "TooManyUniqueTargetGroupsPerLoadBalancer",
            "You have reached the maximum number of unique target groups that you can associate "
            f"with a load balancer of type application: [{most}]",
        )
    for arn in more:
        group = self.target_groups.get(arn)
        if group and group.protocol_version == "GRPC" and listener.protocol == "HTTP":
            raise Refused(
                "InvalidLoadBalancerAction",
                "Listener protocol 'HTTP' is not supported with a target group with the "
                "protocol-version 'GRPC'",
            )


def _own_rules(world: World) -> None:
    """moto's rules, with Amazon's limits."""
    backend = elb.ELBv2Backend
    create, modify, delete = backend.create_rule, backend.modify_rule, backend.delete_rule

    def place_of(self: Any, listener_arn: str) -> tuple[Any, Any] | None:
        for balancer in self.load_balancers.values():
            if listener_arn in balancer.listeners:
                return balancer, balancer.listeners[listener_arn]
        return None

    def create_rule(self: Any, listener_arn: str, *rest: Any, **named: Any) -> Any:
        actions = named.get("actions") or rest[2]
        if place := place_of(self, listener_arn):
            balancer, listener = place
            rules = sum(len(each.rules) - 1 for each in balancer.listeners.values())
            most = world.limits.rules_per_balancer
            if most is not None and rules >= most:
                raise Refused(
                    "TooManyRules",
                    "The maximum number of rules per load balancer has been reached",
                )
            _check_rule(world, self, balancer, listener, actions)
        return create(self, listener_arn, *rest, **named)

    def modify_rule(self: Any, rule_arn: str, conditions: Any, actions: Any) -> Any:
        place = place_of(self, rule_arn.replace(":listener-rule/", ":listener/").rpartition("/")[0])
        if place:
            _check_rule(world, self, *place, actions or [])
        return modify(self, rule_arn, conditions, actions)

    def delete_rule(self: Any, arn: str) -> None:
        listeners = [
            each
            for balancer in self.load_balancers.values()
            for each in balancer.listeners.values()
        ]
        if not any(arn in each.rules for each in listeners):
            raise RuleNotFoundError()
        delete(self, arn)

    backend.create_rule = create_rule
    backend.modify_rule = modify_rule
    backend.delete_rule = delete_rule


def _own_groups(world: World) -> None:
    """moto's making of groups: the same again is the same group, as at AWS."""
    backend = elb.ELBv2Backend
    create, delete = backend.create_target_group, backend.delete_target_group

    def create_target_group(self: Any, name: str, **asked: Any) -> Any:
        for group in self.target_groups.values():
            if group.name == name and group.asked_for == asked:
                return group
        most = world.limits.target_groups_per_region
        if most is not None and len(self.target_groups) >= most:
            raise Refused(
                "TooManyTargetGroups", "You've reached the limit on the number of target groups"
            )
        first = dict(asked)
        if asked.get("protocol_version") == "GRPC":
            asked.setdefault("matcher", {"GrpcCode": "12"})
            asked["healthcheck_path"] = asked.get("healthcheck_path") or "/AWS.ALB/healthcheck"
        group = create(self, name, **asked)
        group.asked_for = first
        return group

    def delete_target_group(self: Any, target_group_arn: str) -> Any:
        # At AWS a second deletion succeeds.
        if target_group_arn in self.target_groups:
            return delete(self, target_group_arn)
        return None

    backend.create_target_group = create_target_group
    backend.delete_target_group = delete_target_group
    elb.FakeTargetGroup.asked_for = None


def install(world: World, targets: Targets) -> None:
    """Puts the model into moto, for the life of this process."""
    _own_targets(world, targets)
    _own_rules(world)
    _own_groups(world)

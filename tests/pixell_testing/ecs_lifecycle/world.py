"""The clock of the model, what is due when, and what a test may set."""

from __future__ import annotations

import dataclasses
import heapq
import itertools
import threading
import time
from collections.abc import Callable
from typing import Any

BOOTS = (
    "ready",
    "fail",
    "never_placed",
    "cannot_pull",
    "secret_missing",
    "hang",
    "unhealthy",
    "oom",
    "outside",
)
STOPS = ("drain", "hang", "outside")
VICTIMS = ("newest", "oldest")
MS = 1000.0


@dataclasses.dataclass
class Settings:
    """Delays in milliseconds, and what Amazon does not promise."""

    provisioning_ms: float = 20
    pending_ms: float = 20
    activating_ms: float = 20
    # From RUNNING to par's ready line, or to the failure of its boot.
    boot_ms: float = 40
    # From the ready line to a passed health check of the container, and of a target group.
    healthy_ms: float = 20
    target_healthy_ms: float = 20
    # From HEALTHY to UNHEALTHY of a task that shall become so.
    unhealthy_ms: float = 100
    deactivating_ms: float = 20
    # From SIGTERM to the exit of what drains.
    drain_ms: float = 40
    deprovisioning_ms: float = 20
    # How long one second of a stopTimeout, a startPeriod, an interval or a deregistration delay is.
    second_ms: float = 10
    # How long a stopped task, and a deleted service, can be described.
    stopped_visible_ms: float = 3_600_000
    inactive_visible_ms: float = 3_600_000
    # The pause before a task is started for one that never ran: twice as long each time.
    restart_ms: float = 20
    restart_max_ms: float = 2_000
    place_retry_ms: float = 50
    # Which of the tasks of one subnet goes first; Amazon promises no order.
    victims: str = "newest"
    # Whether the circuit breaker counts a task that ran, and ended before it was healthy.
    breaker_counts_exits: bool = True


@dataclasses.dataclass
class Limits:
    """Quotas; None is none. `rates` are token buckets: {"ecs.RegisterTaskDefinition": [20, 1]}."""

    services_per_cluster: int | None = 5_000
    tasks_per_service: int | None = 5_000
    target_groups_per_balancer: int | None = 100
    rules_per_balancer: int | None = 100
    target_groups_per_region: int | None = 3_000
    # Of Fargate, in vCPUs at a time.
    vcpus: float | None = None
    rates: dict[str, list[float]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Behaviour:
    """How tasks of a family behave.

    `boot`: `ready` tells so and is HEALTHY; `fail` tells why and exits with par's code; `oom` is
    killed with 137; `hang` is never ready, and UNHEALTHY when its start period is over and its
    retries are used up; `unhealthy` is HEALTHY first; `cannot_pull` and `secret_missing` never run;
    `never_placed` is not even a task. `stop`: after SIGTERM it drains, or waits for SIGKILL.
    """

    boot: str = "ready"
    stop: str = "drain"
    # Fields of the line in which par says why its boot failed, over the usual ones.
    boot_report: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.boot not in BOOTS:
            raise ValueError(f"boot={self.boot!r} is none of {BOOTS}")
        if self.stop not in STOPS:
            raise ValueError(f"stop={self.stop!r} is none of {STOPS}")


def changed(kept: Any, asked: dict[str, Any]) -> Any:
    """A dataclass with some fields changed; ValueError for one that it does not have."""
    names = {field.name for field in dataclasses.fields(kept)}
    if unknown := set(asked) - names:
        raise ValueError(f"{sorted(unknown)}: there is only {sorted(names)}")
    return dataclasses.replace(kept, **asked)


class Bucket:
    """A token bucket in simulated time."""

    def __init__(self, burst: float, rate: float, now: float) -> None:
        self._burst, self._rate = burst, rate
        self._tokens, self._at = burst, now

    def take(self, now: float) -> bool:
        """Whether there was a token."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class World:
    """What is due, and the settings; everything under one lock."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        # What has to be looked at after each event; the scheduler's.
        self.settle: Callable[[], None] = lambda: None
        self._order = itertools.count()
        self.reset()

    def reset(self) -> None:
        """As at the start."""
        self._offset = 0.0
        self.time = time.time()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self.settings = Settings()
        self.limits = Limits()
        self.behaviours: dict[str, Behaviour] = {}
        self._buckets: dict[str, Bucket] = {}

    def after(self, ms: float, what: Callable[[], None]) -> None:
        """Does something in a while."""
        heapq.heappush(self._due, (self.time + ms / MS, next(self._order), what))

    def seconds(self, count: float) -> float:
        """The milliseconds of seconds that a caller's resource names."""
        return count * self.settings.second_ms

    def skip(self, ms: float) -> None:
        """Lets time pass."""
        self._offset += ms / MS
        self.advance()

    def advance(self) -> None:
        """Does all that is due by now, in its order, each at its own time."""
        now = time.time() + self._offset
        self.settle()
        while self._due and self._due[0][0] <= now:
            self.time, _, what = heapq.heappop(self._due)
            what()
            self.settle()
        self.time = now

    def behaviour(self, family: str) -> Behaviour:
        """That of a family."""
        return self.behaviours.get(family, Behaviour())

    def behave(self, asked: dict[str, Any]) -> None:
        """Changes how a family behaves; what is not named stays."""
        family = asked.pop("family")
        self.behaviours[family] = changed(self.behaviour(family), asked)

    def limit(self, asked: dict[str, Any]) -> None:
        """Changes limits; what is not named stays."""
        self.limits = changed(self.limits, asked)
        self._buckets = {}

    def set(self, asked: dict[str, Any]) -> None:
        """Changes settings; what is not named stays."""
        settings = changed(self.settings, asked)
        if settings.victims not in VICTIMS:
            raise ValueError(f"victims={settings.victims!r} is none of {VICTIMS}")
        self.settings = settings

    def may_call(self, service: str, action: str) -> bool:
        """Whether the rate of an action allows it."""
        name = f"{service}.{action}"
        rate = self.limits.rates.get(name) or self.limits.rates.get(f"{service}.*")
        if rate is None:
            return True
        if name not in self._buckets:
            self._buckets[name] = Bucket(rate[0], rate[1], self.time)
        return self._buckets[name].take(self.time)

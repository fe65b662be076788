"""An account on ECS in which every call can be made to fail, and what is there in the end compared.

A way is what is asked of the parts of the ECS engine, and asked again after a failure, as the
control plane does. It is walked in copies of one model of AWS, each time with another fault; what
is there in the end is read by boto3 and compared with the same way without a fault.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import queue
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pixell_testing.aws import Probe
from pixell_testing.aws_faults import Call, Fault, FaultProxy, Rule
from pixell_testing.aws_pages import paging_of
from pixell_testing.ecs import INSTALLATION, revision
from pixell_testing.ecs_cloud import Cloud
from pixell_testing.ecs_lifecycle.client import Copy, LifecycleAws, running_lifecycle
from pixell_testing.ecs_state import State

ROUNDS = 8
REMOVAL_ROUNDS = 12
# So much passes between two calls of a removal: every task has ended, every target is gone.
PAUSE_MS = 60_000
# How long a call may take: one that hangs, hangs so long, if that is what is tried.
PATIENT_MS, IMPATIENT_MS = "20000", "300"
NAMESPACE = "agents"
AT_ONCE = 2


class FaultyCloud(Cloud):
    """An account whose calls can fail: a copy of one in which something was done before."""

    def __init__(self, empty: LifecycleAws) -> None:
        self._empty, self._copy, self._kept = empty, Copy(), Copy()
        self.faults = FaultProxy(self._copy.url)
        env = empty.environment(self.faults.url)
        self._patient, self._impatient = (
            Probe({**env, "PROBE_STALL_MS": stall}) for stall in (PATIENT_MS, IMPATIENT_MS)
        )
        super().__init__(self._copy, self.faults, self._patient)
        self.state = State(self)
        self._map = self._copy.client("servicediscovery")

    def begin(self, before: Callable[[FaultyCloud], None]) -> None:
        """Does something in an empty account, without faults, and keeps it for copies."""
        self._empty.control("reset", seed=1)
        self._copy.take(self._empty)
        self.faults.forget()
        self.furnish()
        self._map.create_http_namespace(Name=NAMESPACE, CreatorRequestId="1")
        before(self)
        self._kept.take(self._copy)

    def again(self, rule: Rule | None) -> None:
        """From now on it is as it was when it was kept, and one call fails."""
        self._copy.take(self._kept)
        self.faults.forget()
        self.probe = self._patient
        if rule:
            self.faults.rules.append(rule)
            self.probe = self._impatient if rule.fault is Fault.HUNG else self._patient

    def close(self) -> None:
        """Ends what it started."""
        self._patient.close()
        self._impatient.close()
        self.faults.close()
        self._copy.close()
        self._kept.close()

    def until_done(self, **asked: Any) -> dict[str, Any]:
        """The answer, asked again after each failure with what that left open."""
        answer: dict[str, Any] = {}
        for _ in range(ROUNDS):
            answer = self.ensure(**asked, open=answer.get("open", []))
            if "error" not in answer:
                return answer
            assert answer["later"], answer
        raise AssertionError(answer)

    def mirror_until_done(self) -> dict[str, Any]:
        """The same for Cloud Map."""
        env = {**self.settings, "PAC_ECS_NAMESPACE": NAMESPACE}
        return self.ask("ecs.mirror", settings=env, installation=INSTALLATION, spec=revision())

    def remove_until_done(self, **asked: Any) -> None:
        """Removes the app, with what each call left open."""
        asked = {"app": revision()["app_id"], "installation": INSTALLATION, **asked}
        answer: dict[str, Any] = {}
        for _ in range(REMOVAL_ROUNDS):
            answer = self.probe.ask(op="ecs.remove", **asked, open=answer.get("open", []))
            if "error" not in answer and answer["place"]["is_done"]:
                return
            assert "error" not in answer or answer["later"], answer
            self.moto.advance(PAUSE_MS)
        raise AssertionError(answer)

    def ask(self, op: str, **asked: Any) -> dict[str, Any]:
        """The answer of the probe, asked again after each failure."""
        answer: dict[str, Any] = {}
        for _ in range(ROUNDS):
            answer = self.probe.ask(op=op, **asked)
            if "error" not in answer:
                return answer
            assert answer["later"], answer
        raise AssertionError(answer)

    def wait_steady(self, count: int, name: str = "agent-python-executor") -> None:
        """Until a service has so many healthy tasks and no others."""

        def is_steady() -> bool:
            service = self.service(name)
            (first, *more) = service["deployments"]
            is_done = first["rolloutState"] == "COMPLETED"
            return not more and is_done and service["runningCount"] == count

        self.moto.until(f"{count} tasks run", is_steady)


def nothing(_: FaultyCloud) -> None:
    """Nothing before it."""


@dataclasses.dataclass(frozen=True)
class Way:
    """What was done before, without faults, and what is done with them."""

    before: Callable[[FaultyCloud], None]
    then: Callable[[FaultyCloud], None]
    # How often a call that changes nothing fails, of those asked until something has come.
    reads: int = 1_000


@contextlib.contextmanager
def running_accounts(folder: Path) -> Iterator[list[FaultyCloud]]:
    """Accounts that are used at the same time, for a `with` block."""
    with running_lifecycle(folder) as aws:
        aws.warm_up()
        made = [FaultyCloud(aws) for _ in range(AT_ONCE)]
        yield made
        for each in made:
            each.close()


def walk(cloud: FaultyCloud, way: Way, rule: Rule | None) -> tuple[dict[str, Any], list[Call]]:
    """What is there after a way, and its calls."""
    cloud.again(rule)
    way.then(cloud)
    calls = list(cloud.faults.calls)
    assert not cloud.faults.wrong(), cloud.faults.wrong()
    assert not cloud.faults.too_patient, cloud.faults.too_patient
    return cloud.state.read(), calls


def possible(call: Call) -> list[Fault]:
    """What can happen to a call."""
    several = [each for each in Fault if each is not Fault.PAGED]
    is_paged = call.turn == 1 and paging_of(call.service, call.action)
    return [*several, Fault.PAGED] if is_paged else several


def differing(first: Any, second: Any) -> dict[str, Any]:
    """The parts of two states that are not the same."""
    return {key: (first[key], second[key]) for key in first if first[key] != second[key]}


def faulty_ends(accounts: list[FaultyCloud], way: Way) -> tuple[str, list[str]]:
    """Walks a way with every fault of every call: what was tried, and what went wrong."""
    for each in accounts:
        each.begin(way.before)
    wanted, calls = walk(accounts[0], way, None)
    assert calls
    assert all(walk(each, way, None)[0] == wanted for each in accounts)
    free: queue.SimpleQueue[FaultyCloud] = queue.SimpleQueue()
    for each in accounts:
        free.put(each)

    def failure(rule: Rule) -> str:
        """What is not as it should be when a call fails; empty when all is."""
        said = f"{rule.service} {rule.action} {rule.turn} {rule.fault.value}"
        cloud = free.get()
        try:
            found, _ = walk(cloud, way, rule)
        except AssertionError as wrong:
            return f"{said}: {wrong}"
        finally:
            free.put(cloud)
        if rule.times:
            return f"{said}: was not called"
        return f"{said}: {differing(wanted, found)}" if found != wanted else ""

    rules = [
        Rule(fault, call.service, call.action, call.turn)
        for call in calls
        if call.is_change or call.turn <= way.reads
        for fault in possible(call)
    ]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        failed = [each for each in pool.map(failure, rules) if each]
    return f"{len(calls)} calls, {len(rules)} combinations of call and fault", failed

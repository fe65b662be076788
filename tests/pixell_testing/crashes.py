"""What must be left when something was killed: exactly what should run, and a sound database."""

from __future__ import annotations

import os
import re
from pathlib import Path

from devtool import processes
from devtool.pac import ROLES, Pac, wait_until
from devtool.shell import Failure

from .database import open_steps, read_events

SETTLED_DEADLINE_S = 90
CGROUPS = Path("/sys/fs/cgroup")


def wait_settled(pac: Pac, wanted: dict[str, int]) -> None:
    """Waits until each app has so many ready instances and nothing else is there: no process,
    directory, control group or open step. Failure that says what is too much or missing."""
    complaints: list[str] = []

    def is_settled() -> bool:
        complaints[:] = complaints_of(pac, wanted)
        return not complaints

    try:
        wait_until("what runs is what should", is_settled, SETTLED_DEADLINE_S)
    except Failure as failure:
        raise Failure(f"{failure}: {'; '.join(complaints)}\n{pac.log_tail(40)}") from None
    read_events(pac.state / "pixell.db")  # their chain of hashes is sound


def complaints_of(pac: Pac, wanted: dict[str, int]) -> list[str]:
    """Everything that differs from what should be there; empty = nothing."""
    reply = pac.get("/v1/instances?limit=1000")
    if reply.status != 200:
        return [f"GET /v1/instances answered {reply.status}"]
    instances = reply.json()["instances"]
    complaints = [
        f"{each['id']} of {each['app']} is {each['phase']}"
        for each in instances
        if each["phase"] != "ready"
    ]
    for app in {*wanted, *(each["app"] for each in instances)}:
        count = sum(each["app"] == app for each in instances)
        if count != wanted.get(app, 0):
            complaints.append(f"{app} has {count} instances, not {wanted.get(app, 0)}")
    names = {each["id"] for each in instances}
    complaints += differences("directories", directories(pac), names)
    pids = {each["pid"] for each in instances}
    complaints += differences("control groups", control_groups(pids), names)
    complaints += [f"open step {step}" for step in open_steps(pac.state / "pixell.db")]
    return complaints + orphans(pac, pids)


def differences(what: str, found: set[str] | None, expected: set[str]) -> list[str]:
    """What is too much and what is missing; nothing when it could not be looked at."""
    if found is None or found == expected:
        return []
    return [f"{what}: {found - expected} too much, {expected - found} missing"]


def directories(pac: Pac) -> set[str]:
    """The instances that have a directory."""
    return {path.name for path in (pac.state / "instances").iterdir() if path.is_dir()}


def control_groups(pids: set[int]) -> set[str] | None:
    """The groups beside those of the instances; None when instances have no groups here."""
    marks = set()
    for pid in pids:
        groups = Path(f"/proc/{pid}/cgroup")
        text = groups.read_text() if groups.exists() else ""
        marks |= set(re.findall(r"/(pixell-[^/\n]+)/", text))
    parents = [*CGROUPS.glob("pixell-*"), *CGROUPS.glob("*/pixell-*")]
    found = [parent for parent in parents if parent.name in marks]
    if not found:
        return None
    return {group.name for parent in found for group in parent.iterdir() if group.is_dir()}


def orphans(pac: Pac, pids: set[int]) -> list[str]:
    """Processes that belong neither to a role nor to an instance."""
    known = {process.pid for name in ROLES if (process := pac.role(name))} | pids
    return [
        f"process {process.pid} belongs to nobody: {command}"
        for process, command in pac.leftovers().items()
        if not known & processes.ancestors(process.pid)
    ]


def was_restarted(pac: Pac, role: str, since: int) -> bool:
    """Whether the supervisor told that a role was killed, in the log after `since` bytes."""
    with open(pac.log, "rb") as log:
        log.seek(since)
        text = log.read().decode(errors="replace")
    ended = [line for line in text.splitlines() if '"Role ended, will be restarted"' in line]
    return any(f'"process":"{role}"' in line and '"signal":9' in line for line in ended)


def log_size(pac: Pac) -> int:
    """How long the platform's log is now."""
    return os.stat(pac.log).st_size

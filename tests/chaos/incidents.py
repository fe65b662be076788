"""What is done to a platform that serves, and how it takes it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
import signal
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import httpx

from devtool import processes
from devtool.pac import Pac, wait_until
from pixell_testing.rollouts import MovedApp

BACK_DEADLINE_S = 60
# Workers that were killed several times wait up to 30 s for their next start (kRestartPauseMost),
# and a busy machine needs a while to start an instance.
VICTIM_DEADLINE_S = 180
HEALTH_DEADLINE_S = 5
# A role that is stopped for so long is not yet taken for hung (kBeatTimeout).
PAUSE_S = (0.1, 2.0)
# What none of an agent's requests may notice.
HARMLESS = (
    "kill control",
    "kill node",
    "kill serve",
    "stop control for a moment",
    "stop node for a moment",
    "stop edge for a moment",
    "upgrade",
)
# How long nobody restarts a `pac serve` that was killed.
SERVE_AWAY_S = (0.0, 2.0)
# One that hangs is killed after 10 s; a busy machine needs longer.
HUNG_DEADLINE_S = 60


@dataclasses.dataclass(frozen=True)
class Incident:
    """Something that was done; times are of time.monotonic()."""

    kind: str
    at: float
    # When the last process it was done to had ended: what it ran is lost by then, and nothing later.
    over_at: float
    # Until it was as good as before.
    back_s: float


@dataclasses.dataclass(frozen=True)
class Hit:
    """When something was done: a signal may have reached a process from `at` on, and what that
    process ran is lost by `over_at`."""

    at: float
    over_at: float


class Mischief:
    """Does such things to a platform, one at a time."""

    def __init__(self, pac: Pac, app: MovedApp, seed: int, only: Collection[str] = ()) -> None:
        """`only` names what may be done; empty = everything."""
        self._pac = pac
        self._app = app
        self._random = random.Random(seed)
        # What may be done, and how often compared with the others.
        self._kinds: dict[str, tuple[int, Callable[[], Hit]]] = {
            "kill control": (4, lambda: self._kill_role("control")),
            "kill node": (4, lambda: self._kill_role("node")),
            "kill serve": (3, self._kill_serve),
            "kill edge": (4, lambda: self._kill_role("edge")),
            "kill an instance": (4, self._kill_instance),
            "kill a worker": (4, self._kill_worker),
            "stop control for a moment": (1, lambda: self._pause_role("control")),
            "stop node for a moment": (1, lambda: self._pause_role("node")),
            "stop edge for a moment": (1, lambda: self._pause_role("edge")),
            "upgrade": (2, self._upgrade),
        }
        if only:
            self._kinds = {kind: self._kinds[kind] for kind in only}

    def kinds(self) -> list[str]:
        """Everything it can do."""
        return [*self._kinds]

    def draw(self) -> str:
        """A kind, by chance."""
        weights = [weight for weight, _ in self._kinds.values()]
        return self._random.choices(self.kinds(), weights)[0]

    def do(self, kind: str) -> Incident:
        """Does it, and waits until the platform is well again."""
        hit = self._kinds[kind][1]()
        wait_until("the app answers", self._answers, BACK_DEADLINE_S)
        wait_until("the API answers", self._pac.is_healthy, BACK_DEADLINE_S)
        return Incident(kind, hit.at, hit.over_at, time.monotonic() - hit.at)

    def _answers(self) -> bool:
        try:
            return self._pac.get(self._app.version, timeout_s=20).status == 200
        except OSError:
            return False

    def _role(self, role: str) -> processes.Process:
        return wait_until(f"there is a {role}", lambda: self._pac.role(role), BACK_DEADLINE_S)

    def _end(self, process: processes.Process) -> Hit:
        at = time.monotonic()
        process.send(signal.SIGKILL)
        # Its first thread may be gone before the others, and with the last of them its sockets.
        assert process.wait_end(10)
        wait_until("its threads have ended", lambda: has_no_threads(process), BACK_DEADLINE_S)
        return Hit(at, time.monotonic())

    def _wait_another(self, role: str, former: processes.Process) -> None:
        def is_there() -> bool:
            now = self._pac.role(role)
            return now is not None and now != former and now.is_running()

        wait_until(f"another {role} is there", is_there, BACK_DEADLINE_S)

    def _kill_role(self, role: str) -> Hit:
        process = self._role(role)
        hit = self._end(process)
        self._wait_another(role, process)
        return hit

    def _kill_serve(self) -> Hit:
        hit = self._end(self._role("serve"))
        time.sleep(self._random.uniform(*SERVE_AWAY_S))
        self._pac.start()
        return hit

    def _pause_role(self, role: str) -> Hit:
        process = self._role(role)
        at = time.monotonic()
        process.send(signal.SIGSTOP)
        time.sleep(self._random.uniform(*PAUSE_S))
        process.send(signal.SIGCONT)
        return Hit(at, time.monotonic())

    def _upgrade(self) -> Hit:
        at = time.monotonic()
        done = self._pac.upgrade()
        assert done.returncode == 0, done.stderr
        return Hit(at, time.monotonic())

    def _victim(self) -> processes.Process:
        # Another one must be there to take the new requests. Control may not have heard yet that
        # its worker died just before, so it is asked itself.
        def one_of_several() -> processes.Process | None:
            ready = [each for each in self._app.instances().values() if is_ready(each)]
            revisions = [each["revision"] for each in ready]
            pids = [each["pid"] for each in ready if revisions.count(each["revision"]) > 1]
            return processes.find(self._random.choice(pids)) if pids else None

        return wait_until("two instances are ready", one_of_several, VICTIM_DEADLINE_S)

    def _kill_instance(self) -> Hit:
        return self._end(self._victim())

    def _kill_worker(self) -> Hit:
        def worker() -> processes.Process | None:
            found = workers(self._victim())
            return self._random.choice(found) if found else None

        return self._end(wait_until("there is a worker", worker, BACK_DEADLINE_S))


def is_ready(instance: Mapping[str, Any]) -> bool:
    """Whether an instance's own `par` says that its agent answers."""
    if instance["phase"] != "ready":
        return False
    socket = instance["address"].removeprefix("unix:")
    with httpx.Client(transport=httpx.HTTPTransport(uds=socket), timeout=HEALTH_DEADLINE_S) as par:
        try:
            return par.get("http://par/health").status_code == 200
        except httpx.TransportError:
            return False


def has_no_threads(process: processes.Process) -> bool:
    """Whether no thread of a process that was killed is left but the one its parent waits for."""
    try:
        return len(os.listdir(f"/proc/{process.pid}/task")) <= 1
    except OSError:
        return True


def workers(par: processes.Process) -> list[processes.Process]:
    """The processes that run the agent's code under a `par`."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            is_worker = Path(os.readlink(entry / "exe")).name.startswith("python")
            if is_worker and processes.stat_field(entry.name, 4) == par.pid:
                found.append(processes.find(int(entry.name)))
    return [each for each in found if each]

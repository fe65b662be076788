"""What tests use of the model: the process, boto3, and its controls."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from devtool.pac import free_port, wait_until
from devtool.shell import Failure
from pixell_testing.aws import Moto

TESTS = Path(__file__).parents[2]
PATIENCE_S = 30


class LifecycleAws(Moto):
    """The model in a process of its own; whatever moto's server can, it can."""

    def __init__(self, folder: Path, env: Mapping[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "lifecycle.log"
        port_file = folder / "lifecycle.port"
        port_file.unlink(missing_ok=True)
        paths = f"{TESTS}{os.pathsep}{TESTS.parent / 'tools'}"
        command = [sys.executable, "-B", "-m", "pixell_testing.ecs_lifecycle"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--port-file", str(port_file)],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": paths, **(env or {})},
            )

        def is_up() -> bool:
            if self._process.poll() is not None:
                raise Failure(f"the model of AWS ended: {self._log.read_text()[-2000:]}")
            return port_file.exists()

        wait_until("the model of AWS serves", is_up, 120)
        self.port = int(port_file.read_text())
        self.url = f"http://127.0.0.1:{self.port}"

    def control(self, name: str, **asked: Any) -> dict[str, Any]:
        """The answer of a control; ValueError when it is refused."""
        request = urllib.request.Request(
            f"{self.url}/_lifecycle/{name}",
            data=json.dumps(asked).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            raise ValueError(refused.read().decode()) from refused

    def behave(self, family: str, **asked: Any) -> None:
        """How tasks of a family behave that start later."""
        self.control("behaviour", family=family, **asked)

    def kill(self, task: str, number: int = 9) -> None:
        """A signal to a task's container."""
        self.control("kill", task=task, signal=number)

    def advance(self, ms: float) -> None:
        """Lets time pass at once."""
        self.control("advance", ms=ms)

    def tasks(self) -> list[dict[str, Any]]:
        """All tasks there ever were since the reset."""
        return self.control("tasks")["tasks"]

    def close(self) -> None:
        """Stops it; Failure when something in it went wrong."""
        super().close()
        text = self._log.read_text()
        if (at := text.find("Error on request:")) >= 0:
            raise Failure(f"the model of AWS failed: {text[at : at + 4000]}")

    def warm_up(self) -> None:
        """Loads what it loads at the first call of a service, so that copies have it."""
        self.client("ecs").list_task_definitions()
        self.client("elbv2").describe_target_groups()
        self.client("ec2").describe_vpcs()
        self.client("secretsmanager").list_secrets()
        self.client("logs").describe_log_groups()
        self.client("servicediscovery").list_services()
        # What was made on the way makes the first reset another one than those that follow.
        self.control("reset")

    def until(self, what: str, holds: Callable[[], Any]) -> Any:
        """What `holds` gives, when that is something; Failure after a while."""
        found: list[Any] = []

        def has_come() -> bool:
            found[:] = [holds()]
            return bool(found[0])

        wait_until(what, has_come, PATIENCE_S)
        return found[0]


class Copy(LifecycleAws):
    """A copy of a model as it was; the next one has the same port."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._pid = 0

    def take(self, original: LifecycleAws) -> None:
        """What is there now, instead of what was copied before."""
        self.close()
        self._pid = original.control("fork", port=self.port)["pid"]

    def close(self) -> None:
        """Ends it."""
        if not self._pid:
            return
        ending = os.pidfd_open(self._pid)
        os.kill(self._pid, signal.SIGKILL)
        has_ended, _, _ = select.select([ending], [], [], PATIENCE_S)
        os.close(ending)
        if not has_ended:
            raise Failure(f"the copy {self._pid} of the model does not end")
        self._pid = 0


@contextlib.contextmanager
def running_lifecycle(folder: Path, env: Mapping[str, str] | None = None) -> Iterator[LifecycleAws]:
    """A model of AWS for a `with` block."""
    served = LifecycleAws(folder, env)
    try:
        yield served
    finally:
        served.close()

"""`par` by itself: an agent's runtime with its worker on the processor of the load."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from devtool.pac import Pac
from devtool.paths import DEV_DIR, program
from measure import unix_socket_of
from rig.pinned import LOAD_CORE, PROXY_CORE, Program
from rig.requests import HTTP_APP

READY_DEADLINE_S = 300  # the first one installs the base environment
ENVIRONMENTS = DEV_DIR / "bench" / "environments"


class Par:
    """One agent's runtime that listens on a port or a Unix socket. Use it in a `with` block."""

    def __init__(
        self,
        directory: Path,
        package: Path,
        *,
        listen: int | Path,
        under: Sequence[str | Path] = (),
    ) -> None:
        """`listen` is a port of 127.0.0.1 or a path; `under` is a command that runs it."""
        directory.mkdir(parents=True)
        ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
        self._log = directory / "par.log"
        is_port = isinstance(listen, int)
        settings = {
            "PATH": Pac.environment()["PATH"],
            "AGENT_APP_ID": HTTP_APP,
            "BASE_PATH": f"/agents/{HTTP_APP}",
            "REST_LISTEN": f"127.0.0.1:{listen}" if is_port else f"unix:{listen}",
            "INSTANCE_DIR": str(directory),
            "ENV_STORE_DIR": str(ENVIRONMENTS),
        }
        variables = [f"{name}={value}" for name, value in settings.items()]
        self.program = Program(
            ["env", *variables, *under, program("par"), "run", package],
            core=PROXY_CORE,
            log=self._log,
            is_up=self._is_ready,
            start_deadline_s=READY_DEADLINE_S,
            counts_children=False,  # the agent
        )

    def __enter__(self) -> Par:
        self.program.__enter__()
        for child in self.program.children():
            for task in Path(f"/proc/{child}/task").iterdir():
                os.sched_setaffinity(int(task.name), {LOAD_CORE})
        return self

    def __exit__(self, *_: object) -> None:
        self.program.__exit__()

    def agent_socket(self) -> Path:
        """Where the agent itself takes HTTP."""
        return unix_socket_of(self.program.pid, "rest.sock")

    def _is_ready(self) -> bool:
        # Not asked by HTTP: under callgrind, answers would count.
        return '"Runtime ready"' in self._log.read_text()

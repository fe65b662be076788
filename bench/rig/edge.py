"""The edge by itself: `pac edge` with routes from a control plane that does nothing else."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from devtool.paths import program
from rig.control import RoutesOnly
from rig.pinned import PROXY_CORE, Program

START_DEADLINE_S = 30  # under valgrind


class Edge:
    """An edge with one loop thread and given routes. Use it in a `with` block.

    Its log, with the access lines, goes to a file as under `pac serve`.
    """

    def __init__(
        self,
        directory: Path,
        routes: list[dict[str, Any]],
        *,
        under: Sequence[str | Path] = (),
        options: Sequence[str] = (),
    ) -> None:
        """`under` is a command that runs it, such as valgrind; `options` are more of its own."""
        self._directory = directory
        self._under = under
        self._options = options
        self._stack = contextlib.ExitStack()
        self.log = directory / "edge.log"
        run = directory / "run"
        run.mkdir(parents=True)
        self.control = RoutesOnly(run / "control.sock", routes)
        self.port = 0
        self._program: Program | None = None

    def __enter__(self) -> Edge:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.control)
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=4096))
            listener.setblocking(False)
            self.port = listener.getsockname()[1]
            fd = str(listener.fileno())
            argv = [*self._under, program("pac"), "edge", "--state", self._directory]
            self._program = Program(
                [*argv, "--listen-fd", fd, "--threads", "1", *self._options],
                core=PROXY_CORE,
                log=self.log,
                is_up=self._is_up,
                start_deadline_s=START_DEADLINE_S,
                pass_fds=[listener.fileno()],
            )
            stack.enter_context(self._program)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def program(self) -> Program:
        """The process."""
        if self._program is None:
            raise RuntimeError("the edge has not been started")
        return self._program

    def _is_up(self) -> bool:
        # The listener is ours, so that it accepts before the edge does: the log tells.
        return re.search(r'"Routes applied".*"was":0', self.log.read_text()) is not None

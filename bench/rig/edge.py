"""The edge by itself: `pac edge` with routes from a control plane that does nothing else."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from devtool.paths import program
from rig.certificate import Certificate
from rig.control import RoutesOnly
from rig.pinned import PROXY_CORE, Program

START_DEADLINE_S = 30  # under valgrind


def listening_socket() -> socket.socket:
    """A socket as `pac serve` hands it to the edge."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    listener.setblocking(False)
    return listener


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
        certificate: Certificate | None = None,
    ) -> None:
        """`under` is a command that runs it, such as valgrind; with a certificate it ends TLS."""
        self._directory = directory
        self._under = under
        self._certificate = certificate
        self._stack = contextlib.ExitStack()
        self.log = directory / "edge.log"
        run = directory / "run"
        run.mkdir(parents=True)
        self.control = RoutesOnly(run / "control.sock", routes)
        self.port = 0
        self.tls_port = 0  # 0 without a certificate
        self._program: Program | None = None

    def __enter__(self) -> Edge:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.control)
            listener = stack.enter_context(listening_socket())
            self.port = listener.getsockname()[1]
            descriptors = [listener.fileno()]
            argv = [*self._under, program("pac"), "edge", "--state", self._directory]
            argv += ["--listen-fd", str(listener.fileno()), "--threads", "1"]
            if self._certificate:
                encrypted = stack.enter_context(listening_socket())
                self.tls_port = encrypted.getsockname()[1]
                descriptors.append(encrypted.fileno())
                argv += ["--tls-listen-fd", str(encrypted.fileno())]
                argv += ["--tls-cert", self._certificate.certificate]
                argv += ["--tls-key", self._certificate.key]
            self._program = Program(
                argv,
                core=PROXY_CORE,
                log=self.log,
                is_up=self._is_up,
                start_deadline_s=START_DEADLINE_S,
                pass_fds=descriptors,
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

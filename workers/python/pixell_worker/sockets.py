"""Unix sockets on which the worker serves the agent."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator

from .limits import LISTEN_BACKLOG


@contextlib.contextmanager
def private_files() -> Iterator[None]:
    """Files and sockets created inside are for this user only."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def listen_unix(path: str) -> socket.socket:
    """A listening socket at `path`, which is replaced when it exists. OSError when impossible."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        with private_files():
            listener.bind(path)
        listener.listen(LISTEN_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener

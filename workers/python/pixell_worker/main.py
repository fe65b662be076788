"""The process around the worker: its descriptor, its event loop, and an end that is certain."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import select
import signal
import socket
import sys
import threading
import time

from .limits import EXIT_SECONDS, ORPHAN_KILL_SECONDS
from .server import serve

_FD_VARIABLE = "PAR_WORKER_FD"
_LOOP_VARIABLE = "PIXELL_WORKER_LOOP"


def main() -> int:
    """Runs the worker on the inherited socket; the exit code of the process."""
    text = os.environ.pop(_FD_VARIABLE, "3")
    try:
        connection = socket.socket(fileno=int(text))
    except (ValueError, OSError) as error:
        print(
            f"pixell_worker: {_FD_VARIABLE}={text} is not a connected socket ({error}); "
            "this program is started by par",
            file=sys.stderr,
        )
        return 2
    # Children of the agent must not hold the connection open.
    connection.set_inheritable(False)
    connection.setblocking(False)
    # Pipes are block-buffered, and a line printed by the agent should be seen when it is printed.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True)
    _tell_where_it_ends()
    _start_thread(_end_with_par, os.dup(connection.fileno()))
    loop = _new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        code = loop.run_until_complete(serve(connection))
    finally:
        # Threads that the agent left behind would keep the interpreter from ending.
        _start_thread(_end_soon)
    return code


def _tell_where_it_ends() -> None:
    """Native code that crashes, and code that never returns when `par` asks for it, leave the
    agent's lines on stderr."""
    faulthandler.enable(file=2, all_threads=False)
    faulthandler.register(signal.SIGUSR2, file=2, all_threads=False)


def _new_event_loop() -> asyncio.AbstractEventLoop:
    """uvloop when the agent's environment has it; `PIXELL_WORKER_LOOP=asyncio` says no."""
    if os.environ.get(_LOOP_VARIABLE) != "asyncio":
        try:
            import uvloop
        except ImportError:
            pass
        else:
            return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def _end_with_par(fd: int) -> None:
    """Ends the process some time after the other end of the socket is gone, even when the
    agent's code keeps the event loop from noticing."""
    poller = select.poll()
    poller.register(fd, select.POLLRDHUP)
    while True:
        if poller.poll():
            time.sleep(ORPHAN_KILL_SECONDS)
            os._exit(1)


_exit_code = 0


def _end_soon() -> None:
    time.sleep(EXIT_SECONDS)
    os._exit(_exit_code)


def _start_thread(function, *args) -> None:
    threading.Thread(target=function, args=args, daemon=True).start()


def run() -> None:
    """main() as the end of the process."""
    global _exit_code
    _exit_code = 70
    try:
        _exit_code = main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    sys.exit(_exit_code)

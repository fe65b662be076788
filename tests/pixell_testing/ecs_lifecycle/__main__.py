"""`python -m pixell_testing.ecs_lifecycle --port-file F`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from pixell_testing.ecs_lifecycle.server import serve


def main() -> None:
    """Serves until SIGTERM or SIGINT; nothing has to be cleaned up."""
    parser = argparse.ArgumentParser(
        description=sys.modules["pixell_testing.ecs_lifecycle"].__doc__
    )
    parser.add_argument("--port-file", type=Path, required=True, help="the port is written there")
    asked = parser.parse_args()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: os._exit(0))
    # Forks end when a test says so, and nobody waits for them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    serve(asked.port_file)


main()

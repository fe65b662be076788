"""`python -m pixell_testing.event_origin PATH`: an origin whose /events stay open, idle."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from .origin import Origin, Request


async def events(request: Request) -> None:
    """One event, then silence until the client leaves."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    await request.send(head + b"9\r\ndata: 0\n\n\r\n")
    await request.reader.read()


if __name__ == "__main__":
    path = Path(sys.argv[1])
    hidden = path.with_suffix(".starting")
    with Origin(hidden) as origin:
        origin.on("/events", events)
        hidden.rename(path)
        threading.Event().wait()

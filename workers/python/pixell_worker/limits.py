"""Every limit of the worker in one place."""

from __future__ import annotations

#: Header and body of one frame together.
MAX_FRAME_BYTES = 16 * 1024 * 1024
#: One event of a streaming handler.
MAX_EVENT_BYTES = 1024 * 1024
#: Events a streaming handler may be ahead of `par`, which gives credit for more.
EVENT_CREDIT = 16
#: Calls of A2A handlers that may run at the same time.
MAX_EXECUTIONS = 1024
#: Threads for handlers that are plain functions.
MAX_HANDLER_THREADS = 32
#: Threads for a gRPC servicer whose methods are plain functions.
MAX_GRPC_THREADS = 10
#: One gRPC message, either way.
MAX_GRPC_MESSAGE_BYTES = 16 * 1024 * 1024
#: New objects between two garbage collections while the agent loads; Python's own is 700.
LOADING_GC_THRESHOLD = 50_000
#: Connections that wait in the kernel while the agent is busy.
LISTEN_BACKLOG = 2048
#: Lines of evidence in a load error, and characters per line.
MAX_EVIDENCE_LINES = 20
MAX_EVIDENCE_CHARS = 500
#: Names of files or functions in one line of evidence.
MAX_SHOWN_NAMES = 20
#: Idle HTTP connections stay open longer than those who pool them keep them.
KEEP_ALIVE_SECONDS = 75
#: Grace when stopped by a signal instead of a drain frame.
SIGNAL_GRACE_SECONDS = 30.0
#: Grace when the other end of the frame socket is gone.
ORPHAN_GRACE_SECONDS = 2.0
#: After that the process ends whatever still runs in it.
ORPHAN_KILL_SECONDS = 5.0
#: Interpreter shutdown (atexit hooks, threads of the agent) may take this long.
EXIT_SECONDS = 2.0
#: The application's own shutdown handlers may take this long after the last request.
LIFESPAN_SHUTDOWN_SECONDS = 5.0

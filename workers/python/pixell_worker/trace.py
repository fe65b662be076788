"""The trace of a call, for agents that use OpenTelemetry."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def trace_of(header: dict[str, Any]) -> Iterator[None]:
    """Makes the trace of an `execute` frame the current context of OpenTelemetry's API, if the
    agent has imported it: its spans become children of the runtime's, and its instrumented
    clients pass the trace on. Others have no use for it and pay nothing."""
    carrier = {name: header[name] for name in ("traceparent", "tracestate") if header.get(name)}
    if not carrier or "opentelemetry" not in sys.modules:
        yield
        return
    try:
        from opentelemetry import context, propagate
    except ImportError:  # somebody else's module of that name
        yield
        return
    token = context.attach(propagate.extract(carrier))
    try:
        yield
    finally:
        context.detach(token)

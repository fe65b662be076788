"""Garbage collection while an agent loads."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

from .limits import LOADING_GC_THRESHOLD


@contextlib.contextmanager
def rare_collections() -> Iterator[None]:
    """Collects rarely: what modules make when they are imported stays, and looking through it again
    and again is a tenth of a start. An agent that sets thresholds of its own keeps them."""
    before = gc.get_threshold()
    ours = (LOADING_GC_THRESHOLD, *before[1:])
    gc.set_threshold(*ours)
    try:
        yield
    finally:
        if gc.get_threshold() == ours:
            gc.set_threshold(*before)

"""What a platform's database holds, read beside it."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path


def read_events(database: Path) -> list[tuple]:
    """All events, after their chain of hashes was computed anew."""
    connection = sqlite3.connect(database)
    try:
        events = connection.execute(
            "SELECT sequence, at, app_id, kind, detail_json, hash FROM events ORDER BY sequence"
        ).fetchall()
    finally:
        connection.close()
    previous = ""
    for number, (sequence, at, *texts, digest) in enumerate(events, 1):
        lines = [previous, str(sequence), str(at)]
        lines += [f"{len(text.encode())}:{text}" for text in texts]
        assert sequence == number
        assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == digest
        previous = digest
    return events


def open_steps(database: Path) -> list[str]:
    """The steps that the journal has begun and not ended."""
    connection = sqlite3.connect(database)
    try:
        rows = connection.execute("SELECT key FROM step_journal WHERE finished_at = 0").fetchall()
    finally:
        connection.close()
    return [key for (key,) in rows]

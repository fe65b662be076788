"""What a process holds."""

from __future__ import annotations

from pathlib import Path


def private_kib(pid: int) -> int:
    """Memory of its own in KiB: what the machine would get back if it ended."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    fields = dict(line.split(":") for line in rollup.splitlines()[1:])
    return sum(int(fields[name].split()[0]) for name in ("Private_Clean", "Private_Dirty"))


def open_files(pid: int) -> int:
    """How many descriptors it has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))

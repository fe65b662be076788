"""Packages that cannot run, one mistake each, and what must be said about it.

Each is made from a few lines of Python, the same bytes every time. `python -m broken_packages
<folder>`, started in tests/, writes them all to look at.
"""

from __future__ import annotations

from broken_packages import archives, dependencies, manifests, node_agents, programs, python_agents
from broken_packages.row import Broken

ROWS: tuple[Broken, ...] = (
    *archives.ROWS,
    *manifests.ROWS,
    *dependencies.ROWS,
    *python_agents.ROWS,
    *node_agents.ROWS,
    *programs.ROWS,
)
BY_NAME = {row.name: row for row in ROWS}

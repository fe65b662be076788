"""What a broken package is, and the pieces they are made of."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping

from pixell_testing.packages import from_files

MANIFEST = "name: broken\nversion: 1.0.0\nrest:\n  entry: routes:mount\n"
ROUTES = "def mount(app):\n    pass\n"


@dataclasses.dataclass(frozen=True)
class Broken:
    """A package with one mistake, and what its author must be told."""

    name: str
    make: Callable[[], bytes]
    cause: str
    #: Words of the message or the evidence that name the place of the mistake.
    place: str
    #: Words of the remedy.
    remedy: str
    #: True when `par validate` tells it too, without running anything.
    is_seen: bool = False
    #: Variables `par` is started with; {index} and the like are of servers.py.
    env: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return self.name


def files(content: Mapping[str, str | bytes]) -> Callable[[], bytes]:
    """A package of these files only."""
    return functools.partial(from_files, content)


def agent(changes: Mapping[str, str | bytes]) -> Callable[[], bytes]:
    """A REST agent that is fine but for these files."""
    return files({"agent.yaml": MANIFEST, "routes.py": ROUTES, **changes})

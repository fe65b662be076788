"""The manifest's `entrypoint`: one function that takes one object and answers it."""

from __future__ import annotations

from typing import Any

from .a2a import Handler
from .loader import load_callable


class Entrypoint:
    """The function, imported when it is called for the first time.

    Not before: most packages name an entrypoint that nobody calls, and one that cannot be imported
    must not keep the surfaces of the agent from being served.
    """

    def __init__(self, entry: str, package_root: str) -> None:
        self._entry = entry
        self._root = package_root
        self._function: Handler | None = None

    def __bool__(self) -> bool:
        return bool(self._entry)

    def function(self) -> Any:
        """The function; LoadError when it cannot be had. Another call tries again."""
        if self._function is None:
            self._function = load_callable(self._entry, "main", "entrypoint", self._root)
        return self._function

"""Requests without a pause, to see whether a change drops any."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from devtool.pac import Pac


class Calls:
    """Makes each of some calls again and again, in a thread of its own. Use it in a `with` block.

    Each call has a name. What it returns is an answer; what it raises is a failure, told with the
    name.
    """

    def __init__(
        self, calls: Iterable[tuple[str, Callable[[], Any]]], *, pause_s: float = 0
    ) -> None:
        """`pause_s` is between two calls of a thread."""
        self._pause_s = pause_s
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._repeat, args=each) for each in calls]
        self.failures: list[str] = []
        self.answers: list[Any] = []

    def __enter__(self) -> Calls:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, name: str, call: Callable[[], Any]) -> None:
        while not self._is_over.is_set():
            try:
                self.answers.append(call())
            except Exception as error:
                self.failures.append(f"{name}: {type(error).__name__}: {error}")
            self._is_over.wait(self._pause_s)


class Load(Calls):
    """Asks some paths, each answered with 200 and JSON. Use it in a `with` block."""

    def __init__(self, pac: Pac, paths: Iterable[str], *, pause_s: float = 0) -> None:
        super().__init__([(path, lambda path=path: ask(pac, path)) for path in paths], pause_s=pause_s)


def ask(pac: Pac, path: str) -> Any:
    """The JSON of a GET; OSError when it is not answered, or not with 200."""
    reply = pac.get(path, timeout_s=20)
    if reply.status != 200:
        raise OSError(f"{reply.status} {reply.text[:200]}")
    return reply.json()

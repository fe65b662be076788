"""Requests without a pause, to see whether a change drops any."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Self

from devtool.pac import Pac

# How http.client calls a body that ended too early.
CUT = "IncompleteRead"


class Repeated:
    """Makes each of some calls again and again, in a thread of its own. Use it in a `with` block.

    Each call has a name. What it returns is an answer; what it raises is a failure.
    """

    def __init__(
        self, calls: Iterable[tuple[str, Callable[[], Any]]], *, pause_s: float = 0
    ) -> None:
        """`pause_s` is between two calls of a thread."""
        self._pause_s = pause_s
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._repeat, args=each) for each in calls]

    def answered(self, name: str, answer: Any) -> None:
        """Keeps what a call returned. Called by many threads."""
        raise NotImplementedError

    def failed(self, name: str, error: Exception, started_at: float) -> None:
        """Keeps what a call raised that was begun then, by time.monotonic(). Called by many
        threads."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, name: str, call: Callable[[], Any]) -> None:
        while not self._is_over.is_set():
            started_at = time.monotonic()
            try:
                self.answered(name, call())
            except Exception as error:
                self.failed(name, error, started_at)
            self._is_over.wait(self._pause_s)


class Calls(Repeated):
    """Keeps every answer, and of each failure the text with the call's name."""

    def __init__(
        self, calls: Iterable[tuple[str, Callable[[], Any]]], *, pause_s: float = 0
    ) -> None:
        super().__init__(calls, pause_s=pause_s)
        self.failures: list[str] = []
        self.answers: list[Any] = []

    @property
    def lost(self) -> list[str]:
        """Failures but for answers that were cut: of those whose process is killed after their head
        went out, nobody can make the rest."""
        return [each for each in self.failures if CUT not in each]

    def answered(self, name: str, answer: Any) -> None:
        self.answers.append(answer)

    def failed(self, name: str, error: Exception, started_at: float) -> None:
        self.failures.append(f"{name}: {type(error).__name__}: {error}")


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

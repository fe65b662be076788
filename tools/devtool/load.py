"""Requests without a pause, to see whether a change drops any."""

from __future__ import annotations

import threading
from typing import Any

from devtool.pac import Pac


class Load:
    """Asks one path without a pause from several threads. Use it in a `with` block."""

    def __init__(self, pac: Pac, paths: list[str]) -> None:
        self._pac = pac
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(path,)) for path in paths]
        self.failures: list[str] = []
        self.answers: list[Any] = []

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, path: str) -> None:
        while not self._is_over.is_set():
            try:
                reply = self._pac.get(path, timeout_s=20)
                if reply.status == 200:
                    self.answers.append(reply.json())
                else:
                    self.failures.append(f"{reply.status} {reply.text[:200]}")
            except (OSError, ValueError) as error:
                self.failures.append(f"{type(error).__name__}: {error}")

"""The command line `pac` pointed at a platform, to its end or followed."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from devtool.pac import Pac
from devtool.paths import program
from pixell_testing.packages import versioned
from pixell_testing.stack import put

DEADLINE_S = 180


class Cli:
    """`pac` pointed at a platform."""

    def __init__(self, pac: Pac) -> None:
        self.pac = pac
        self.env = {
            name: value for name, value in os.environ.items() if not name.startswith("PIXELL_")
        } | {"PIXELL_URL": pac.url}

    def __call__(
        self, *arguments: str | Path, code: int = 0, **env: str
    ) -> subprocess.CompletedProcess:
        """Runs a command to its end, which must be that exit code."""
        ran = subprocess.run(
            [str(program("pac")), *map(str, arguments)],
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert ran.returncode == code, (arguments, ran.stdout, ran.stderr)
        return ran

    def json(self, *arguments: str | Path) -> Any:
        """The document a command prints with --json."""
        return json.loads(self(*arguments, "--json").stdout)

    @contextlib.contextmanager
    def following(self, *arguments: str) -> Iterator[subprocess.Popen]:
        """A command that goes on until it is interrupted."""
        child = subprocess.Popen(
            [str(program("pac")), *arguments],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,  # what select() does not see is not there
        )
        try:
            yield child
        finally:
            child.kill()
            child.communicate()


def lines_until(child: subprocess.Popen, words: str, timeout_s: float = 60) -> list[str]:
    """Lines of standard output up to the first with the words."""
    assert child.stdout
    lines: list[str] = []
    deadline = time.monotonic() + timeout_s
    while not lines or words not in lines[-1]:
        ready, _, _ = select.select([child.stdout], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, lines
        lines.append(child.stdout.readline().decode())
        assert lines[-1], (lines, child.poll())
    return lines


def app_with_two_revisions(cli: Cli, app: str) -> str:
    """Deploys 1.0.0 and then 1.1.0, which serves; returns the app's id."""
    for version in ("1.0.0", "1.1.0"):
        package = put(cli.pac, f"{app}-{version}.apkg", versioned(version))
        cli("deploy", package, "--app", app, "--wait")
    return app

"""Agents that are programs of their own, and cannot be started or end at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from broken_packages.row import Broken, files

SHELL = "#!/bin/sh\n"
S390X, X86_64 = 22, 62  # e_machine of an ELF header


def of_another_machine() -> bytes:
    """The first bytes of an ELF program for a machine this is not."""
    header = bytearray(64)
    header[:7] = b"\x7fELF\x02\x01\x01"
    header[16:18] = (2).to_bytes(2, "little")
    header[18:20] = (S390X if os.uname().machine != "s390x" else X86_64).to_bytes(2, "little")
    return bytes(header)


def program(entrypoint: str, named: Mapping[str, str | bytes]) -> Callable[[], bytes]:
    """A package with this entrypoint and these files."""
    return files({"agent.yaml": f"name: broken\nentrypoint: '{entrypoint}'\n", **named})


ROWS = (
    Broken(
        "program is not there",
        program("exec:./bin/gone", {"bin/other": "x"}),
        "handler_missing",
        "bin has: other",
        "correct entrypoint",
        True,
    ),
    Broken(
        "program outside of the package",
        program("exec:../outside", {}),
        "manifest_invalid",
        "exec:../outside",
        "agent.yaml",
        True,
    ),
    Broken(
        "program of the system",
        program("exec:/bin/sh", {}),
        "manifest_invalid",
        "exec:/bin/sh",
        "agent.yaml",
        True,
    ),
    Broken(
        "exec of nothing",
        program("exec:", {}),
        "manifest_invalid",
        "entrypoint: exec:",
        "agent.yaml",
        True,
    ),
    Broken(
        "program and modules",
        files(
            {
                "agent.yaml": "name: a\nentrypoint: exec:a\nrest: {entry: 'routes:mount'}\n",
                "a": SHELL,
            }
        ),
        "manifest_invalid",
        "rest.entry: routes:mount",
        "Remove these entries",
        True,
    ),
    Broken(
        "program of another machine",
        program("exec:a", {"a": of_another_machine()}),
        "wrong_architecture",
        "a is for ",
        "this machine's architecture",
        True,
    ),
    Broken(
        "program of another system",
        program("exec:a", {"a": "MZ this is no Linux program"}),
        "wrong_architecture",
        "exec format error",
        "Ship a Linux program",
        True,
    ),
    Broken(
        "script without its interpreter",
        program("exec:a", {"a": "#!/usr/bin/no-such-thing\n"}),
        "wrong_runtime",
        "/usr/bin/no-such-thing",
        "Install the interpreter",
        True,
    ),
    Broken(
        "script with carriage returns",
        program("exec:a", {"a": "#!/bin/sh\r\n"}),
        "wrong_runtime",
        "a carriage return",
        "Unix line ends",
        True,
    ),
    Broken(
        "program that exits",
        program("exec:a", {"a": f"{SHELL}echo no database >&2; exit 3\n"}),
        "exited",
        "no database",
        "last lines are the evidence",
    ),
    Broken(
        "program that crashes",
        program("exec:a", {"a": f"{SHELL}kill -SEGV $$\n"}),
        "signalled",
        "SIGSEGV",
        "last lines are the evidence",
    ),
    Broken(
        "program that never listens",
        program("exec:a", {"a": f"{SHELL}echo waiting for nothing; exec sleep 600\n"}),
        "startup_timeout",
        "waiting for nothing",
        "listen on the port PORT",
        env={"STARTUP_TIMEOUT_SEC": "5"},
    ),
)

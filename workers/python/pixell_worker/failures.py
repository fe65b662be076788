"""Why an agent could not be loaded, in the words that `par` reports."""

from __future__ import annotations

import os
import platform
import traceback
from collections.abc import Iterable

from .limits import MAX_EVIDENCE_CHARS, MAX_EVIDENCE_LINES

MISSING_MODULE = "missing_module"
HANDLER_MISSING = "handler_missing"
HANDLER_ERROR = "handler_error"
WRONG_ARCHITECTURE = "wrong_architecture"

# What the dynamic loader says about a shared object of another machine.
_FOREIGN_BINARY = (
    "wrong elf class",
    "invalid elf header",
    "exec format error",
    "incompatible architecture",
    "cannot open shared object file: exec format",
)
_SHIM_DIR = os.path.dirname(os.path.abspath(__file__))


class LoadError(Exception):
    """A surface of the agent cannot be served: typed cause, one sentence, evidence lines.

    `remedy` is one sentence; empty = the usual one of the cause.
    """

    def __init__(
        self, cause: str, message: str, evidence: Iterable[str] = (), remedy: str = ""
    ) -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message
        self.remedy = remedy
        self.evidence = [line[:MAX_EVIDENCE_CHARS] for line in evidence][-MAX_EVIDENCE_LINES:]


def describe(error: BaseException) -> str:
    """The last line of the error's traceback: its type and text."""
    return "".join(traceback.format_exception_only(type(error), error)).strip().splitlines()[-1]


def evidence_of(error: BaseException, package_root: str) -> list[str]:
    """The traceback's frames in the agent's own code, newest last, then the error itself.

    Without a frame in the agent's code the last three of other people's code are given.
    """
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((_SHIM_DIR, "<frozen importlib"))
    ]
    own = [frame for frame in frames if is_agent_file(frame.filename, package_root)]
    lines = []
    for frame in own or frames[-3:]:
        name = shown_file(frame.filename, package_root)
        lines.append(f'File "{name}", line {frame.lineno}, in {frame.name}: {frame.line or ""}')
    if isinstance(error, SyntaxError):
        where = shown_file(error.filename or "?", package_root)
        lines.append(f'File "{where}", line {error.lineno}: {(error.text or "").strip()}')
    lines.append(describe(error))
    return lines


def shown_file(filename: str, package_root: str) -> str:
    """A file of the package as its author knows it; another one by its whole path."""
    is_own = is_agent_file(filename, package_root)
    return os.path.relpath(filename, package_root) if is_own else filename


def is_agent_file(filename: str, package_root: str) -> bool:
    """True for a file of the package itself, false for what was installed for it."""
    root = os.path.join(package_root, "")
    return filename.startswith(root) and "site-packages" not in filename


def from_exception(error: BaseException, doing: str, package_root: str) -> LoadError:
    """The typed failure for an exception of the agent's code while `doing` something."""
    if isinstance(error, LoadError):
        return error
    evidence = evidence_of(error, package_root)
    text = str(error).lower()
    if isinstance(error, (ImportError, OSError)) and any(mark in text for mark in _FOREIGN_BINARY):
        return LoadError(WRONG_ARCHITECTURE, f"{doing}: {describe(error)}", evidence)
    if isinstance(error, ModuleNotFoundError) and error.name:
        return LoadError(
            MISSING_MODULE, f"{doing}: there is no module named '{error.name}'", evidence
        )
    remedy = ""
    if isinstance(error, SyntaxError):
        remedy = f"Correct the line; Python {platform.python_version()} reads it."
    return LoadError(HANDLER_ERROR, f"{doing}: {describe(error)}", evidence, remedy)

"""Agents in Node.js that cannot be installed or loaded; {registry} has tiny-greeting 1.0.0."""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Callable, Mapping

from broken_packages.row import Broken, files
from pixell_testing.packages import from_files

REST = "name: broken\nversion: 1.0.0\nrest: {entry: 'r.js:mount'}\n"
FINE = "exports.mount = () => {};\n"
REGISTRY = {"NPM_REGISTRY_URL": "{registry}"}


def package(changes: Mapping[str, str]) -> Callable[[], bytes]:
    """A REST agent that is fine but for these files."""
    return files({"agent.yaml": REST, "r.js": FINE, **changes})


# The hash of something that no registry has.
NO_BYTES = "sha512-" + base64.b64encode(bytes(64)).decode()


def locked(**pinned: str) -> Callable[[], bytes]:
    """A package that wants tiny-greeting 1.0.0, and a lock that pins it like this."""
    root = {"name": "broken", "version": "1.0.0"}
    packages = {
        "": {**root, "dependencies": {"tiny-greeting": pinned.get("version", "1.0.0")}},
        "node_modules/tiny-greeting": {"version": "1.0.0", "integrity": NO_BYTES, **pinned},
    }
    named = {
        "agent.yaml": REST,
        "r.js": FINE,
        "package.json": json.dumps({**root, "dependencies": {"tiny-greeting": "1.0.0"}}),
        "package-lock.json": json.dumps({**root, "lockfileVersion": 3, "packages": packages}),
    }
    return functools.partial(from_files, named)


ROWS = (
    Broken(
        "node entry names no file",
        package({"agent.yaml": REST.replace("r.js", "gone.js")}),
        "missing_module",
        "'gone.js'",
        "agent.yaml",
        True,
    ),
    Broken(
        "node function is missing",
        package({"r.js": "exports.mounted = () => {};"}),
        "handler_missing",
        "it exports: mounted",
        "Name an existing module and function",
    ),
    Broken(
        "node syntax error",
        package({"r.js": "exports.mount = 1;\nconst = 1;\n"}),
        "handler_error",
        "r.js:2",
        "the traceback shows where",
    ),
    Broken(
        "node missing module",
        package({"r.js": "const missing = require('not-there');\n" + FINE}),
        "missing_module",
        "r.js:1",
        "package.json",
    ),
    Broken(
        "node raises",
        package({"r.js": "exports.mount = () => {\n  throw new Error('bad day');\n};\n"}),
        "handler_error",
        "r.js:2",
        "the traceback shows where",
    ),
    Broken(
        "node exits",
        package({"r.js": "console.error('no key');\nprocess.exit(4);\n"}),
        "exited",
        "no key",
        "last lines are the evidence",
    ),
    Broken(
        "node extension of another machine",
        package({"r.js": "require('./n.node');\n" + FINE, "n.node": "x" * 300}),
        "wrong_architecture",
        "r.js:1",
        "this machine's architecture",
    ),
    Broken(
        "node script that never listens",
        package(
            {
                "agent.yaml": "name: a\nentrypoint: r.js\n",
                "r.js": "console.error('nothing to do');\n",
            }
        ),
        "startup_timeout",
        "nothing to do",
        "listen on the port PORT",
        env={"STARTUP_TIMEOUT_SEC": "5"},
    ),
    Broken(
        "node of the future",
        package({"agent.yaml": f"{REST}runtime: node99\n"}),
        "wrong_runtime",
        "node99",
        "Node.js 99",
    ),
    Broken(
        "package.json is no object",
        package({"package.json": "["}),
        "manifest_invalid",
        "package.json",
        "Correct package.json",
        True,
    ),
    Broken(
        "node missing dependency",
        package({"package.json": '{"dependencies": {"no-such-greeting": "1.0.0"}}'}),
        "dependency_not_found",
        "no-such-greeting",
        "package.json",
        env=REGISTRY,
    ),
    Broken(
        "lock out of date",
        locked(version="0.9.0"),
        "dependency_conflict",
        "tiny-greeting@1.0.0",
        "npm install",
        env=REGISTRY,
    ),
    Broken(
        "lock with a repository",
        locked(resolved="git+http://127.0.0.1/tiny-greeting.git"),
        "dependency_failed",
        "git+http://127.0.0.1/tiny-greeting.git",
        "ship node_modules",
        env=REGISTRY,
    ),
    Broken(
        "lock with other bytes",
        locked(),
        "dependency_failed",
        "EINTEGRITY",
        "package-lock.json",
        env=REGISTRY,
    ),
)

"""Agents in Python that fail while they are loaded."""

from __future__ import annotations

from broken_packages.row import MANIFEST, ROUTES, Broken, agent, files

A2A = "name: broken\nversion: 1.0.0\na2a:\n  service: service:create\n"
SERVER = "name: broken\nversion: 1.0.0\nhttp_server: server:app\n"
FOREIGN_ELF = b"\x7fELF\x01\x01\x01" + bytes(57)  # of a 32-bit program
AT_START = """
def mount(app):
    @app.on_event("startup")
    async def start():
        raise RuntimeError("the database is away")
"""
WITH_A_CHILD = """
import subprocess

subprocess.Popen(["sleep", "600"])
raise ValueError("after its helper was started")
"""
SILENT_SERVICER = """
import asyncio


class Servicer:
    async def Health(self, request, context):
        await asyncio.sleep(600)

    async def Invoke(self, request, context):
        pass


def create():
    return Servicer()
"""
LAST_WORDS = """
import os
import sys

print("the last words of the agent", file=sys.stderr, flush=True)
os._exit(7)
"""


#: Also what tests of the command line run.
MISSING_MODULE = {
    "agent.yaml": MANIFEST,
    "routes.py": "import json\nimport there_is_no_such_module\n" + ROUTES,
}

ROWS = (
    Broken(
        "entry names no module",
        agent({"agent.yaml": MANIFEST.replace("routes:", "src.api:"), "src/app.py": ROUTES}),
        "missing_module",
        "rest.entry names the module 'src.api'",
        "correct its name in agent.yaml",
        True,
    ),
    Broken(
        "missing module",
        files(MISSING_MODULE),
        "missing_module",
        'File "routes.py", line 2',
        "requirements.txt",
    ),
    Broken(
        "extension of another machine",
        agent({"routes.py": "import native\n" + ROUTES, "native.so": FOREIGN_ELF}),
        "wrong_architecture",
        'File "routes.py", line 1',
        "this machine's architecture",
    ),
    Broken(
        "syntax error",
        agent(
            {
                "agent.yaml": MANIFEST.replace("routes:", "src.api:"),
                "src/api.py": "def mount(app):\n    return [1, 2\n",
            },
        ),
        "handler_error",
        'File "src/api.py", line 2: return [1, 2',
        "Correct the line",
    ),
    Broken(
        "missing handler",
        agent({"routes.py": "def mounted(app):\n    pass\n"}),
        "handler_missing",
        "it defines: mounted",
        "Name an existing module and function",
        True,
    ),
    Broken(
        "no function",
        agent({"routes.py": "mount = {'/': 'index'}\n"}),
        "handler_missing",
        "is a dict, not a function",
        "Name an existing module and function",
    ),
    Broken(
        "raises",
        agent({"routes.py": "def mount(app):\n    app.get('/x')(None)['key']\n"}),
        "handler_error",
        'File "routes.py", line 2, in mount',
        "the traceback shows where",
    ),
    Broken(
        "wants other arguments",
        agent({"routes.py": "def mount(app, config):\n    pass\n"}),
        "handler_error",
        "rest.entry: routes:mount",
        "the traceback shows where",
    ),
    Broken(
        "error at start",
        agent({"routes.py": AT_START}),
        "handler_error",
        'File "routes.py", line 5, in start',
        "the traceback shows where",
    ),
    Broken(
        "raises and leaves a child",
        agent({"routes.py": WITH_A_CHILD + ROUTES}),
        "handler_error",
        'File "routes.py", line 5',
        "the traceback shows where",
    ),
    Broken(
        "service raises",
        agent({"agent.yaml": A2A, "service.py": "def create():\n    raise KeyError('API_KEY')\n"}),
        "handler_error",
        'File "service.py", line 2, in create',
        "the traceback shows where",
    ),
    Broken(
        "servicer that never answers",
        agent({"agent.yaml": A2A, "service.py": SILENT_SERVICER}),
        "handler_error",
        "a2a.service: Health of the servicer",
        "Let Health answer",
    ),
    Broken(
        "no application",
        agent({"agent.yaml": SERVER, "server.py": "application = None\n"}),
        "handler_missing",
        "http_server: server:app",
        "Name an existing module and function",
        True,
    ),
    Broken(
        "application that is none",
        agent({"agent.yaml": SERVER, "server.py": "app = 'later'\n"}),
        "handler_error",
        "is a str",
        "the traceback shows where",
    ),
    Broken(
        "worker exits",
        agent({"routes.py": LAST_WORDS + ROUTES}),
        "exited",
        "the last words of the agent",
        "last lines are the evidence",
    ),
    Broken(
        "worker exits in silence",
        agent({"routes.py": "import os\nos._exit(0)\n" + ROUTES}),
        "exited",
        "with code 0",
        "last lines are the evidence",
    ),
    Broken(
        "sys.exit",
        agent({"routes.py": "import sys\nsys.exit('no API_KEY')\n" + ROUTES}),
        "handler_error",
        'File "routes.py", line 2',
        "the traceback shows where",
    ),
    Broken(
        "crash of native code",
        agent({"routes.py": "import ctypes\nctypes.string_at(0)\n" + ROUTES}),
        "signalled",
        'routes.py", line 2',
        "last lines are the evidence",
    ),
    Broken(
        "killed",
        agent({"routes.py": "import os\nos.kill(os.getpid(), 9)\n" + ROUTES}),
        "signalled",
        "SIGKILL",
        "last lines are the evidence",
    ),
    Broken(
        "never loaded",
        agent({"routes.py": "count = 0\nwhile True:\n    count += 1\n" + ROUTES}),
        "startup_timeout",
        'routes.py", line ',
        "STARTUP_TIMEOUT_SEC",
        env={"STARTUP_TIMEOUT_SEC": "10"},
    ),
)

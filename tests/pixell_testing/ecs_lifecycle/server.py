"""The model over HTTP: its own actions of ECS, moto for everything else, and the controls."""

from __future__ import annotations

import gc
import io
import json
import os
import re
import socket
import threading
import urllib.parse
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from moto.moto_api._internal import mock_random
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from pixell_testing.ecs_lifecycle import discovery, scaling, targets
from pixell_testing.ecs_lifecycle.api import Api
from pixell_testing.ecs_lifecycle.cloud import Cloud
from pixell_testing.ecs_lifecycle.errors import Refused
from pixell_testing.ecs_lifecycle.scheduler import Scheduler
from pixell_testing.ecs_lifecycle.task_shape import described
from pixell_testing.ecs_lifecycle.tasks import Task, TaskLife
from pixell_testing.ecs_lifecycle.world import World
from werkzeug.serving import BaseWSGIServer, make_server

SCOPE = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request")
QUERY = ("elasticloadbalancing", "sts", "iam", "ec2", "monitoring")
JSON = "application/x-amz-json-1.1"
RESET = "/moto-api/reset"
MAX_FILES = 1024

Start = Callable[[str, list[tuple[str, str]]], Any]


class Server:
    """A WSGI application."""

    def __init__(self) -> None:
        self._world = World()
        self._targets = targets.Targets(self._world)
        self._life = TaskLife(self._world, self._targets)
        self._scheduler = Scheduler(self._world, self._life, self._targets)
        self._api = Api(self._world, self._life, self._scheduler)
        targets.install(self._world, self._targets)
        discovery.install()
        scaling.install(self._scheduler)
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._controls: dict[str, Callable[[dict[str, Any]], Any]] = {
            "behaviour": self._world.behave,
            "settings": self._world.set,
            "limits": self._world.limit,
            "advance": lambda asked: self._world.skip(asked["ms"]),
            "kill": self._kill,
            "report": self._report,
            "reset": self._reset,
            "fork": self._fork,
            "tasks": lambda _: self._tasks(),
        }

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        with self._world.lock:
            self._world.advance()
            if path.startswith("/_lifecycle/"):
                return self._control(path.rpartition("/")[2], _body(environ), start)
            if path == RESET:
                self._forget()
            scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
            if scope is None:
                return list(self._moto(environ, start))
            return self._act(scope[1], scope[2], environ, start)

    def _act(self, region: str, service: str, environ: Any, start: Start) -> Iterable[bytes]:
        body = _body(environ)
        action = _action(environ, body)
        if not self._world.may_call(service, action):
            return _throttled(service, start)
        if service != "ecs":
            return list(self._moto(environ, start))
        try:
            cloud, asked = Cloud(region), json.loads(body)
            own = self._api.find(action, asked)
            if own is None:
                self._api.before_moto(cloud, action, asked)
                return list(self._moto(environ, start))
            answer = own(cloud, asked)
            # What an action leads to at once is there when it answers.
            self._world.settle()
            return _reply(start, "200 OK", answer)
        except Refused as wrong:
            said = {"__type": wrong.code, "message": wrong.message}
            return _reply(start, "400 Bad Request", said)

    def _control(self, name: str, body: bytes, start: Start) -> Iterable[bytes]:
        try:
            answer = self._controls[name](json.loads(body or b"{}"))
            self._world.settle()
        except KeyError as wrong:
            return _reply(start, "404 Not Found", {"error": f"there is no {wrong}"})
        except (ValueError, TypeError) as wrong:
            return _reply(start, "400 Bad Request", {"error": str(wrong)})
        return _reply(start, "200 OK", answer or {})

    def _kill(self, asked: dict[str, Any]) -> None:
        task = self._life.tasks[asked["task"].rpartition("/")[2]]
        self._life.signal(task, asked.get("signal", 9))

    def _report(self, asked: dict[str, Any]) -> None:
        self._life.report(self._life.tasks[asked.pop("task").rpartition("/")[2]], **asked)

    def _forget(self) -> None:
        self._world.reset()
        self._targets.reset()
        self._life.reset()
        self._scheduler.reset()

    def _reset(self, asked: dict[str, Any]) -> None:
        self._forget()
        mock_random.seed(asked.get("seed"))
        moto_api_backend.reset()

    def _fork(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Another process with all there is now, at a port of its own; it ends with SIGKILL."""
        listener = socket.create_server(("127.0.0.1", asked["port"]))
        # What is there now is not looked through again, and so stays shared.
        gc.freeze()
        pid = os.fork()
        if pid == 0:
            # Only this thread is in the child; the connections are the parent's.
            kept = listener.fileno()
            os.closerange(3, kept)
            os.closerange(kept + 1, MAX_FILES)
            self._world.lock = threading.RLock()
            _server(self, asked["port"], kept).serve_forever()
            os._exit(0)
        listener.close()
        return {"pid": pid}

    def _tasks(self) -> dict[str, Any]:
        return {"tasks": [self._told(task) for task in self._life.tasks.values()]}

    def _told(self, task: Task) -> dict[str, Any]:
        streams = [
            {"container": name, "group": group, "stream": stream}
            for name, (group, stream) in task.streams.items()
        ]
        return {
            **described(task),
            "isReady": task.is_ready,
            "isProtected": task.is_protected(self._world.time),
            "isForgotten": not self._life.is_visible(task),
            "signals": task.signals,
            "streams": streams,
        }


def _body(environ: dict[str, Any]) -> bytes:
    """The body, which can be read again."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _action(environ: dict[str, Any], body: bytes) -> str:
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return target.partition(".")[2]
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return dict(urllib.parse.parse_qsl(body.decode())).get("Action", "")
    return ""


def _reply(start: Start, status: str, answer: dict[str, Any]) -> Iterable[bytes]:
    body = json.dumps(answer).encode()
    start(
        status,
        [
            ("Content-Type", JSON),
            ("Content-Length", str(len(body))),
            ("x-amzn-RequestId", str(uuid.uuid4())),
        ],
    )
    return [body]


def _throttled(service: str, start: Start) -> Iterable[bytes]:
    """A refusal because of the rate, in the shape of the service's protocol."""
    if service not in QUERY:
        said = {"__type": "ThrottlingException", "message": "Rate exceeded"}
        return _reply(start, "400 Bad Request", said)
    body = (
        "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded"
        f"</Message></Error><RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
    ).encode()
    start("400 Bad Request", [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))])
    return [body]


def _server(app: Server, port: int, descriptor: int | None = None) -> BaseWSGIServer:
    return make_server(
        "127.0.0.1",
        port,
        app,
        threaded=True,
        request_handler=MotoRequestHandler,
        fd=descriptor,
    )


def serve(port_file: Path) -> None:
    """Serves on a free port of loopback until the process ends; the port goes into the file."""
    server = _server(Server(), 0)
    os.environ["MOTO_PORT"] = str(server.server_port)
    written = port_file.with_name(port_file.name + ".new")
    written.write_text(f"{server.server_port}\n")
    written.rename(port_file)
    server.serve_forever()

"""A model of Fargate: runs a registered task definition by a Docker daemon, as it is written down.

A task has a network of its own, in which there is S3 and where the task role's credentials come
from, and nothing else. What it tries to reach beyond is counted by the kernel.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from devtool.docker import Daemon
from devtool.pac import wait_until
from pixell_testing.namespaces import Network

CREDENTIALS_ADDRESS = ("169.254.170.2", 80)
CREDENTIALS_PATH = "/v2/credentials/1f0c"
S3_ADDRESS = ("127.0.0.1", 9000)
TASK_ROLE = {
    "AccessKeyId": "ASIATASKROLE00000000",
    "SecretAccessKey": "of-the-task-role",
    "Token": "session-of-the-task",
    "Expiration": "2099-01-01T00:00:00Z",
}
DOCKER_DEADLINE_S = 120
HEALTHY_DEADLINE_S = 90
RELAY_DEADLINE_S = 60


class _Credentials(BaseHTTPRequestHandler):
    """What the container agent answers a task."""

    def do_GET(self) -> None:
        is_known = self.path == CREDENTIALS_PATH
        body = json.dumps(TASK_ROLE).encode() if is_known else b""
        self.send_response(200 if is_known else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class _Relay:
    """Passes the connections of a listening socket on to what `connect` makes."""

    def __init__(self, listener: socket.socket, connect: Callable[[], socket.socket]) -> None:
        self._listener, self._connect = listener, connect
        listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                taken, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(taken,), daemon=True).start()

    def _carry(self, taken: socket.socket) -> None:
        with taken:
            try:
                onward = self._connect()
            except OSError:
                return
            with onward:
                back = threading.Thread(target=_pump, args=(onward, taken), daemon=True)
                back.start()
                _pump(taken, onward)
                back.join(RELAY_DEADLINE_S)

    def close(self) -> None:
        """No more connections; those there are end by themselves."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class Task:
    """One running task of a definition, as DescribeTaskDefinition tells it."""

    def __init__(
        self,
        daemon: Daemon,
        definition: Mapping[str, Any],
        secret: Callable[[str], str],
        s3: tuple[str, int],
    ) -> None:
        """`secret` resolves a valueFrom; `s3` is where S3 is, out here."""
        self._docker = ["docker", "--host", f"unix://{daemon.socket}"]
        self._daemon = daemon
        (self._container,) = definition["containerDefinitions"]
        image = self._container["image"]
        # Every task on Fargate has such a container, which holds its network.
        pause = ["--network", "none", "--entrypoint", "/bin/sleep"]
        self._pause = self._run("run", "--detach", *pause, image, "infinity")
        self.network = Network.of(daemon.inspect(self._pause)["State"]["Pid"])
        self._relays: list[_Relay] = []
        self._serve_inside(s3)
        environment = {each["name"]: each["value"] for each in self._container["environment"]}
        for each in self._container.get("secrets", []):
            environment[each["name"]] = secret(each["valueFrom"])
        environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = CREDENTIALS_PATH
        environment["AWS_ENDPOINT_URL_S3"] = f"http://{S3_ADDRESS[0]}:{S3_ADDRESS[1]}"
        self.id = self._run("create", *self._options(definition, environment), image)
        self._run("start", self.id)
        self._outside: dict[int, str] = {}

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._docker, *arguments],
            capture_output=True,
            text=True,
            timeout=DOCKER_DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def _serve_inside(self, s3: tuple[str, int]) -> None:
        self.network.add_address(CREDENTIALS_ADDRESS[0])
        self._agent = ThreadingHTTPServer(CREDENTIALS_ADDRESS, _Credentials, False)
        self._agent.socket.close()
        with self.network:
            self._agent.socket = socket.create_server(CREDENTIALS_ADDRESS)
            inside = socket.create_server(S3_ADDRESS)
        threading.Thread(target=self._agent.serve_forever, daemon=True).start()
        self._relays.append(_Relay(inside, lambda: socket.create_connection(s3, 10)))

    def _options(self, definition: Mapping[str, Any], environment: Mapping[str, str]) -> list[str]:
        container, health = self._container, self._container["healthCheck"]
        assert container["readonlyRootFilesystem"]
        options = ["--network", f"container:{self._pause}", "--user", container["user"]]
        options += ["--read-only", "--memory", f"{definition['memory']}m"]
        options += ["--cpus", str(int(definition["cpu"]) / 1024)]
        for name in container["linuxParameters"]["capabilities"]["drop"]:
            options += ["--cap-drop", name]
        for name, value in environment.items():
            options += ["--env", f"{name}={value}"]
        volumes = {each["name"] for each in definition["volumes"]}
        for each in container["mountPoints"]:
            assert each["sourceVolume"] in volumes
            options += ["--volume", each["containerPath"]]
        kind, *command = health["command"]
        assert kind == "CMD"
        options += ["--health-cmd", " ".join(command), "--health-retries", str(health["retries"])]
        # Docker's own pace would be that of the definition, 30 s: a test does not wait for it.
        options += ["--health-interval", "1s", "--health-timeout", f"{health['timeout']}s"]
        options += ["--health-start-period", f"{health['startPeriod']}s"]
        return [*options, "--stop-timeout", str(container["stopTimeout"])]

    def wait_healthy(self) -> Task:
        """Until the definition's health check says so."""

        def is_healthy() -> bool:
            state = self.state()
            assert state["Running"], self.logs()
            return state["Health"]["Status"] == "healthy"

        wait_until("the task is healthy", is_healthy, HEALTHY_DEADLINE_S)
        return self

    def address(self, port: int) -> str:
        """Where out here a port of the task is reached, as a load balancer reaches it."""
        if port not in self._outside:
            listener = socket.create_server(("127.0.0.1", 0))
            self._outside[port] = f"127.0.0.1:{listener.getsockname()[1]}"
            self._relays.append(_Relay(listener, lambda: self._connect(port)))
        return self._outside[port]

    def _connect(self, port: int) -> socket.socket:
        with self.network:
            return socket.create_connection(("127.0.0.1", port), 10)

    def unreachable(self) -> int:
        """How often something inside tried to reach what is not there."""
        pid = self._daemon.inspect(self._pause)["State"]["Pid"]
        names, values = (
            line.split()[1:]
            for line in Path(f"/proc/{pid}/net/snmp").read_text(encoding="ascii").splitlines()
            if line.startswith("Ip:")
        )
        return int(dict(zip(names, values, strict=True))["OutNoRoutes"])

    def state(self) -> dict[str, Any]:
        """What the daemon knows of the container."""
        return self._daemon.inspect(self.id)["State"]

    def logs(self) -> str:
        """What par and the agent printed."""
        return self._run("logs", self.id)

    def stop(self) -> int:
        """SIGTERM, and SIGKILL after the definition's stopTimeout; its exit code."""
        self._run("stop", "--time", str(self._container["stopTimeout"]), self.id)
        return self.state()["ExitCode"]

    def remove(self) -> None:
        """Ends everything of it."""
        for each in self._relays:
            each.close()
        self._agent.shutdown()
        self._agent.server_close()
        self.network.close()
        self._run("rm", "--force", "--volumes", self.id, self._pause)


@contextlib.contextmanager
def running_task(*arguments: Any) -> Iterator[Task]:
    """A task until the end of the block."""
    task = Task(*arguments)
    try:
        yield task
    finally:
        task.remove()

"""Docker in the place of Fargate: the tasks of the model of ECS are containers of it, run as their
registered task definition is written down.

A task has an address of its own in a network that leads nowhere. Inside there is S3, and where the
task role's credentials come from, and nothing else; what it tries to reach beyond is counted by the
kernel.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from devtool.docker import Daemon
from pixell_testing.ecs_lifecycle.client import LifecycleAws
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
CONNECT_DEADLINE_S = 10
RELAY_DEADLINE_S = 60
LOOK_PAUSE_S = 0.1
NETWORK = "fargate"


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
    """Passes the connections of a listening socket on to an address out here."""

    def __init__(self, listener: socket.socket, onward: tuple[str, int]) -> None:
        self._listener, self._onward = listener, onward
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
                onward = socket.create_connection(self._onward, CONNECT_DEADLINE_S)
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
        pause = ["--network", NETWORK, "--entrypoint", "/bin/sleep"]
        self._pause = self._run("run", "--detach", *pause, image, "infinity")
        inspected = daemon.inspect(self._pause)
        self.ip = inspected["NetworkSettings"]["Networks"][NETWORK]["IPAddress"]
        self.network = Network.of(inspected["State"]["Pid"])
        self._serve_inside(s3)
        environment = {each["name"]: each["value"] for each in self._container["environment"]}
        for each in self._container.get("secrets", []):
            environment[each["name"]] = secret(each["valueFrom"])
        environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = CREDENTIALS_PATH
        environment["AWS_ENDPOINT_URL_S3"] = f"http://{S3_ADDRESS[0]}:{S3_ADDRESS[1]}"
        self.kept_lines = 0
        self.id = self._run("create", *self._options(definition, environment), image)
        self._run("start", self.id)

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
        self._relay = _Relay(inside, s3)

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

    def signal(self, name: str) -> None:
        """A signal to the container's first process."""
        self._run("kill", "--signal", name, self.id)

    def remove(self) -> None:
        """Ends everything of it."""
        self._relay.close()
        self._agent.shutdown()
        self._agent.server_close()
        self.network.close()
        self._run("rm", "--force", "--volumes", self.id, self._pause)


class Fargate:
    """Runs what the model says until the end of its `with` block."""

    def __init__(self, aws: LifecycleAws, daemon: Daemon, s3: tuple[str, int]) -> None:
        self._aws, self._daemon, self._s3 = aws, daemon, s3
        self._ecs, self._logs, self._secrets = (
            aws.client(name) for name in ("ecs", "logs", "secretsmanager")
        )
        self.tasks: dict[str, Task] = {}
        self._told: set[tuple[str, str]] = set()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._failure: BaseException | None = None

    def __enter__(self) -> Fargate:
        docker = ["docker", "--host", f"unix://{self._daemon.socket}"]
        make = [*docker, "network", "create", "--internal", NETWORK]
        subprocess.run(make, check=True, capture_output=True, timeout=DOCKER_DEADLINE_S)
        # A second of a definition is one: what drains here is real.
        self._aws.control("settings", second_ms=1000)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join(DOCKER_DEADLINE_S)
        for each in self.tasks.values():
            each.remove()
        if self._failure:
            raise self._failure

    def run(self, family: str) -> None:
        """Tasks of the family that start later are containers."""
        self._aws.behave(family, boot="outside", stop="outside")

    def _follow(self) -> None:
        try:
            while not self._is_over.wait(LOOK_PAUSE_S):
                for told in self._aws.tasks():
                    self._look_at(told)
        except BaseException as wrong:  # told by the end of the block
            self._failure = wrong

    def _look_at(self, told: dict[str, Any]) -> None:
        arn = told["taskArn"]
        task = self.tasks.get(arn)
        if task is None:
            if told["lastStatus"] == "PENDING":
                self.tasks[arn] = self._start(told)
                self._report(arn, "started", address=self.tasks[arn].ip)
            return
        for number, name in ((15, "TERM"), (9, "KILL")):
            if number in told["signals"] and self._is_first(arn, name) and task.state()["Running"]:
                task.signal(name)
        state = task.state()
        if not state["Running"] and self._is_first(arn, "exited"):
            self._keep_log(told, task)
            self._report(arn, "exited", exit_code=state["ExitCode"])
        elif state["Running"] and state["Health"]["Status"] == "healthy":
            if told["lastStatus"] == "RUNNING" and self._is_first(arn, "healthy"):
                self._keep_log(told, task)
                self._report(arn, "healthy")

    def _is_first(self, arn: str, event: str) -> bool:
        """Whether this is to be done for a task for the first time."""
        is_first = (arn, event) not in self._told
        self._told.add((arn, event))
        return is_first

    def _report(self, arn: str, event: str, **more: Any) -> None:
        self._aws.control("report", task=arn, event=event, **more)

    def _start(self, told: dict[str, Any]) -> Task:
        described = self._ecs.describe_task_definition(taskDefinition=told["taskDefinitionArn"])
        return Task(self._daemon, described["taskDefinition"], self._secret, self._s3)

    def _secret(self, reference: str) -> str:
        arn, name, _, version = reference.rsplit(":", 3)
        held = self._secrets.get_secret_value(SecretId=arn, VersionId=version)
        return json.loads(held["SecretString"])[name]

    def _keep_log(self, told: dict[str, Any], task: Task) -> None:
        """What is new of it, as the log driver awslogs would have sent it already."""
        (stream,) = told["streams"]
        now = int(time.time() * 1000)
        news = task.logs().splitlines()[task.kept_lines :]
        task.kept_lines += len(news)
        lines = [{"timestamp": now, "message": line} for line in news]
        place = {"logGroupName": stream["group"], "logStreamName": stream["stream"]}
        self._logs.put_log_events(**place, logEvents=lines)

"""A platform of one's own (`pac serve`) for `./dev up`, its checks and the black-box tests."""

import contextlib
import dataclasses
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from devtool import processes
from devtool.paths import VENV, program
from devtool.processes import Process
from devtool.shell import Failure

ROLES = ("serve", "control", "edge", "node")
START_DEADLINE_S = 20
STOP_DEADLINE_S = 45
UPGRADE_DEADLINE_S = 200
FINAL = ("completed", "failed")

_given_ports: set[int] = set()  # by free_port()


@dataclasses.dataclass(frozen=True)
class Reply:
    """An HTTP answer, whatever its status."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", errors="replace")

    def json(self) -> Any:
        return json.loads(self.body)


def request(
    base_url: str,
    method: str,
    path: str,
    *,
    body: bytes | str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = 10,
) -> Reply:
    """One HTTP/1.1 request on a connection of its own. Raises OSError when nobody answers."""
    address = urllib.parse.urlsplit(base_url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=timeout_s)
    try:
        payload = body.encode() if isinstance(body, str) else body
        connection.request(method, path, body=payload, headers=dict(headers or {}))
        answer = connection.getresponse()
        names = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, names, answer.read())
    except http.client.HTTPException as error:
        raise OSError(f"{method} {path}: {type(error).__name__} {error}") from error
    finally:
        connection.close()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on right now; a different one each time.

    It lies below those the system gives to outgoing connections, so that none of them takes it
    before whoever asked for it.
    """
    for _ in range(1000):
        port = random.randrange(10_000, 32_000)
        if port in _given_ports:
            continue
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            _given_ports.add(port)
            return port
    raise Failure("no TCP port of 127.0.0.1 from 10000 to 31999 is free")


def wait_until(what: str, condition: Callable[[], Any], timeout_s: float) -> Any:
    """Asks `condition` until its answer is true and returns it; Failure at the deadline."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {timeout_s:g} s")
        time.sleep(0.05)


class Pac:
    """One `pac serve` with its state directory. Use it in a `with` block, or start() and stop()."""

    def __init__(
        self,
        state: Path,
        port: int,
        *,
        home: Path | None = None,
        env: Mapping[str, str] | None = None,
        also_listen: str = "none",
        engine: str = "local",
        arguments: Sequence[str] = (),
    ) -> None:
        """`home` is where it is started, and below which file:// packages may be; by default the
        parent of the state directory. `env` comes on top of ours. `also_listen` is another address
        to serve when it is free. The engine `fake` starts no processes. `arguments` are further
        ones of `pac serve`."""
        self.state = state
        self.home = home or state.parent
        self.port = port
        self.address = f"127.0.0.1:{port}"
        self.url = f"http://{self.address}"
        self.log = state / "serve.log"
        self.engine = engine
        self._arguments = tuple(arguments)
        self.env = {"PIXELL_ALSO_LISTEN": also_listen, **(env or {})}  # of the next start
        self._child: subprocess.Popen | None = None

    def __enter__(self) -> "Pac":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def inbox(self) -> Path:
        """A folder for packages that may be deployed by file://."""
        return self.home / ".dev" / "packages"

    # ------------------------------------------------------------------------- life

    def start(self) -> None:
        """Starts the platform and returns when its API is healthy."""
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        binary = program("pac")
        if not binary.exists():
            raise Failure(f"{binary} is missing; ./dev build release makes it")
        command = [binary, "serve", "--state", self.state, "--listen", self.address]
        command += ["--engine", self.engine, "--stop-instances", *self._arguments]
        with open(self.log, "ab") as log:
            self._child = subprocess.Popen(
                list(map(str, command)),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**self.environment(), **self.env},
                start_new_session=True,
            )
        try:
            wait_until("GET /healthz answers 200", self.is_healthy, START_DEADLINE_S)
        except Failure as failure:
            self.stop()
            raise Failure(f"{failure}. The log ends with:\n{self.log_tail()}") from None

    @staticmethod
    def environment() -> dict[str, str]:
        """Ours, with the installer of .dev/venv (uv) at the end of PATH."""
        return {**os.environ, "PATH": f"{os.environ.get('PATH', os.defpath)}:{VENV / 'bin'}"}

    def is_healthy(self) -> bool:
        """Whether the API says so. Failure when `pac serve` has ended."""
        if self._child and self._child.poll() is not None:
            raise Failure(f"pac serve ended with {self._child.returncode}")
        try:
            return request(self.url, "GET", "/healthz", timeout_s=2).status == 200
        except OSError:
            return False

    def stop(self) -> int | None:
        """Stops everything this platform started; returns the exit code of `pac serve`.

        By force, with all its processes, when it does not end by its deadline.
        """
        if self._child is None:
            return None
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
        try:
            self._child.wait(timeout=STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.kill_all()
        finally:
            code = self._child.wait()
            self._child = None
        return code

    def crash(self) -> None:
        """SIGKILL to `pac serve` and its roles at once; the instances go on. start() follows."""
        gone = [process for name in ROLES if (process := self.role(name))]
        for process in gone:
            process.send(signal.SIGKILL)
        if not all(process.wait_end(10) for process in gone):
            raise Failure("a role survived SIGKILL")
        if self._child:
            self._child.wait()
        self._child = None

    def kill_all(self) -> None:
        """SIGKILL to everything that has to do with this platform."""
        if self._child:
            self._child.kill()
        for process in processes.using(self.state):
            process.send(signal.SIGKILL)

    def upgrade(self, *options: str) -> subprocess.CompletedProcess[str]:
        """`pac upgrade`, ended."""
        command = [str(program("pac")), "upgrade", "--state", str(self.state), *options]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=UPGRADE_DEADLINE_S, check=False
        )

    def is_running(self) -> bool:
        """Whether `pac serve` is still there."""
        return self._child is not None and self._child.poll() is None

    def log_tail(self, lines: int = 15) -> str:
        """The end of the platform's log."""
        with contextlib.suppress(OSError):
            text = self.log.read_text(encoding="utf-8", errors="replace")
            return "\n".join(text.splitlines()[-lines:])
        return "(no log)"

    def role(self, name: str) -> Process | None:
        """The process of a role (serve, control, edge, node), or None when it is away."""
        return processes.from_pid_file(self.state / "run" / f"{name}.pid")

    def leftovers(self) -> dict[Process, str]:
        """Processes that still have to do with this platform, with their command lines."""
        return processes.using(self.state)

    # ------------------------------------------------------------------------- calls

    def get(self, path: str, **options: Any) -> Reply:
        return request(self.url, "GET", path, **options)

    def post(self, path: str, body: Any, **options: Any) -> Reply:
        """POST of a JSON value, or of bytes or text as they are."""
        if not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        return request(self.url, "POST", path, body=body, headers=headers, **options)

    def keep_cold(self, app: str) -> None:
        """Former revisions of the app end at once instead of staying warm for a rollback."""
        body = json.dumps({"warm_revisions": 0})
        reply = request(self.url, "PATCH", f"/v1/apps/{app}", body=body)
        if reply.status != 200:
            raise Failure(f"PATCH /v1/apps/{app} answered {reply.status}: {reply.text}")

    def deploy(self, app: str, package: Path | str, **more: Any) -> str:
        """Deploys a package file or URL with the operator's request; returns the deployment id.

        `more` are further members of the request: environment, limits, …
        """
        url = package if isinstance(package, str) else package.resolve().as_uri()
        reply = self.post("/deployments", {"agentAppId": app, "packageUrl": url, **more})
        if reply.status != 202:
            raise Failure(f"POST /deployments answered {reply.status}: {reply.text}")
        return reply.json()["deployment"]["id"]

    def deployment(self, deployment_id: str) -> dict[str, Any]:
        reply = self.get(f"/api/deployments/{deployment_id}")
        if reply.status != 200:
            raise Failure(f"GET /api/deployments/{deployment_id} answered {reply.status}")
        return reply.json()["deployment"]

    def wait_deployment(
        self,
        deployment_id: str,
        timeout_s: float = 180,
        on_change: Callable[[dict[str, Any]], None] | None = None,
    ) -> dict[str, Any]:
        """Waits until the deployment has completed or failed and returns it."""

        def poll() -> dict[str, Any] | None:
            deployment = self.deployment(deployment_id)
            if on_change:
                on_change(deployment)
            return deployment if deployment["status"] in FINAL else None

        return wait_until(f"deployment {deployment_id} ends", poll, timeout_s)

    def deploy_and_wait(
        self, app: str, package: Path | str, timeout_s: float = 180, **more: Any
    ) -> dict:
        """Deploys and waits; Failure unless it completed."""
        deployment = self.wait_deployment(self.deploy(app, package, **more), timeout_s)
        if deployment["status"] != "completed":
            raise Failure(f"the deployment of {app} failed: {deployment.get('error')}")
        return deployment

    def app(self, app: str) -> dict[str, Any]:
        """What GET /v1/apps/{app} says: app, revisions, instances."""
        reply = self.get(f"/v1/apps/{app}")
        if reply.status != 200:
            raise Failure(f"GET /v1/apps/{app} answered {reply.status}: {reply.text}")
        return reply.json()

    def live_instances(self, app: str) -> dict[str, dict[str, Any]]:
        """The instances of an app that have not ended, by id."""
        return {
            instance["id"]: instance
            for instance in self.app(app)["instances"]
            if instance["phase"] not in ("stopped", "failed")
        }

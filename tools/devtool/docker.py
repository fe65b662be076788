"""A Docker daemon of one's own, for tests, `./dev up` and benchmarks, and images for it.

Nothing of the machine is touched: the daemon keeps everything in its folder, and has address ranges
of its own.
"""

import contextlib
import hashlib
import http.client
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from devtool.paths import ROOT, SYSTEM_PYTHON
from devtool.shell import Failure, must_run, say

START_DEADLINE_S = 60
STOP_DEADLINE_S = 30
# Of a daemon's own address ranges: each network of 256 addresses out of 10.<n>.0.0/16.
FIRST_RANGE, RANGES = 128, 96


class Daemon:
    """One dockerd on a folder. Use it in a `with` block, or start() and stop()."""

    def __init__(self, folder: Path, *, arguments: tuple[str, ...] = ()) -> None:
        """`folder` is its own, with a short path; `arguments` are further ones of dockerd."""
        self.folder = folder
        self.socket = folder / "docker.sock"
        self.log = folder / "dockerd.log"
        self._arguments = arguments
        self._child: subprocess.Popen | None = None

    def __enter__(self) -> "Daemon":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def start(self) -> None:
        """Starts it and returns when it answers. With live-restore, containers outlive it."""
        program = shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if program is None:
            raise Failure("dockerd is missing; ./dev bootstrap installs docker.io")
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o711)
        config = self.folder / "daemon.json"
        config.write_text("{}", encoding="utf-8")  # and not that of the machine
        number = FIRST_RANGE + int(hashlib.sha256(bytes(self.folder)).hexdigest(), 16) % RANGES
        command = [program, "--host", f"unix://{self.socket}", "--config-file", config]
        command += ["--data-root", self.folder / "data", "--exec-root", self.folder / "exec"]
        command += ["--pidfile", self.folder / "docker.pid", "--bridge", "none", "--live-restore"]
        command += ["--default-address-pool", f"base=10.{number}.0.0/16,size=24"]
        with open(self.log, "ab") as log:
            self._child = subprocess.Popen(
                [*map(str, command), *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_DEADLINE_S
        while not self.answers():
            if self._child.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise Failure(f"dockerd does not start. Its log ends with:\n{self.log_tail()}")
            time.sleep(0.1)

    def answers(self) -> bool:
        """Whether it can be used."""
        try:
            return self.request("GET", "/_ping")[0] == 200
        except OSError:
            return False

    def log_tail(self, lines: int = 20) -> str:
        """The end of its log."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def stop(self) -> None:
        """Ends the daemon; with live-restore its containers go on."""
        if self._child is None:
            return
        self._child.send_signal(signal.SIGTERM)
        try:
            self._child.wait(timeout=STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._child = None

    def kill(self) -> None:
        """SIGKILL to the daemon alone; containers go on."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None
            # Its containerd dies with it. Where nobody reaps orphans it seems to live, and the next
            # daemon would wait for it.
            (self.folder / "exec" / "containerd" / "containerd.pid").unlink(missing_ok=True)

    def remove(self) -> None:
        """Ends it with all of its containers and networks, and removes its folder."""
        with contextlib.suppress(OSError, Failure):
            if self._child is None:
                self.start()
            for container in self.get("/containers/json?all=1"):
                self.request("DELETE", f"/containers/{container['Id']}?force=1&v=1")
            self.request("POST", "/networks/prune")
        self.stop()
        unmount_below(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)

    # --------------------------------------------------------------------------- its API

    def request(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> tuple[int, bytes]:
        """One request; status and answer. OSError when nobody answers."""
        connection = UnixConnection(str(self.socket))
        try:
            connection.request(method, path, body=body, headers={"Content-Type": kind})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except http.client.HTTPException as error:
            raise OSError(f"{method} {path}: {error}") from error
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        """A JSON answer; Failure for a refusal."""
        status, body = self.request("GET", path)
        if status != 200:
            raise Failure(f"docker: GET {path}: {status} {body.decode(errors='replace')}")
        return json.loads(body)

    def inspect(self, container: str) -> dict[str, Any]:
        """Everything about a container."""
        return self.get(f"/containers/{container}/json")

    def containers(self, label: str) -> list[dict[str, Any]]:
        """Those with a label, ended ones too."""
        filters = urllib.parse.quote(json.dumps({"label": [label]}))
        return self.get(f"/containers/json?all=1&filters={filters}")

    def import_image(self, name: str, archive: bytes, changes: list[str], platform: str = "") -> str:
        """Makes an image of a root file system (a tar archive); returns its id."""
        query = [("fromSrc", "-"), ("repo", name), *(("changes", change) for change in changes)]
        query += [("platform", platform)] if platform else []
        path = "/images/create?" + urllib.parse.urlencode(query)
        status, body = self.request("POST", path, archive, "application/x-tar")
        if status != 200:
            raise Failure(f"docker: import {name}: {status} {body.decode(errors='replace')}")
        return self.get(f"/images/{name}/json")["Id"]


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("docker", timeout=600)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def unmount_below(folder: Path) -> None:
    """Takes away what a killed daemon left mounted."""
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    for place in sorted((line.split()[1] for line in mounts), reverse=True):
        if place.startswith(f"{folder}/"):
            subprocess.run(["umount", "--lazy", place], check=False, capture_output=True)


@contextlib.contextmanager
def given_or_own(folder: Path) -> Iterator[Daemon]:
    """The daemon PIXELL_DOCKER_SOCKET names, or one of our own, which ends with the block."""
    given = os.environ.get("PIXELL_DOCKER_SOCKET")
    if given:
        daemon = Daemon(Path(given).parent)
        daemon.socket = Path(given)
        if not daemon.answers():
            raise Failure(f"PIXELL_DOCKER_SOCKET={given}: no Docker daemon answers there")
        yield daemon
        return
    with Daemon(folder) as daemon:
        yield daemon


@contextlib.contextmanager
def engine(programs: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The engine PAC_ENGINE names and what `pac serve` needs for it in its environment.

    For docker that is a daemon (see given_or_own()) and, unless PAC_DOCKER_IMAGE names one, the
    generic image with these programs.
    """
    name = os.environ.get("PAC_ENGINE", "local")
    if name != "docker":
        yield name, {}
        return
    folder = Path(tempfile.mkdtemp(prefix="px-docker-"))
    with given_or_own(folder) as daemon:
        image = os.environ.get("PAC_DOCKER_IMAGE") or par_image(daemon, programs)
        yield name, {"PAC_DOCKER_SOCKET": str(daemon.socket), "PAC_DOCKER_IMAGE": image}


# ------------------------------------------------------------------------------------ images

@contextlib.contextmanager
def for_unit_tests(build: Path) -> Iterator[None]:
    """Gives the tests of src/engine/docker a daemon and their image, in our environment."""
    if os.geteuid() != 0 and "PIXELL_DOCKER_SOCKET" not in os.environ:
        say("docker: dockerd needs root, so the tests of engine_docker skip what needs a daemon")
        yield
        return
    with given_or_own(Path(tempfile.mkdtemp(prefix="px-docker-"))) as daemon:
        image = fake_par_image(daemon, build / "src" / "engine" / "local" / "fake_par")
        given = {"PIXELL_DOCKER_SOCKET": str(daemon.socket), "PIXELL_DOCKER_IMAGE": image}
        before = {name: os.environ.get(name) for name in given}
        os.environ.update(given)
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


PAR_IMAGE = "pixell/par:latest"
BASE_IMAGE = "pixell/base:latest"
BUILD_DEADLINE_S = 1200


def par_image(daemon: Daemon, programs: Path) -> str:
    """The generic image (images/par) with these programs, built by a daemon without a registry."""
    folder = Path(tempfile.mkdtemp(prefix="px-image-"))
    try:
        say(f"docker: building {PAR_IMAGE}")
        must_run([ROOT / "images/par/rootfs.sh", folder / "base.tar"], timeout_s=BUILD_DEADLINE_S)
        daemon.import_image(BASE_IMAGE, (folder / "base.tar").read_bytes(), [])
        context = [SYSTEM_PYTHON, "-B", "images/par/context.py", folder / "context"]
        must_run([*context, "--programs", programs], timeout_s=BUILD_DEADLINE_S)
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.add(folder / "context", ".")
        query = {"t": PAR_IMAGE, "target": "par", "networkmode": "none", "rm": "1"}
        query["buildargs"] = json.dumps({"BASE_IMAGE": BASE_IMAGE})
        path = "/build?" + urllib.parse.urlencode(query)
        status, body = daemon.request("POST", path, archive.getvalue(), "application/x-tar")
        lines = body.decode(errors="replace").splitlines()
        if status != 200 or any('"errorDetail"' in line for line in lines):
            raise Failure("docker: the generic image does not build:\n" + "\n".join(lines[-10:]))
        return daemon.get(f"/images/{PAR_IMAGE}/json")["Id"]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


FAKE_IMAGE = "pixell-test/fake-par:latest"


def fake_par_image(daemon: Daemon, program: Path) -> str:
    """The scripted par of the engine's tests with the libraries it needs, as an image."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(program, "usr/local/bin/par")
        for library in libraries(program):
            tar.add(library.resolve(), str(library).lstrip("/"))
        for name in ("tmp", "run/pixell", "var/lib/pixell"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)
    changes = ['ENTRYPOINT ["/usr/local/bin/par"]']
    changes.append('HEALTHCHECK CMD ["/usr/local/bin/par", "healthcheck"]')
    return daemon.import_image(FAKE_IMAGE, archive.getvalue(), changes)


def libraries(program: Path) -> list[Path]:
    """The shared libraries of a program and its loader."""
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True)
    found = []
    for line in done.stdout.splitlines():
        for word in line.split():
            if word.startswith("/"):
                found.append(Path(word))
    return found

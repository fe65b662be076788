"""The image of `par` as scripts/deploy_par.sh builds it, once for each content, and containers of it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from devtool.docker import Daemon
from devtool.pac import Reply, free_port, request, wait_until
from devtool.paths import DEV_DIR, ROOT, build_dir

BUILD_DEADLINE_S = 1500
COPY_DEADLINE_S = 300
READY_DEADLINE_S = 60
# The time of every file in it.
EPOCH = "1700000000"
INPUTS = ("images", "scripts/deploy_par.sh", "workers/python/pixell_worker", "workers/node/src")
LOCKS = ("workers/python/base_requirements.lock", "workers/python/base_requirements.in")
USER = "10001"


class Image:
    """A built image as skopeo keeps it in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        self.digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
        blob = self.manifest["config"]["digest"].removeprefix("sha256:")
        self.document = json.loads((folder / blob).read_text(encoding="utf-8"))
        self.config: dict[str, Any] = self.document["config"]

    def compressed_bytes(self) -> int:
        """What a registry keeps and a host fetches."""
        return sum(layer["size"] for layer in self.manifest["layers"])

    def files(self) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
        """Every entry of every layer, with the content of regular files."""
        for layer in self.manifest["layers"]:
            with tarfile.open(self.folder / layer["digest"].removeprefix("sha256:")) as archive:
                for entry in archive:
                    file = archive.extractfile(entry) if entry.isreg() else None
                    yield entry, file.read() if file else b""

    def read(self, path: str) -> bytes:
        """The content of a file: that of the last layer that has it."""
        found = [content for entry, content in self.files() if entry.name.lstrip("./") == path]
        assert found, f"{path} is not in the image"
        return found[-1]

    def load(self, daemon: Daemon, name: str) -> str:
        """Gives it to a Docker daemon under that name."""
        host = ["--dest-daemon-host", f"unix://{daemon.socket}"]
        command = ["skopeo", "copy", "-q", *host, f"dir:{self.folder}", f"docker-daemon:{name}"]
        subprocess.run(command, check=True, timeout=COPY_DEADLINE_S)
        return name


def programs() -> Path:
    """The folder of the programs that go in."""
    given = os.environ.get("PIXELL_BIN_DIR") or os.environ.get("PIXELL_BIN")
    return Path(given).resolve() if given else build_dir("release") / "bin"


def built_image(target: str = "par") -> Image:
    """`par` or `par-node`: what was built of the same content before, or built now."""
    digest = hashlib.sha256(commit().encode())
    places = [ROOT / name for name in (*INPUTS, *LOCKS)]
    places += [programs() / name for name in ("par", "par-prepare", "par-package", "par-telemetry")]
    for place in places:
        for path in sorted([place, *place.rglob("*")]):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path.name}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    kept = DEV_DIR / "image" / "built"
    place = kept / digest.hexdigest()
    if not (place / "par-node").is_dir():
        shutil.rmtree(kept, ignore_errors=True)
        place.mkdir(parents=True)
        build(place, "--with-node")
    return Image(place / target)


def build(place: Path, *arguments: str) -> None:
    """Runs the script without a daemon, in storage of its own; the images go to <place>/<target>."""
    with tempfile.TemporaryDirectory(prefix="px-storage-") as name:
        storage = Path(name)
        settings = storage / "storage.conf"
        settings.write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{name}/images"\nrunroot = "{name}/run"\n',
            encoding="ascii",
        )
        env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        env |= {
            "CONTAINERS_STORAGE_CONF": str(settings),
            "CONTAINER_TOOL": "buildah",
            "BASE_IMAGE": "rootfs",
            "IMAGE_TAG": "test",
            "SOURCE_DATE_EPOCH": EPOCH,
            "PIXELL_BIN_DIR": str(programs()),
        }
        script = [str(ROOT / "scripts" / "deploy_par.sh"), "--build-only", *arguments]
        done = subprocess.run(
            script, env=env, capture_output=True, text=True, timeout=BUILD_DEADLINE_S, check=False
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        for line in done.stdout.splitlines():
            if line.startswith("Image: "):
                reference = line.removeprefix("Image: ")
                to = place / ("par-node" if reference.endswith("-node") else "par")
                push = ["buildah", "push", "--quiet", reference, f"dir:{to}.partial"]
                subprocess.run(push, env=env, check=True, timeout=COPY_DEADLINE_S)
                to.with_name(to.name + ".partial").rename(to)


def commit() -> str:
    """The commit that the image's labels name."""
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class Container:
    """A container of the image as an operator would run it: everything that can be is taken away."""

    def __init__(self, daemon: Daemon, image: str, env: Mapping[str, str], *options: str) -> None:
        self._docker = ["docker", "--host", f"unix://{daemon.socket}"]
        self._daemon = daemon
        self.rest, self.grpc = free_port(), free_port()
        given = {
            "AGENT_APP_ID": "first",
            "LISTEN_ADDR": "127.0.0.1",
            "REST_PORT": str(self.rest),
            "A2A_PORT": str(self.grpc),
            **env,
        }
        command = ["run", "--detach", "--network", "host", "--read-only", "--cap-drop", "ALL"]
        command += ["--security-opt", "no-new-privileges", "--memory", "512m"]
        command += ["--health-interval", "1s", "--health-start-period", "0s"]
        for name, value in given.items():
            command += ["--env", f"{name}={value}"]
        arguments = list(options)
        rest = arguments[arguments.index("--") + 1 :] if "--" in arguments else []
        before = arguments[: arguments.index("--")] if "--" in arguments else arguments
        self.id = self.docker(*command, *before, image, *rest).strip()

    def docker(self, *arguments: str) -> str:
        """One docker command; its output."""
        done = subprocess.run(
            [*self._docker, *arguments],
            capture_output=True,
            text=True,
            timeout=COPY_DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def execute(self, *command: str) -> str:
        """A program inside; its output."""
        return self.docker("exec", self.id, *command)

    def logs(self) -> str:
        """What par printed."""
        return self.docker("logs", self.id)

    def state(self) -> dict[str, Any]:
        """What the daemon knows of it."""
        return self._daemon.inspect(self.id)["State"]

    def get(self, path: str, method: str = "GET", timeout_s: float = 30) -> Reply:
        """One request to its REST port."""
        return request(f"http://127.0.0.1:{self.rest}", method, path, timeout_s=timeout_s)

    def wait_ready(self) -> Container:
        """Until /health is 200."""

        def is_ready() -> bool:
            assert self.state()["Running"], self.logs()
            try:
                return self.get("/health").status == 200
            except OSError:
                return False

        wait_until("the container is ready", is_ready, READY_DEADLINE_S)
        return self

    def stop(self, grace_s: int = 30) -> int:
        """SIGTERM, and SIGKILL after the grace; its exit code."""
        self.docker("stop", "--time", str(grace_s), self.id)
        return self.state()["ExitCode"]

    def remove(self) -> None:
        """Ends it, with its volumes."""
        self.docker("rm", "--force", "--volumes", self.id)


@contextmanager
def container(
    daemon: Daemon, image: str, env: Mapping[str, str], *options: str
) -> Iterator[Container]:
    """A container until the end of the block. What follows `--` in `options` are its arguments."""
    running = Container(daemon, image, env, *options)
    try:
        yield running
    finally:
        running.remove()

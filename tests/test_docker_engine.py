"""Agents as containers of a Docker daemon: what they may do, and what happens when things break.

The daemon is the tests' own (or PIXELL_DOCKER_SOCKET's), the image is images/par with the programs
under test (or PAC_DOCKER_IMAGE).
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from devtool import docker
from devtool.check_surfaces import CHECKS as SURFACES
from devtool.pac import Pac, free_port, wait_until
from devtool.paths import program
from devtool.up import example_package

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 and "PIXELL_DOCKER_SOCKET" not in os.environ, reason="dockerd needs root"
)

APP = "hello"
EMPTY = "pixell-test/empty:latest"


@pytest.fixture(scope="module")
def daemon() -> Iterator[docker.Daemon]:
    with docker.given_or_own(Path(tempfile.mkdtemp(prefix="px-docker-"))) as running:
        yield running


@pytest.fixture(scope="module")
def image(daemon: docker.Daemon) -> str:
    return os.environ.get("PAC_DOCKER_IMAGE") or docker.par_image(daemon, program("par").parent)


def platform(folder: Path, daemon: docker.Daemon | Path, image: str, *more: str) -> Pac:
    """A platform on a daemon or on a socket."""
    path = daemon if isinstance(daemon, Path) else daemon.socket
    arguments = ["--docker-socket", str(path), "--docker-image", image, *more]
    return Pac(folder / "state", free_port(), home=folder, engine="docker", arguments=arguments)


@pytest.fixture(scope="module")
def pac(scratch: Path, daemon: docker.Daemon, image: str) -> Iterator[Pac]:
    running = platform(scratch / "docker", daemon, image)
    running.start()
    try:
        deployment = running.deploy_and_wait(
            APP, example_package(running.inbox), timeout_s=330, environment={"API_KEY": "s3cret"}
        )
        assert deployment["status"] == "completed", deployment
        yield running
    finally:
        running.stop()
        running.kill_all()


def container_of(daemon: docker.Daemon, pac: Pac, app: str = APP) -> dict:
    """The container of the app's one live instance."""
    (instance,) = pac.live_instances(app)
    return daemon.inspect(f"pixell-{instance}")


def cause_of(pac: Pac, app: str, package: Path, **more: object) -> dict:
    """Why a deployment failed."""
    deployment = pac.wait_deployment(pac.deploy(app, package, **more), timeout_s=120)
    assert deployment["status"] == "failed", deployment
    return deployment["failure"]


@pytest.mark.parametrize(("what", "check"), SURFACES, ids=[what for what, _ in SURFACES])
def test_every_surface_answers(pac: Pac, what: str, check) -> None:
    check(pac, APP)


def test_the_container_may_do_as_little_as_possible(daemon: docker.Daemon, pac: Pac) -> None:
    found = container_of(daemon, pac)
    host = found["HostConfig"]

    assert host["Memory"] == host["MemorySwap"] == 512 * 1024 * 1024
    assert host["CpuShares"] == 256
    assert host["PidsLimit"] == 256 + 64
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert not any("seccomp" in option for option in host["SecurityOpt"])  # the default profile
    assert found["Config"]["User"] == "10001:10001"
    assert list(found["NetworkSettings"]["Networks"])[0].endswith(f"-{APP}")
    assert not host["PortBindings"]
    status = Path(f"/proc/{found['State']['Pid']}/status").read_text(encoding="utf-8")
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    assert "CapBnd:\t0000000000000000" in status


def test_values_are_not_seen_from_outside(daemon: docker.Daemon, pac: Pac) -> None:
    assert "s3cret" not in json.dumps(container_of(daemon, pac))


def test_a_killed_container_is_replaced_and_its_cause_is_told(
    daemon: docker.Daemon, pac: Pac
) -> None:
    (before,) = pac.live_instances(APP)

    daemon.request("POST", f"/containers/pixell-{before}/kill?signal=SIGKILL")

    def is_replaced() -> bool:
        return before not in pac.live_instances(APP) and answers(pac)

    wait_until("another instance answers", is_replaced, 60)


def test_killing_pac_leaves_the_container_alone(daemon: docker.Daemon, pac: Pac) -> None:
    before = container_of(daemon, pac)

    pac.crash()
    assert daemon.inspect(before["Id"])["State"]["Status"] == "running"
    pac.start()

    wait_until("the agent answers", lambda: answers(pac), 30)
    after = container_of(daemon, pac)
    assert after["Id"] == before["Id"]
    assert after["State"]["StartedAt"] == before["State"]["StartedAt"]


@pytest.mark.skipif("PIXELL_DOCKER_SOCKET" in os.environ, reason="that daemon is not ours")
@pytest.mark.parametrize("signal_", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_of_the_daemon_is_survived(
    daemon: docker.Daemon, pac: Pac, signal_: signal.Signals
) -> None:
    before = container_of(daemon, pac)

    if signal_ == signal.SIGKILL:
        daemon.kill()
    else:
        daemon.stop()
    assert answers(pac), "the agent does not need the daemon"
    daemon.start()

    def is_seen() -> bool:
        return bool(pac.live_instances(APP))

    wait_until("control sees the instance", is_seen, 30)
    assert container_of(daemon, pac)["Id"] == before["Id"]
    assert answers(pac)


def test_logs_are_read_from_the_container(pac: Pac) -> None:
    (instance,) = pac.live_instances(APP)
    reply = pac.get(f"/v1/instances/{instance}/logs")

    assert reply.status == 200, reply.text
    assert "agentAppId" in reply.text


def test_what_an_instance_uses_is_what_docker_counts(daemon: docker.Daemon, pac: Pac) -> None:
    (instance,) = pac.live_instances(APP)
    usage = pac.get(f"/v1/instances/{instance}/usage").json()["usage"]
    counted = daemon.get(f"/containers/{container_of(daemon, pac)['Id']}/stats?stream=false")

    assert 1 << 20 < usage["memory_bytes"] <= counted["memory_stats"]["limit"]
    assert 0 < usage["cpu_seconds"] <= counted["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9
    assert usage["threads"] >= 2


def answers(pac: Pac) -> bool:
    """Whether the agent does."""
    try:
        return pac.get(f"/agents/{APP}/api/hello", timeout_s=5).status == 200
    except OSError:
        return False


# ----------------------------------------------------------------------- what cannot be started


def image_archive(name: str, architecture: str) -> bytes:
    """An image with nothing in it, as `docker save` writes one."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for folder in ("tmp", "run", "var"):
            entry = tarfile.TarInfo(folder)
            entry.type = tarfile.DIRTYPE
            tar.addfile(entry)
    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Entrypoint": ["/nothing"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    files = {
        "layer.tar": layer.getvalue(),
        "config.json": json.dumps(config).encode(),
        "manifest.json": json.dumps(manifest).encode(),
    }
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def load_empty(daemon: docker.Daemon, architecture: str = "amd64") -> str:
    """Gives the daemon an image with nothing in it; returns its name."""
    name = EMPTY.replace("empty", f"empty-{architecture}")
    archive = image_archive(name, architecture)
    status, body = daemon.request("POST", "/images/load", archive, "application/x-tar")
    assert status == 200, body
    return name


def test_a_missing_image_is_told(tmp_path: Path, scratch: Path, daemon: docker.Daemon) -> None:
    with platform(scratch / "d-image", daemon, "pixell-test/none:1") as pac:
        error = cause_of(pac, "app", example_package(pac.inbox))

    assert error["cause"] == "image_not_found"
    assert "pixell-test/none:1" in error["message"]


def test_an_image_for_another_processor_is_told(scratch: Path, daemon: docker.Daemon) -> None:
    with platform(scratch / "d-arch", daemon, load_empty(daemon, "arm64")) as pac:
        error = cause_of(pac, "app", example_package(pac.inbox))

    assert error["cause"] == "wrong_architecture"
    assert "arm64" in error["message"]


def test_a_taken_port_is_told(scratch: Path, daemon: docker.Daemon) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        arguments = ("--docker-publish", place)
        with platform(scratch / "d-port", daemon, load_empty(daemon), *arguments) as pac:
            error = cause_of(pac, "app", example_package(pac.inbox))

    assert error["cause"] == "port_not_bound"
    assert "--docker-publish" in error["remedy"]


def test_a_missing_daemon_is_told_and_nothing_else_fails(scratch: Path) -> None:
    with platform(scratch / "d-away", scratch / "none.sock", EMPTY) as pac:
        error = cause_of(pac, "app", example_package(pac.inbox), deadlineSeconds=10)
        assert pac.get("/healthz").status == 200

    assert error["cause"] == "engine_unavailable"
    assert "--docker-socket" in error["message"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk_is_told(scratch: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="px-docker-"))
    small = folder / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", small], check=True)
    try:
        with docker.Daemon(folder / "d", arguments=("--data-root", str(small))) as full:
            image = load_empty(full)
            fill(small / "filler")
            with platform(scratch / "d-full", full, image) as pac:
                error = cause_of(pac, "app", example_package(pac.inbox))
    finally:
        docker.unmount_below(folder)
        shutil.rmtree(folder, ignore_errors=True)

    assert error["cause"] == "disk_full"
    assert "Docker Root Dir" in error["remedy"]


def fill(path: Path) -> None:
    """Writes until there is no space left."""
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(64 * 1024))
        except OSError:
            pass
    with open(path.with_suffix(".rest"), "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 512)
        except OSError:
            pass

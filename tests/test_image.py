"""The generic image: small, equal when built twice, and an agent runs in it with nothing to spare (root).

It is built by scripts/deploy_par.sh without a daemon or an image registry, once for each content.
"""

from __future__ import annotations

import concurrent.futures
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtool.docker import Daemon
from devtool.pac import wait_until
from pixell_testing import images
from pixell_testing.images import USER, Container, Image, built_image, container
from pixell_testing.namespaces import call_grpc
from pixell_testing.package_host import PackageHost, package
from pixell_testing.packages import build, from_files, three_surfaces

ROOT = Path(__file__).parents[1]
MB = 1_000_000
PAR_LIMIT_MB, PAR_NODE_LIMIT_MB = 90, 135
SPDX_TOOLS = "spdx-tools==0.8.5"
UNCHECKED_HASH = 1  # the flags of a .pyc that holds whatever its source's time (PEP 552)

AGENT = """
import os
import pathlib
import signal
import subprocess
import time


def mount(app):
    @app.get("/api/self")
    def about_itself():
        status = pathlib.Path("/proc/self/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        one = pathlib.Path("/proc/1/cmdline").read_bytes().split(bytes(1))
        return {
            "uid": os.getuid(),
            "capabilities": [fields[name].strip() for name in ("CapEff", "CapPrm", "CapBnd")],
            "has_no_new_privileges": fields["NoNewPrivs"].strip() == "1",
            "first": [each.decode() for each in one if each],
        }

    @app.get("/api/write")
    def write(path: str):
        try:
            pathlib.Path(path).write_text("x")
        except OSError as error:
            return {"error": error.strerror}
        return {"error": ""}

    @app.post("/api/orphan")
    def orphan():
        done = subprocess.run(
            ["/bin/sh", "-c", "sleep 600 >/dev/null 2>&1 & echo $!"], capture_output=True, text=True
        )
        return {"pid": int(done.stdout)}

    @app.post("/api/end/{pid}")
    def end(pid: int):
        os.kill(pid, signal.SIGKILL)
        return {}

    @app.get("/api/states")
    def states():
        found = {}
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                found[entry.name] = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
        return found

    @app.get("/api/slow")
    def slow():
        time.sleep(3)
        return {"done": True}


def create_service():
    return {"custom_handlers": {"greet": lambda parameters: "hello"}}
"""
FILES = three_surfaces("first", AGENT)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="builds images, which needs root")


@pytest.fixture(scope="module")
def par_image() -> Image:
    return built_image("par")


@pytest.fixture(scope="module")
def node_image() -> Image:
    return built_image("par-node")


@pytest.fixture(scope="module")
def daemon(scratch: Path) -> Iterator[Daemon]:
    with Daemon(scratch / "docker") as started:
        yield started


@pytest.fixture(scope="module")
def par_name(daemon: Daemon, par_image: Image) -> str:
    return par_image.load(daemon, "par:test")


@pytest.fixture(scope="module")
def package_mount(scratch: Path) -> list[str]:
    """Options that put the package into a container, and the variable that names it."""
    path = scratch / "first.apkg"
    path.write_bytes(from_files(FILES))
    path.chmod(0o644)
    scratch.chmod(0o755)
    mount = f"{path}:/package/agent.apkg:ro"
    return ["--volume", mount, "--env", "AGENT_PACKAGE_PATH=/package/agent.apkg"]


@pytest.fixture(scope="module")
def running(daemon: Daemon, par_name: str, package_mount: list[str]) -> Iterator[Container]:
    """The container that tests share which do not end it."""
    with container(daemon, par_name, {}, *package_mount) as started:
        yield started.wait_ready()


# ----------------------------------------------------------------------------- what is in it


def test_both_images_are_small(par_image: Image, node_image: Image) -> None:
    assert par_image.compressed_bytes() <= PAR_LIMIT_MB * MB
    assert node_image.compressed_bytes() <= PAR_NODE_LIMIT_MB * MB
    # A host that has one fetches only Node.js for the other.
    par_layers = [layer["digest"] for layer in par_image.manifest["layers"]]
    assert [layer["digest"] for layer in node_image.manifest["layers"]][:-2] == par_layers


def test_two_builds_are_the_same_image(par_image: Image, tmp_path: Path) -> None:
    images.build(tmp_path)

    assert Image(tmp_path / "par").digest == par_image.digest


def test_the_configuration_is_the_contracts(par_image: Image, node_image: Image) -> None:
    for image in (par_image, node_image):
        config = image.config
        assert config["Entrypoint"] == ["par"]
        assert not config.get("Cmd")
        assert config["User"] == f"{USER}:{USER}"
        assert set(config["ExposedPorts"]) == {"8080/tcp", "50051/tcp", "3000/tcp"}
        assert set(config["Volumes"]) == {"/tmp", "/var/lib/pixell"}
        assert config["Healthcheck"]["Test"] == ["CMD", "par", "healthcheck"]
        assert config["Labels"]["org.opencontainers.image.revision"] == images.commit()
        assert config["Labels"]["org.opencontainers.image.version"] != "unknown"
        names = {line.partition("=")[0] for line in config["Env"]}
        assert names == {"PATH", "LANG", "HOME", "ENV_STORE_DIR", "INSTANCE_DIR"}
        assert (image.document["architecture"], image.document["os"]) == ("amd64", "linux")


def test_nothing_of_the_build_and_nothing_dangerous_is_left(par_image: Image) -> None:
    for entry, content in par_image.files():
        name = "/" + entry.name.lstrip("./")
        assert not entry.mode & 0o6000 or entry.isdir(), f"{name} changes the user"
        assert not name.startswith(("/build", "/wheels", "/sbom", "/root/", "/var/lib/apt")), name
        assert not name.endswith((".whl", "pip.conf", ".npmrc", ".netrc", ".apkg")), name
        owner = int(USER) if name.startswith("/var/lib/pixell") else 0
        assert entry.uid == owner or not name.startswith(("/opt", "/var/lib/pixell")), name
        if name.endswith(".pyc"):
            assert int.from_bytes(content[4:8], "little") == UNCHECKED_HASH, name


def test_the_bill_of_materials_is_valid_and_complete(
    par_image: Image, node_image: Image, tmp_path: Path
) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True, timeout=120)
    install = [venv / "bin" / "pip", "install", "--quiet", SPDX_TOOLS]
    subprocess.run(install, check=True, timeout=300)
    names = {}
    for key, image in (("par", par_image), ("par-node", node_image)):
        file = tmp_path / f"{key}.spdx.json"
        file.write_bytes(image.read("usr/share/pixell/sbom.spdx.json"))
        check = [venv / "bin" / "pyspdxtools", "--infile", file]
        done = subprocess.run(check, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        packages = json.loads(file.read_text(encoding="utf-8"))["packages"]
        names[key] = {
            each["externalRefs"][0]["referenceLocator"].partition("?")[0] for each in packages
        }

    status = par_image.read("var/lib/dpkg/status").decode()
    paragraphs = [each for each in status.split("\n\n") if "\nStatus: install ok installed\n" in each]
    installed = [re.search(r"^Package: (\S+)$", each, re.MULTILINE).group(1) for each in paragraphs]
    assert "libc6" in installed
    assert "apt" not in installed
    assert {f"pkg:deb/debian/{name}" for name in installed} == {
        each.partition("@")[0] for each in names["par"] if each.startswith("pkg:deb/")
    }
    lock = (ROOT / "workers" / "python" / "base_requirements.lock").read_text(encoding="ascii")
    pinned = dict(re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", lock, re.MULTILINE))
    found = {each for each in names["par"] if each.startswith("pkg:pypi/")}
    for name in ("fastapi", "grpcio", "boto3", "cryptography", "uvicorn"):
        assert f"pkg:pypi/{name}@{pinned[name]}" in found
    assert any(each.startswith("pkg:pypi/pip@") for each in found)
    more = names["par-node"] - names["par"]
    assert any(each.startswith("pkg:generic/node@20.") for each in more)
    assert any(each.startswith("pkg:npm/npm@") for each in more)


# ------------------------------------------------------------------------------ how it runs


def test_the_three_surfaces_answer_and_nothing_was_installed(running: Container) -> None:
    assert "the page" in running.get("/ui/").text
    address = f"127.0.0.1:{running.grpc}"
    assert call_grpc(address, "Health")["ok"] is True
    greeting = call_grpc(address, "Invoke", {"action": "greet", "request_id": "1"})
    assert greeting["result"] == "hello"
    assert running.get("/api/self").status == 200
    logs = running.logs()
    assert "Reusing existing venv" in logs
    assert "Installing dependencies" not in logs


def test_par_is_the_first_process_without_rights(running: Container) -> None:
    about = running.get("/api/self").json()

    assert about["first"][0] == "par"
    assert about["uid"] == int(USER)
    assert set(about["capabilities"]) == {"0" * 16}
    assert about["has_no_new_privileges"]


def test_only_the_volumes_can_be_written(running: Container) -> None:
    for path in ("/written", "/opt/pixell/written", "/usr/lib/written", "/etc/written"):
        answer = running.get(f"/api/write?path={path}").json()
        assert answer["error"] in ("Read-only file system", "Permission denied"), path
    for path in ("/tmp/written", "/var/lib/pixell/written"):
        assert running.get(f"/api/write?path={path}").json() == {"error": ""}, path


def test_orphans_are_reaped(running: Container) -> None:
    pid = str(running.get("/api/orphan", "POST").json()["pid"])
    assert running.get("/api/states").json()[pid] == "S"

    running.get(f"/api/end/{pid}", "POST")

    wait_until("it is reaped", lambda: pid not in running.get("/api/states").json(), 10)


def test_docker_sees_its_health(running: Container) -> None:
    wait_until("healthy", lambda: running.state()["Health"]["Status"] == "healthy", 30)
    # What task definitions of earlier images run.
    running.execute("curl", "-fsS", f"http://localhost:{running.rest}/health")


def test_every_program_finds_its_libraries(running: Container) -> None:
    check = "for f in /opt/pixell/bin/* /usr/bin/python3.11 /usr/bin/curl $(find / -xdev -name '*.so*' -type f);"
    check += ' do ldd "$f" 2>/dev/null | grep "not found" | sed "s|^|$f: |"; done; true'
    missing = running.execute("sh", "-c", check)

    # Extensions of the base environment bring the rest with them.
    assert missing == ""


def test_sigterm_drains(daemon: Daemon, par_name: str, package_mount: list[str]) -> None:
    with container(daemon, par_name, {}, *package_mount) as started:
        started.wait_ready()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            slow = pool.submit(started.get, "/api/slow")
            wait_until("the request runs", lambda: _is_waiting(slow), 5)
            assert started.stop() == 0
            assert slow.result().json() == {"done": True}
        assert "Runtime shutdown complete" in started.logs()


def _is_waiting(asked: concurrent.futures.Future) -> bool:
    return asked.running() and not asked.done()


@pytest.mark.parametrize("options", [["--entrypoint", "python"], []])
def test_the_start_command_of_earlier_images_works(
    daemon: Daemon, par_name: str, scratch: Path, options: list[str]
) -> None:
    """`python -m pixell_runtime`, as entrypoint or as a command behind ours; from an https host."""
    with PackageHost(scratch / f"host{len(options)}") as host:
        url = host.serve("/agent.apkg", package(from_files(FILES)))
        env = {**host.environment(url), "SSL_CERT_FILE": "/host.pem"}
        mount = ["--volume", f"{host.certificate}:/host.pem:ro"]
        command = ["-m", "pixell_runtime"] if options else ["python", "-m", "pixell_runtime"]
        with container(daemon, par_name, env, *options, *mount, "--", *command) as started:
            started.wait_ready()

            assert started.get("/api/self").json()["first"][0].endswith("par")
            assert started.stop() == 0


def test_without_an_agent_it_says_what_is_missing(daemon: Daemon, par_name: str) -> None:
    with container(daemon, par_name, {"AGENT_APP_ID": "", "AGENT_PACKAGE_PATH": "/x"}) as started:
        wait_until("it ended", lambda: not started.state()["Running"], 30)

        assert started.state()["ExitCode"] == 1
        assert "AGENT_APP_ID environment variable is required" in started.logs()


def test_an_agent_in_node_runs_in_par_node(
    daemon: Daemon, node_image: Image, scratch: Path
) -> None:
    path = scratch / "node.apkg"
    path.write_bytes(build(Path(__file__).parent / "agents" / "node_mount"))
    path.chmod(0o644)
    scratch.chmod(0o755)
    mount = ["--volume", f"{path}:/agent.apkg:ro"]
    name = node_image.load(daemon, "par-node:test")
    with container(daemon, name, {"AGENT_PACKAGE_PATH": "/agent.apkg"}, *mount) as started:
        started.wait_ready()

        assert started.get("/api/greet/par").json()["text"] == "hello par"
        assert started.execute("npm", "--version").startswith("10.")

"""scripts/deploy_par.sh: builds and pushes, with docker and without a daemon, and nothing else (root).

The registry is real and wants the token that `aws` hands out; `aws` records what it is asked. What is
built here is small: the image itself is the matter of test_image.py.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devtool.docker import Daemon
from pixell_testing.image_registry import TOKEN, ImageRegistry

ROOT = Path(__file__).parents[1]
RUN_DEADLINE_S = 240
REPOSITORY = "pixell-agent-runtime"
PUSHED = re.compile(r"^Image: (\S+)/pixell-agent-runtime:([0-9a-f]{7,}-\d{8}-\d{6})$", re.MULTILINE)
SMALL_IMAGE = """\
ARG BASE_IMAGE=debian:bookworm-slim
FROM ${BASE_IMAGE} AS par
ARG REVISION=unknown
LABEL revision="${REVISION}"
COPY bin/par /par
ENTRYPOINT ["/par"]
FROM par AS par-node
LABEL node="yes"
"""
AWS = f"""\
#!/bin/sh
echo "$*" >> "$AWS_RECORD"
case "$1 $2" in
  "ecr get-login-password") printf %s '{TOKEN}' ;;
  *) exit 99 ;;
esac
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="builds images, which needs root")

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def registry(scratch: Path) -> Iterator[ImageRegistry]:
    """Debian's docker-registry behind a token."""
    served = ImageRegistry(scratch / "registry")
    yield served
    served.close()


@pytest.fixture(scope="module")
def project(scratch: Path) -> Path:
    """The parts of the repository that the script uses, with a small Dockerfile."""
    folder = scratch / "deploy-par"
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    (folder / "images" / "par").mkdir(parents=True)
    (folder / "images" / "par" / "Dockerfile").write_text(SMALL_IMAGE, encoding="ascii")
    shutil.copy(ROOT / "images" / "par" / "nameless.py", folder / "images" / "par")
    # In place of images/par/context.py: the same command line.
    (folder / "images" / "par" / "context.py").write_text(
        "import pathlib, shutil, sys\n"
        "out, programs = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[3])\n"
        "(out / 'bin').mkdir(parents=True)\n"
        "shutil.copy(pathlib.Path(__file__).parent / 'Dockerfile', out)\n"
        "shutil.copy(programs / 'par', out / 'bin')\n",
        encoding="ascii",
    )
    shutil.copy(ROOT / "CMakeLists.txt", folder)
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.invalid"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "x"], check=True)
    programs = folder / "programs"
    programs.mkdir()
    (programs / "par").write_text("#!/bin/sh\n", encoding="ascii")
    return folder


@pytest.fixture
def deploy(project: Path, registry: ImageRegistry, tmp_path: Path) -> Run:
    """Runs the script with a recording `aws`, storage of its own and the registry in place of ECR."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "aws").write_text(AWS, encoding="ascii")
    (tools / "aws").chmod(0o755)
    storage = tmp_path / "storage.conf"
    storage.write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{tmp_path}/images"\nrunroot = "{tmp_path}/run"\n',
        encoding="ascii",
    )

    def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        given = {
            "PATH": f"{tools}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(tmp_path),
            "AWS_RECORD": str(tmp_path / "aws.log"),
            "AWS_REGION": "us-east-2",
            "AWS_ACCOUNT_ID": "123456789012",
            "ECR_REPO": REPOSITORY,
            "ECR_REGISTRY": registry.address,
            "CONTAINERS_STORAGE_CONF": str(storage),
            "CONTAINER_TOOL": "buildah",
            "BASE_IMAGE": "scratch",
            "PIXELL_BIN_DIR": str(project / "programs"),
            **env,
        }
        return subprocess.run(
            [str(project / "scripts" / "deploy_par.sh"), *arguments],
            cwd=tmp_path,  # wherever it is called from
            env={name: value for name, value in given.items() if value != "UNSET"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_DEADLINE_S,
            check=False,
        )

    return run


def asked_of_aws(tmp_path: Path) -> list[str]:
    """The commands that `aws` was given."""
    record = tmp_path / "aws.log"
    return record.read_text(encoding="ascii").splitlines() if record.exists() else []


def pulled_digest(registry: ImageRegistry, tag: str, to: Path) -> str:
    """Pulls with skopeo, as ECS would with the token; the digest of what came."""
    reference = f"docker://{registry.address}/{REPOSITORY}:{tag}"
    access = ["--src-tls-verify=false", "--src-creds", f"AWS:{TOKEN}"]
    digest_file = to / "digest"
    subprocess.run(
        ["skopeo", "copy", "-q", "--preserve-digests", *access, "--digestfile", digest_file, reference, f"dir:{to}/image"],
        check=True,
        timeout=RUN_DEADLINE_S,
    )
    return digest_file.read_text(encoding="ascii").strip()


def test_without_a_daemon_it_builds_and_pushes(
    deploy: Run, registry: ImageRegistry, tmp_path: Path
) -> None:
    refused = registry.refused
    done = deploy()

    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("\nDone.")
    (address, tag) = PUSHED.search(done.stdout).groups()
    assert address == registry.address
    assert registry.refused > refused, "the registry asks for the token first"
    _, digest = registry.manifest(REPOSITORY, tag)
    assert pulled_digest(registry, tag, tmp_path) == digest
    assert asked_of_aws(tmp_path) == ["ecr get-login-password --region us-east-2"]
    left = [path for path in tmp_path.rglob("*auth*.json") if TOKEN[:20] in path.read_text()]
    assert not left, "the token does not stay on the disk"
    assert TOKEN not in done.stdout + done.stderr


def test_with_docker_it_builds_and_pushes_both_images(
    deploy: Run, registry: ImageRegistry, scratch: Path, tmp_path: Path
) -> None:
    with Daemon(scratch / "dk") as daemon:
        done = deploy(
            "--with-node",
            CONTAINER_TOOL="UNSET",
            DOCKER_HOST=f"unix://{daemon.socket}",
            DOCKER_BUILDKIT="0",
            IMAGE_TAG="chosen",
            AGENT_APP_ID="ignored",
        )

        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.rstrip().endswith("\nDone.")
        for tag in ("chosen", "chosen-node"):
            _, digest = registry.manifest(REPOSITORY, tag)
            name = f"{registry.address}/{REPOSITORY}:{tag}"
            assert digest in daemon.get(f"/images/{name}/json")["RepoDigests"][0]
            (tmp_path / tag).mkdir()
            assert pulled_digest(registry, tag, tmp_path / tag) == digest
    assert asked_of_aws(tmp_path) == ["ecr get-login-password --region us-east-2"]


def test_build_only_asks_for_nothing_of_aws(deploy: Run, tmp_path: Path) -> None:
    unset = dict.fromkeys(("AWS_REGION", "AWS_ACCOUNT_ID", "ECR_REPO", "ECR_REGISTRY"), "UNSET")
    done = deploy("--build-only", **unset)

    assert done.returncode == 0, done.stderr
    assert re.search(r"^Image: par-local:[0-9a-f]{7,}-\d{8}-\d{6}$", done.stdout, re.MULTILINE)
    assert done.stdout.rstrip().endswith("\nDone.")
    assert asked_of_aws(tmp_path) == []


def test_the_name_is_that_of_ecr(deploy: Run) -> None:
    done = deploy("--build-only", ECR_REGISTRY="UNSET", IMAGE_TAG="v1")

    assert done.returncode == 0, done.stderr
    name = f"123456789012.dkr.ecr.us-east-2.amazonaws.com/{REPOSITORY}:v1"
    assert f"Image: {name}\n" in done.stdout


def test_the_projects_env_file_comes_first(deploy: Run, project: Path) -> None:
    (project / ".env").write_text("IMAGE_TAG=of-the-file\n", encoding="ascii")
    try:
        done = deploy("--build-only", IMAGE_TAG="of-the-caller")
    finally:
        (project / ".env").unlink()

    assert done.returncode == 0, done.stderr
    assert f"{REPOSITORY}:of-the-file\n" in done.stdout


@pytest.mark.parametrize("missing", ["AWS_REGION", "AWS_ACCOUNT_ID", "ECR_REPO"])
def test_what_pushing_needs_is_asked_for_before_the_build(deploy: Run, missing: str) -> None:
    done = deploy(**{missing: "UNSET"})

    assert done.returncode == 1
    assert "must be set to push" in done.stderr
    assert "Building" not in done.stdout


@pytest.mark.parametrize(
    ("flag", "reason"),
    [
        ("--update-only", "PAC's job"),
        ("--push-only", "PAC's job"),
        ("--service=agent-x", "PAC's job"),
        ("--cluster", "PAC's job"),
        ("AGENT_APP_ID=x", "PAC's job"),
        ("--agent-app-id", "PAC's job"),
        ("--pus", "this script's job is to build and push"),
        ("extra", "this script's job is to build and push"),
    ],
)
def test_removed_and_unknown_flags_are_refused_with_one_line(
    deploy: Run, tmp_path: Path, flag: str, reason: str
) -> None:
    done = deploy(flag)

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert flag in done.stderr
    assert reason in done.stderr
    assert done.stdout == ""
    assert asked_of_aws(tmp_path) == []


def test_help_needs_nothing(deploy: Run) -> None:
    done = deploy("--help", PATH="/usr/bin:/bin")

    assert done.returncode == 0
    assert "--build-only" in done.stdout
    assert "AGENT_APP_ID" not in done.stdout


@pytest.mark.parametrize("missing", ["git", "aws", "buildah"])
def test_a_missing_tool_is_named(deploy: Run, tmp_path: Path, missing: str) -> None:
    folder = tmp_path / "few"
    folder.mkdir()
    for name in ("bash", "dirname", "readlink", "sed", "git", "aws", "buildah", "env"):
        if name != missing:
            (folder / name).symlink_to(shutil.which(name) or tmp_path / "tools" / name)
    done = deploy(PATH=str(folder))

    assert done.returncode == 1
    assert done.stderr == f"Error: {missing} is not installed\n"


def test_a_refused_login_ends_it(deploy: Run, registry: ImageRegistry, tmp_path: Path) -> None:
    (tmp_path / "tools" / "aws").write_text("#!/bin/sh\necho wrong\n", encoding="ascii")
    done = deploy(IMAGE_TAG="never")

    assert done.returncode != 0
    assert "Done." not in done.stdout
    assert "Pushing" not in done.stdout

"""The whole way without AWS: a package in moto's S3, the image in a registry, the task definition that
Pixell registers in moto, and a task of it that Docker runs as Fargate would (root)."""

from __future__ import annotations

import concurrent.futures
import hashlib
import json
import os
import subprocess
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devtool.docker import Daemon
from devtool.pac import request, wait_until
from pixell_testing import images
from pixell_testing.clients import Agent
from pixell_testing.ecs import revision
from pixell_testing.ecs_cloud import Cloud, running_cloud
from pixell_testing.fargate import TASK_ROLE, Task, running_task
from pixell_testing.image_registry import TOKEN, ImageRegistry
from pixell_testing.packages import from_files, three_surfaces

APP = "circle"
BASE = f"/agents/{APP}"
BUCKET = "pixell-agent-packages"
KEY = "org/circle/1.0.0/circle.apkg"
REPOSITORY = "pixell-agent-runtime"
WORD = "of-the-deployment"
REST, GRPC = 8080, 50051
COPY_DEADLINE_S = 300
SLOW_S = 2

AGENT = f"""
import os
import time


def mount(app):
    @app.get("/api/environment")
    def environment():
        return dict(os.environ)

    @app.get("/api/slow")
    def slow():
        open("/tmp/began", "w").close()
        time.sleep({SLOW_S})
        return {{"done": True}}

    @app.get("/api/began")
    def began():
        return {{"began": os.path.exists("/tmp/began")}}


def create_service():
    return {{"custom_handlers": {{"greet": lambda parameters: "hello"}}}}
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="runs containers, which needs root")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """An account with the package in S3."""
    with running_cloud(tmp_path_factory.mktemp("moto")) as account:
        account.prepare()
        store = account.moto.client("s3")
        place = {"LocationConstraint": store.meta.region_name}
        store.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
        store.put_object(Bucket=BUCKET, Key=KEY, Body=from_files(three_surfaces(APP, AGENT)))
        yield account


@pytest.fixture(scope="module")
def daemon(scratch: Path) -> Iterator[Daemon]:
    with Daemon(scratch / "circle-docker") as started:
        yield started


@pytest.fixture(scope="module")
def image(scratch: Path, daemon: Daemon) -> Iterator[str]:
    """The image by its digest, in a registry that the daemon has pulled it from."""
    registry = ImageRegistry(scratch / "circle-registry")
    try:
        name = f"{registry.address}/{REPOSITORY}"
        built = images.built_image("par")
        copy = ["skopeo", "copy", "-q", "--dest-tls-verify=false", "--dest-creds", f"AWS:{TOKEN}"]
        subprocess.run(
            [*copy, f"dir:{built.folder}", f"docker://{name}:1"], check=True, timeout=COPY_DEADLINE_S
        )
        _, digest = registry.manifest(REPOSITORY, "1")
        docker = ["docker", "--host", f"unix://{daemon.socket}"]
        login = [*docker, "login", "--username", "AWS", "--password-stdin", registry.address]
        env = {**os.environ, "DOCKER_CONFIG": str(scratch / "circle-config")}
        subprocess.run(login, input=TOKEN.encode(), env=env, check=True, timeout=60)
        by_digest = f"{name}@{digest}"
        subprocess.run([*docker, "pull", "-q", by_digest], env=env, check=True, timeout=300)
        yield by_digest
    finally:
        registry.close()


@pytest.fixture(scope="module")
def definition(cloud: Cloud, image: str) -> dict[str, Any]:
    """What Pixell registered for a deployment, read back by boto3."""
    package = cloud.moto.client("s3").get_object(Bucket=BUCKET, Key=KEY)["Body"].read()
    place = cloud.placed(
        spec=revision(
            app_id=APP,
            package_url=f"s3://{BUCKET}/{KEY}",
            package_sha256=hashlib.sha256(package).hexdigest(),
            environment={"WORD": WORD, "AWS_ACCESS_KEY_ID": "AKIAOFTHEAGENT"},
        ),
        settings={**cloud.settings, "PAC_ECS_IMAGE": image},
    )["place"]
    described = cloud.ecs.describe_task_definition(taskDefinition=place["task_definition"])
    return described["taskDefinition"]


@pytest.fixture(scope="module")
def task(cloud: Cloud, daemon: Daemon, definition: dict[str, Any]) -> Iterator[Task]:
    def secret(reference: str) -> str:
        arn, name, _, version = reference.rsplit(":", 3)
        held = cloud.secrets.get_secret_value(SecretId=arn, VersionId=version)
        return json.loads(held["SecretString"])[name]

    s3 = urllib.parse.urlsplit(cloud.proxy.url)
    with running_task(daemon, definition, secret, (s3.hostname, s3.port)) as started:
        yield started.wait_healthy()


def test_three_surfaces_answer(task: Task) -> None:
    url = f"http://{task.address(REST)}"

    assert request(url, "GET", "/health").status == 200
    assert request(url, "GET", f"{BASE}/api/began").json() == {"began": False}
    assert "<html" in request(url, "GET", f"{BASE}/ui/").text.lower()
    agent = Agent(task.address(GRPC), f"{BASE}/a2a")
    assert agent.invoke("greet")["result"] == "hello"


def test_the_environment_arrives(task: Task, definition: dict[str, Any]) -> None:
    seen = request(f"http://{task.address(REST)}", "GET", f"{BASE}/api/environment").json()

    assert (seen["WORD"], seen["AGENT_APP_ID"], seen["BASE_PATH"]) == (WORD, APP, BASE)
    assert seen["AWS_REGION"] == "us-east-2"
    assert WORD not in json.dumps(definition)


def test_the_package_came_from_s3_with_the_role_of_the_task(task: Task, cloud: Cloud) -> None:
    asked = [headers for method, path, headers in cloud.proxy.asked if path.endswith(KEY)]

    (headers,) = asked
    assert f"Credential={TASK_ROLE['AccessKeyId']}/" in headers["Authorization"]
    assert headers["X-Amz-Security-Token"] == TASK_ROLE["Token"]


def test_it_tried_to_reach_nothing_else(task: Task) -> None:
    assert task.unreachable() == 0


def test_sigterm_drains(task: Task) -> None:
    url = f"http://{task.address(REST)}"
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        slow = pool.submit(request, url, "GET", f"{BASE}/api/slow", timeout_s=30)
        wait_until(
            "the request runs",
            lambda: request(url, "GET", f"{BASE}/api/began").json()["began"],
            20,
        )
        ended = pool.submit(task.stop)

        assert slow.result().json() == {"done": True}
        assert ended.result() == 0

"""The whole way without AWS: packages in moto's S3, the image in a registry, `pac serve --engine ecs`,
its tasks in the model of ECS, and each of them a container that Docker runs as its registered
definition says (root)."""

from __future__ import annotations

import concurrent.futures
import json
import os
import subprocess
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtool.docker import Daemon
from devtool.pac import Pac, free_port, request, wait_until
from pixell_testing import images
from pixell_testing.aws import TroubledProxy
from pixell_testing.clients import agent_of
from pixell_testing.ecs_cloud import CLUSTER, Cloud
from pixell_testing.ecs_lifecycle.client import LifecycleAws, running_lifecycle
from pixell_testing.fargate import TASK_ROLE, Fargate, Task
from pixell_testing.image_registry import TOKEN, ImageRegistry
from pixell_testing.packages import from_files, three_surfaces

APP = "circle"
BASE = f"/agents/{APP}"
BUCKET = "pixell-agent-packages"
REPOSITORY = "pixell-agent-runtime"
WORD = "of-the-deployment"
COPY_DEADLINE_S = 300
PATIENCE_S = 60
SLOW_S = 3

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
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LifecycleAws]:
    with running_lifecycle(tmp_path_factory.mktemp("aws")) as served:
        store = served.client("s3")
        place = {"LocationConstraint": store.meta.region_name}
        store.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
        for version in ("1", "2"):
            files = three_surfaces(APP, f"VERSION = {version}\n{AGENT}")
            store.put_object(Bucket=BUCKET, Key=f"of/others/{version}", Body=from_files(files))
        yield served


@pytest.fixture(scope="module")
def proxy(aws: LifecycleAws) -> Iterator[TroubledProxy]:
    """What the containers reach in the place of S3."""
    served = TroubledProxy(aws.url)
    yield served
    served.close()


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
def fargate(aws: LifecycleAws, daemon: Daemon, proxy: TroubledProxy) -> Iterator[Fargate]:
    s3 = urllib.parse.urlsplit(proxy.url)
    with Fargate(aws, daemon, (s3.hostname, s3.port)) as running:
        running.run(f"agent-{APP}")
        yield running


@pytest.fixture(scope="module")
def pac(scratch: Path, aws: LifecycleAws, image: str, fargate: Fargate) -> Iterator[Pac]:
    """A platform whose agents are tasks of ECS, with the first revision of the app."""
    cloud = Cloud(aws, None, None)
    cloud.furnish()
    env = {
        **aws.environment(),
        **cloud.settings,
        "PAC_ECS_IMAGE": image,
        "AGENT_PACKAGES_BUCKET": BUCKET,
    }
    folder = scratch / "circle"
    running = Pac(folder / "state", free_port(), home=folder, env=env, engine="ecs")
    running.start()
    try:
        deploy(running, "1")
        yield running
    finally:
        running.stop()
        running.kill_all()


def deploy(pac: Pac, version: str) -> None:
    """By the documented request, from S3."""
    environment = {"WORD": WORD, "AWS_ACCESS_KEY_ID": "AKIAOFTHEAGENT"}
    pac.deploy_and_wait(APP, f"s3://{BUCKET}/of/others/{version}", environment=environment)


def only_task(fargate: Fargate) -> Task:
    """The first that was started."""
    return next(iter(fargate.tasks.values()))


def test_three_surfaces_answer_through_the_edge(pac: Pac) -> None:
    assert request(pac.url, "GET", f"{BASE}/api/began").json() == {"began": False}
    assert "the page" in request(pac.url, "GET", f"{BASE}/ui/").text
    assert agent_of(pac, APP).invoke("greet")["result"] == "hello"


def test_the_environment_arrives_and_is_in_no_definition(pac: Pac, aws: LifecycleAws) -> None:
    seen = request(pac.url, "GET", f"{BASE}/api/environment").json()

    assert (seen["WORD"], seen["AGENT_APP_ID"], seen["BASE_PATH"]) == (WORD, APP, BASE)
    assert seen["AWS_REGION"] == "us-east-2"
    ecs = aws.client("ecs")
    (arn,) = ecs.list_task_definitions()["taskDefinitionArns"]
    assert WORD not in json.dumps(ecs.describe_task_definition(taskDefinition=arn), default=str)


def test_a_task_talks_to_s3_alone_with_its_own_role(
    pac: Pac, fargate: Fargate, proxy: TroubledProxy
) -> None:
    (asked,) = proxy.asked  # nobody else uses this way to S3

    method, path, headers = asked
    assert (method, path.startswith(f"/{BUCKET}/")) == ("GET", True)
    assert f"Credential={TASK_ROLE['AccessKeyId']}/" in headers["Authorization"]
    assert headers["X-Amz-Security-Token"] == TASK_ROLE["Token"]
    assert only_task(fargate).unreachable() == 0


def test_the_log_of_the_task_is_read_by_its_instance(pac: Pac) -> None:
    (instance,) = pac.live_instances(APP)

    log = pac.get(f"/v1/instances/{instance}/logs").text

    assert '"event":"Starting three-surface runtime"' in log.splitlines()[0]


def test_a_new_revision_takes_over_and_the_old_one_drains(
    pac: Pac, aws: LifecycleAws, fargate: Fargate
) -> None:
    first = only_task(fargate)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(request, pac.url, "GET", f"{BASE}/api/slow", timeout_s=PATIENCE_S)
        wait_until(
            "the request runs",
            lambda: request(pac.url, "GET", f"{BASE}/api/began").json()["began"],
            PATIENCE_S,
        )
        deploy(pac, "2")

        assert slow.result().json() == {"done": True}
    assert request(pac.url, "GET", f"{BASE}/api/began").json() == {"began": False}
    services = aws.client("ecs").list_services(cluster=CLUSTER)["serviceArns"]
    names = sorted(arn.rpartition("/")[2] for arn in services)
    assert names == [f"agent-{APP}", f"agent-{APP}-b"]
    pac.keep_cold(APP)
    wait_until("the old task has ended", lambda: not first.state()["Running"], PATIENCE_S)
    assert first.state()["ExitCode"] == 0

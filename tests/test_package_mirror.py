"""Packages are also kept in S3 (moto), read back by boto3; a failing S3 costs no deployment anything."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from devtool.pac import Pac, free_port, wait_until
from devtool.shell import Failure
from pixell_testing.aws import Moto, Trouble, TroubledProxy, running_moto, s3_error
from pixell_testing.packages import versioned

from conftest import run_platform

BUCKET = "pixell-agent-packages"
PATIENCE_S = 60


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    with running_moto(tmp_path_factory.mktemp("moto")) as served:
        configuration = {"LocationConstraint": "us-east-2"}
        served.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=configuration)
        yield served


@pytest.fixture(scope="module")
def proxy(moto: Moto) -> Iterator[TroubledProxy]:
    served = TroubledProxy(moto.url)
    yield served
    served.close()


@pytest.fixture(scope="module")
def mirrored(scratch: Path, moto: Moto, proxy: TroubledProxy) -> Iterator[Pac]:
    """A platform that keeps its packages in a bucket as well."""
    env = {**moto.environment(proxy.url), "AGENT_PACKAGES_BUCKET": BUCKET}
    yield from run_platform(scratch / "package-mirror", env)


def digest(package: bytes) -> str:
    return hashlib.sha256(package).hexdigest()


def in_bucket(moto: Moto, app: str, package: bytes, version: str) -> bytes:
    """The object of a package, as soon as it is there."""
    key = f"default/{app}/{version}/{digest(package)}.apkg"
    s3 = moto.client("s3")

    def is_there() -> bool:
        return bool(s3.list_objects_v2(Bucket=BUCKET, Prefix=key).get("Contents"))

    wait_until(f"{key} is in the bucket", is_there, PATIENCE_S)
    return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()


def deploy(pac: Pac, app: str, package: bytes) -> None:
    """Deploys a package by a file."""
    pac.inbox.mkdir(parents=True, exist_ok=True)
    file = pac.inbox / f"{app}.apkg"
    file.write_bytes(package)
    pac.deploy_and_wait(app, file)


def test_a_package_that_is_deployed_or_uploaded_is_kept_in_the_bucket(
    mirrored: Pac, moto: Moto, tmp_path: Path
) -> None:
    deployed, uploaded = versioned("1.0.0"), versioned("2.0.0")
    deploy(mirrored, "by-file", deployed)
    (tmp_path / "uploaded.apkg").write_bytes(uploaded)
    address = f"{mirrored.url}/api/agent-apps/by-upload/packages/deploy"
    curl = ["curl", "-sf", "-F", f"file=@{tmp_path / 'uploaded.apkg'}", address]
    subprocess.run(curl, check=True, capture_output=True, timeout=PATIENCE_S)

    assert in_bucket(moto, "by-file", deployed, "1.0.0") == deployed
    assert in_bucket(moto, "by-upload", uploaded, "2.0.0") == uploaded


def test_what_is_in_the_bucket_is_deployed_from_there(mirrored: Pac, moto: Moto) -> None:
    package = versioned("3.0.0")
    deploy(mirrored, "first", package)
    assert in_bucket(moto, "first", package, "3.0.0") == package

    answer = mirrored.post(
        "/deployments",
        {
            "agentAppId": "second",
            "packageUrl": f"s3://{BUCKET}/default/first/3.0.0/{digest(package)}.apkg",
            "packageSha256": digest(package),
        },
    ).json()

    assert mirrored.wait_deployment(answer["deployment"]["id"])["status"] == "completed"


def test_while_s3_fails_deployments_complete_and_their_packages_are_put_later(
    mirrored: Pac, moto: Moto, proxy: TroubledProxy
) -> None:
    package = versioned("4.0.0")
    asked = len(proxy.asked)
    proxy.judge = lambda _: Trouble(status=503, body=s3_error("ServiceUnavailable"))
    try:
        deploy(mirrored, "while-away", package)
        wait_until("S3 was asked and failed", lambda: len(proxy.asked) > asked, PATIENCE_S)
        assert mirrored.get("/agents/while-away/api/version").json()["version"] == "4.0.0"
        key = f"default/while-away/4.0.0/{digest(package)}.apkg"
        assert not moto.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=key).get("Contents")
    finally:
        proxy.judge = lambda _: None

    assert in_bucket(moto, "while-away", package, "4.0.0") == package


def test_a_package_that_is_gone_from_the_disk_comes_back_verified(
    mirrored: Pac, moto: Moto
) -> None:
    package = versioned("5.0.0")
    deploy(mirrored, "lost", package)
    assert in_bucket(moto, "lost", package, "5.0.0") == package
    file = mirrored.state / "packages" / f"{digest(package)}.apkg"
    assert file.read_bytes() == package
    file.unlink()

    deploy(mirrored, "another", versioned("6.0.0"))

    wait_until("the file is back", file.exists, PATIENCE_S)
    assert file.read_bytes() == package


def test_a_bucket_that_cannot_be_is_told_at_once(tmp_path: Path) -> None:
    env = {"AGENT_PACKAGES_BUCKET": "No_Bucket"}
    refused = Pac(tmp_path / "state", free_port(), engine="fake", env=env)

    with pytest.raises(Failure, match="AGENT_PACKAGES_BUCKET 'No_Bucket' is no bucket"):
        refused.start()
    assert not refused.leftovers()

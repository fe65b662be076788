"""Packages come from S3 by `par-prepare`, through every trouble."""

from __future__ import annotations

import hashlib
import http.server
import json
import random
import threading
from collections.abc import Iterator

import pytest
from pixell_testing.aws import (
    Moto,
    Trouble,
    TroubledProxy,
    running_moto,
    s3_error,
)
from pixell_testing.index import Prepare
from pixell_testing.packages import from_files, versioned

BUCKET = "pixell-agent-packages"


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    with running_moto(tmp_path_factory.mktemp("moto")) as served:
        configuration = {"LocationConstraint": "us-east-2"}
        served.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=configuration)
        yield served


@pytest.fixture
def proxy(moto: Moto) -> Iterator[TroubledProxy]:
    served = TroubledProxy(moto.url)
    yield served
    served.close()


def gets(proxy: TroubledProxy) -> list[dict[str, str]]:
    """The headers of the GETs that came."""
    return [headers for method, _, headers in proxy.asked if method == "GET"]


def large_package() -> bytes:
    """A package of about a megabyte that nothing can compress, with a REST surface."""
    ballast = random.Random(1).randbytes(1 << 20)
    manifest = "name: large\nversion: \"1.0\"\nrest:\n  entry: routes:mount\n"
    routes = "def mount(app):\n    @app.get('/api/hello')\n    def hello():\n        return {}\n"
    return from_files({"agent.yaml": manifest, "routes.py": routes, "ballast.bin": ballast})


def fetch(prepare: Prepare, proxy: TroubledProxy, moto: Moto, key: str, **env: str) -> dict:
    """What par-prepare says in the end of a package that is in S3, behind the proxy."""
    settings = {**moto.environment(proxy.url), **env}
    return prepare.start(None, env=settings, package_url=f"s3://{BUCKET}/{key}").result


def test_a_cut_download_is_taken_up_where_it_broke(
    prepare: Prepare, proxy: TroubledProxy, moto: Moto
) -> None:
    moto.client("s3").put_object(Bucket=BUCKET, Key="large.apkg", Body=large_package())
    proxy.troubles = [Trouble(cut_after=300_000), Trouble(cut_after=200_000)]

    prepared = fetch(prepare, proxy, moto, "large.apkg")

    # What was unpacked is what the digest of all its pieces says.
    assert prepared["package_sha256"] == hashlib.sha256(large_package()).hexdigest()
    first, second, third = gets(proxy)
    assert "Range" not in first
    begin = int(second["Range"].removeprefix("bytes=").removesuffix("-"))
    assert 0 < begin <= 300_000
    assert begin < int(third["Range"].removeprefix("bytes=").removesuffix("-")) <= 500_000
    assert second["If-Match"] == third["If-Match"] != ""


def test_an_object_that_changes_meanwhile_is_not_glued_together(
    prepare: Prepare, proxy: TroubledProxy, moto: Moto
) -> None:
    moto.client("s3").put_object(Bucket=BUCKET, Key="changing.apkg", Body=large_package())
    refused = Trouble(status=412, body=s3_error("PreconditionFailed"))
    proxy.troubles = [Trouble(cut_after=300_000), refused]

    failure = fetch(prepare, proxy, moto, "changing.apkg")["failure"]

    assert "download_failed" in json.dumps(failure)
    assert "replaced while it was fetched" in json.dumps(failure)


@pytest.mark.parametrize(
    ("status", "code", "cause", "remedy"),
    [
        (404, "NoSuchKey", "package_not_found", ""),
        (403, "AccessDenied", "download_failed", "Allow s3:GetObject on arn:aws:s3:::"),
    ],
)
def test_a_refusal_is_not_repeated(
    prepare: Prepare, proxy: TroubledProxy, moto: Moto, status: int, code: str, cause: str, remedy: str
) -> None:
    proxy.troubles = [Trouble(status=status, body=s3_error(code))] * 5

    failure = json.dumps(fetch(prepare, proxy, moto, "none.apkg")["failure"])

    assert cause in failure
    assert remedy in failure
    assert "TESTREQUEST1" in failure
    assert len(gets(proxy)) == 1


def test_throttling_is_waited_out(prepare: Prepare, proxy: TroubledProxy, moto: Moto) -> None:
    moto.client("s3").put_object(Bucket=BUCKET, Key="slow.apkg", Body=versioned("1.0.0"))
    proxy.troubles = [Trouble(status=503, body=s3_error("SlowDown"))] * 2

    assert fetch(prepare, proxy, moto, "slow.apkg")["ok"]

    assert len(gets(proxy)) == 3


def test_a_bucket_of_another_region_is_followed(
    prepare: Prepare, proxy: TroubledProxy, moto: Moto
) -> None:
    moto.client("s3").put_object(Bucket=BUCKET, Key="far.apkg", Body=versioned("1.0.0"))
    elsewhere = Trouble(
        status=301,
        body=s3_error("PermanentRedirect"),
        headers={"x-amz-bucket-region": "us-east-2"},
    )
    proxy.judge = lambda headers: None if "/us-east-2/s3/" in headers["Authorization"] else elsewhere

    assert fetch(prepare, proxy, moto, "far.apkg", AWS_REGION="eu-west-1")["ok"]

    assert len(gets(proxy)) == 2


def test_a_region_that_is_not_named_is_asked_for(
    prepare: Prepare, proxy: TroubledProxy, moto: Moto
) -> None:
    proxy.troubles = [Trouble(status=301, body=s3_error("PermanentRedirect"))]

    failure = json.dumps(fetch(prepare, proxy, moto, "far.apkg")["failure"])

    assert "download_failed" in failure
    assert "Set AWS_REGION to the region of the bucket." in failure


def test_credentials_come_from_the_container(
    prepare: Prepare, proxy: TroubledProxy, moto: Moto
) -> None:
    moto.client("s3").put_object(Bucket=BUCKET, Key="task.apkg", Body=versioned("1.0.0"))
    handed_out = {
        "AccessKeyId": "ASIATASKROLE",
        "SecretAccessKey": "secret",
        "Token": "session-of-the-task",
        "Expiration": "2099-01-01T00:00:00Z",
    }

    class Container(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_known = self.headers.get("Authorization") == "Bearer x"
            body = json.dumps(handed_out).encode() if is_known else b""
            self.send_response(200 if is_known else 403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    container = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Container)
    threading.Thread(target=container.serve_forever, daemon=True).start()
    try:
        prepared = fetch(
            prepare,
            proxy,
            moto,
            "task.apkg",
            AWS_ACCESS_KEY_ID="",
            AWS_SECRET_ACCESS_KEY="",
            AWS_CONTAINER_CREDENTIALS_FULL_URI=f"http://127.0.0.1:{container.server_port}/creds",
            AWS_CONTAINER_AUTHORIZATION_TOKEN="Bearer x",
        )
    finally:
        container.shutdown()
        container.server_close()

    assert prepared["ok"]
    (headers,) = gets(proxy)
    assert "Credential=ASIATASKROLE/" in headers["Authorization"]
    assert headers["X-Amz-Security-Token"] == "session-of-the-task"

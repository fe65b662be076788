"""Packages come from S3: by the operator's documented request, by `par-prepare`, through every trouble."""

from __future__ import annotations

import hashlib
import http.server
import json
import random
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from devtool.pac import Pac
from pixell_testing.aws import (
    SECRET_KEY,
    Moto,
    Trouble,
    TroubledProxy,
    probe,
    running_moto,
    s3_error,
)
from pixell_testing.index import Prepare
from pixell_testing.packages import from_files, versioned

from conftest import run_platform

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


@pytest.fixture(scope="module")
def pac_proxy(moto: Moto) -> Iterator[TroubledProxy]:
    """What `s3_pac` has before its S3."""
    served = TroubledProxy(moto.url)
    yield served
    served.close()


@pytest.fixture(scope="module")
def s3_pac(scratch: Path, moto: Moto, pac_proxy: TroubledProxy) -> Iterator[Pac]:
    """A platform that has AWS in its environment."""
    yield from run_platform(scratch / "aws-s3", moto.environment(pac_proxy.url))


def gets(proxy: TroubledProxy) -> list[dict[str, str]]:
    """The headers of the GETs that came."""
    return [headers for method, _, headers in proxy.asked if method == "GET"]


def large_package() -> bytes:
    """A package of about a megabyte that nothing can compress, with a REST surface."""
    ballast = random.Random(1).randbytes(1 << 20)
    manifest = "name: large\nversion: \"1.0\"\nrest:\n  entry: routes:mount\n"
    routes = "def mount(app):\n    @app.get('/api/hello')\n    def hello():\n        return {}\n"
    return from_files({"agent.yaml": manifest, "routes.py": routes, "ballast.bin": ballast})


# ------------------------------------------------------------------------------ the platform


def test_the_documented_curl_with_an_s3_url_runs_the_agent(s3_pac: Pac, moto: Moto) -> None:
    moto.client("s3").put_object(
        Bucket=BUCKET, Key="python-executor.apkg", Body=versioned("1.0.0")
    )
    # Word for word, but for the address of the API.
    command = f"""curl -X POST {s3_pac.url}/deployments \\
  -H "Content-Type: application/json" \\
  -d '{{
    "agentAppId": "python-executor",
    "packageUrl": "s3://pixell-agent-packages/python-executor.apkg"
  }}'
"""

    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)

    answer = json.loads(done.stdout)
    assert s3_pac.wait_deployment(answer["deployment"]["id"])["status"] == "completed"
    reply = s3_pac.get("/agents/python-executor/api/version")
    assert reply.json()["version"] == "1.0.0"


@pytest.mark.parametrize(
    ("status", "code", "cause", "remedy"),
    [
        (404, "NoSuchKey", "package_not_found", "Check that the path or URL exists"),
        (403, "AccessDenied", "download_failed", f"Allow s3:GetObject on arn:aws:s3:::{BUCKET}/*"),
    ],
)
def test_a_deployment_that_s3_refuses_is_asked_once_and_told(
    s3_pac: Pac, pac_proxy: TroubledProxy, status: int, code: str, cause: str, remedy: str
) -> None:
    url = f"s3://{BUCKET}/refused-{status}.apkg"
    pac_proxy.troubles = [Trouble(status=status, body=s3_error(code))]

    answer = s3_pac.post("/deployments", {"agentAppId": "refused", "packageUrl": url}).json()

    deployment = s3_pac.wait_deployment(answer["deployment"]["id"])
    assert deployment["status"] == "failed"
    told = json.dumps(deployment)
    for part in (cause, url, code, remedy, "TESTREQUEST1"):
        assert part in told
    assert len([path for _, path, _ in pac_proxy.asked if f"refused-{status}" in path]) == 1


# ------------------------------------------------------------------------------------- par-prepare


def fetch(
    prepare: Prepare, proxy: TroubledProxy, moto: Moto, key: str, credentials: str = "", **env: str
) -> dict:
    """What par-prepare says in the end of a package that is in S3, behind the proxy."""
    settings = {**moto.environment(proxy.url), **env}
    url = f"s3://{BUCKET}/{key}"
    return prepare.start(
        None, env=settings, package_url=url, package_credentials=credentials
    ).result


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


@pytest.mark.parametrize(
    ("key", "credentials"),
    [pytest.param("", "", id="none_else"), pytest.param("AKIAOFTHEAGENT", "container", id="said")],
)
def test_credentials_come_from_the_container(
    prepare: Prepare, proxy: TroubledProxy, moto: Moto, key: str, credentials: str
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
            credentials,
            AWS_ACCESS_KEY_ID=key,
            AWS_SECRET_ACCESS_KEY=key,
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


# ------------------------------------------------------------------------------ the client

ODD_KEYS = ("plain", "a b+c=d", "a//b/../c", "é/日本", "100%/~!'()*", "a?b#c&d")


def test_what_is_written_is_read_back_by_boto3_and_the_other_way(moto: Moto) -> None:
    theirs = moto.client("s3")
    theirs.create_bucket(
        Bucket="round-trips", CreateBucketConfiguration={"LocationConstraint": "us-east-2"}
    )
    env = moto.environment()
    written = probe(
        [{"op": "s3.put", "bucket": "round-trips", "key": key, "body": key} for key in ODD_KEYS], env
    )
    assert not [answer for answer in written if "error" in answer]
    for key in ODD_KEYS:
        assert theirs.get_object(Bucket="round-trips", Key=key)["Body"].read().decode() == key

    listed, *got = probe(
        [
            {"op": "s3.list", "bucket": "round-trips"},
            *({"op": "s3.get", "bucket": "round-trips", "key": key} for key in ODD_KEYS),
        ],
        env,
    )
    assert sorted(key for key, _ in listed["keys"]) == sorted(ODD_KEYS)
    assert [answer["body"] for answer in got] == list(ODD_KEYS)

    again, head, gone, missing = probe(
        [
            {"op": "s3.put", "bucket": "round-trips", "key": "plain", "body": "", "must_be_new": True},
            {"op": "s3.head", "bucket": "round-trips", "key": "plain"},
            {"op": "s3.delete", "bucket": "round-trips", "key": "plain"},
            {"op": "s3.get", "bucket": "round-trips", "key": "plain"},
        ],
        env,
    )
    assert (again["code"], again["status"]) == ("failed_precondition", 412)
    assert head["bytes"] == len("plain")
    assert gone == {}
    assert (missing["code"], missing["name"]) == ("not_found", "NoSuchKey")


def test_a_listing_goes_on_after_a_thousand_keys(moto: Moto) -> None:
    theirs = moto.client("s3")
    theirs.create_bucket(
        Bucket="many-keys", CreateBucketConfiguration={"LocationConstraint": "us-east-2"}
    )
    for number in range(1005):
        theirs.put_object(Bucket="many-keys", Key=f"k/{number:04}", Body=b"x")

    (listed,) = probe([{"op": "s3.list", "bucket": "many-keys", "prefix": "k/"}], moto.environment())

    assert len(listed["keys"]) == 1005


def test_moto_accepts_the_signature_of_a_user_and_refuses_a_wrong_one(tmp_path: Path) -> None:
    # After four calls moto wants a key it knows and the right signature.
    with running_moto(tmp_path, {"INITIAL_NO_AUTH_ACTION_COUNT": "4"}) as strict:
        iam = strict.client("iam")
        iam.create_user(UserName="pac")
        allowed = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        iam.put_user_policy(UserName="pac", PolicyName="s3", PolicyDocument=policy)
        key = iam.create_access_key(UserName="pac")["AccessKey"]
        location = {"LocationConstraint": "us-east-2"}
        strict.client("s3").create_bucket(Bucket="signed-only", CreateBucketConfiguration=location)
        env = {
            **strict.environment(),
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        }
        put = {"op": "s3.put", "bucket": "signed-only", "key": "k", "body": "x"}

        (right,) = probe([put], env)
        (wrong,) = probe([put], {**env, "AWS_SECRET_ACCESS_KEY": SECRET_KEY})

    assert right["bytes"] == 1
    assert (wrong["status"], wrong["name"]) == (403, "SignatureDoesNotMatch")
    assert SECRET_KEY not in json.dumps(wrong)

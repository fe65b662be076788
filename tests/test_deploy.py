"""The two requests that deploy, the shapes of their answers, and new versions under load."""

from __future__ import annotations

import datetime
import subprocess
import time

import pytest

from devtool.load import Load
from devtool.pac import Pac, request, wait_until
from pixell_testing.packages import versioned
from pixell_testing.stack import put, upload

STATES = {"queued", "processing", "completed", "failed"}


def test_the_documented_curl_deploys(pac: Pac) -> None:
    package = put(pac, "curl.apkg", versioned("1.0.0"))
    body = f'{{"agentAppId":"python-executor","packageUrl":"{package.as_uri()}"}}'

    # `curl -d` sends a form's content type, or none at all: the body is JSON all the same.
    for header in ([], ["-H", "Content-Type:"], ["-H", "Content-Type: application/json"]):
        command = ["curl", "-sS", "-w", "\n%{http_code}", "-X", "POST", pac.url + "/deployments"]
        output = subprocess.run(
            [*command, *header, "-d", body], check=True, capture_output=True, text=True
        ).stdout
        assert output.endswith("\n202"), output
    wait_until(
        "the agent answers",
        lambda: pac.get("/agents/python-executor/api/version").status == 200,
        120,
    )


def test_an_accepted_deployment_can_be_followed(pac: Pac) -> None:
    body = {
        "agentAppId": "followed",
        "packageUrl": put(pac, "followed.apkg", versioned("2.3.4")).as_uri(),
    }

    accepted = pac.post("/deployments", body)
    answer = accepted.json()
    tracked = request(pac.url, "GET", path_of(answer["tracking"]["status_url"]))
    deployment = pac.wait_deployment(answer["deployment"]["id"])

    assert accepted.status == 202
    assert answer["deployment"]["status"] in STATES
    datetime.datetime.fromisoformat(answer["deployment"]["queued_at"])
    assert tracked.json()["deployment"]["id"] == answer["deployment"]["id"]
    assert deployment["status"] == "completed"
    assert deployment["version"] == "2.3.4"
    assert deployment["agent_app_id"] == "followed"
    assert "error" not in deployment
    for key in ("created_at", "started_at", "completed_at"):
        datetime.datetime.fromisoformat(deployment[key])
    steps = deployment["progress"]["steps"]
    assert isinstance(deployment["progress"]["current_step"], str)
    assert [step["status"] for step in steps] == ["completed"] * len(steps)
    assert pac.get("/agents/followed/api/version").json()["version"] == "2.3.4"


def test_an_upload_answers_as_the_cli_reads_it(pac: Pac) -> None:
    package = versioned("9.9.9")

    reply = upload(
        pac, "uploaded", package, "9.9.9", release_notes="n", environment='{"GIVEN":"by upload"}'
    )
    answer = reply.json()
    pac.wait_deployment(answer["deployment"]["id"])

    assert reply.status == 202
    assert {"id", "status", "queued_at"} <= answer["deployment"].keys()
    assert answer["package"]["id"]
    assert answer["package"]["version"] == "9.9.9"
    assert answer["package"]["size_bytes"] == len(package)
    assert answer["tracking"]["status_url"].startswith("http")
    assert pac.get("/agents/uploaded/api/environment/GIVEN").json() == {"value": "by upload"}


def test_the_same_version_conflicts_unless_forced(pac: Pac) -> None:
    first = upload(pac, "conflict", versioned("1.0.0"), "1.0.0")
    pac.wait_deployment(first.json()["deployment"]["id"])

    again = upload(pac, "conflict", versioned("1.0.0"), "1.0.0")
    forced = upload(pac, "conflict", versioned("1.0.0"), "1.0.0", force_overwrite="true")

    assert (first.status, again.status, forced.status) == (202, 409, 202)
    assert again.json()["error"]
    assert pac.wait_deployment(forced.json()["deployment"]["id"])["status"] == "completed"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "JSON object"),
        ("[]", "JSON object"),
        ('{"agentAppId": ', "JSON object"),
        ("{}", "agentAppId"),
        ('{"agentAppId":"a"}', "packageUrl"),
        ('{"agentAppId":7,"packageUrl":"https://h.example/x"}', "agentAppId"),
        ('{"agentAppId":"-a/b","packageUrl":"https://h.example/x"}', "agentAppId"),
        ('{"agentAppId":"a","packageUrl":"ftp://h.example/x"}', "packageUrl"),
        ('{"agentAppId":"a","packageUrl":"http://h.example/x"}', "packageUrl"),
        ('{"agentAppId":"a","packageUrl":"file:///etc/passwd"}', "packageUrl"),
        ('{"agentAppId":"a","packageUrl":"s3://Bucket/key.apkg"}', "S3 allows"),
        ('{"agentAppId":"a","packageUrl":"https://h.example/x","packageSha256":"1"}', "packageSha"),
        ('{"agentAppId":"a","packageUrl":"https://h.example/x","environment":[1]}', "environment"),
        ('{"agentAppId":"a","packageUrl":"https://h.example/x","memoryMB":"a lot"}', "memoryMB"),
    ],
)
def test_a_malformed_request_is_explained(pac: Pac, body: str, words: str) -> None:
    reply = pac.post("/deployments", body)

    answer = reply.json()
    assert reply.status == 400
    assert answer["error"]
    assert isinstance(answer["details"], list)
    assert any(words in text for text in answer["details"]), answer


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/agent-apps/a/packages/deploy", b"no form at all"),
        ("/api/agent-apps/-bad-/packages/deploy", b""),
    ],
)
def test_a_malformed_upload_is_explained(pac: Pac, path: str, body: bytes) -> None:
    reply = pac.post(path, body)

    assert reply.status == 400
    assert reply.json()["error"]
    assert reply.json()["details"]


@pytest.mark.parametrize("host", ["127.0.0.1:9", "localhost:9", "169.254.169.254", "[::1]:9"])
def test_a_package_from_a_private_host_is_refused(pac: Pac, host: str) -> None:
    reply = pac.post(
        "/deployments", {"agentAppId": "private", "packageUrl": f"https://{host}/x.apkg"}
    )
    if reply.status == 202:
        # A name may turn out to be private only when it is looked up.
        failure = pac.wait_deployment(reply.json()["deployment"]["id"])["failure"]
        assert failure["cause"] in ("download_failed", "config_invalid")
        assert "private" in str(failure) or "refused" in str(failure)
    else:
        assert reply.status == 400
        assert reply.json()["details"]


def test_what_is_not_there_is_404_in_json(pac: Pac) -> None:
    for path in ("/api/deployments/none", "/v1/apps/none", "/agents/none/api/x", "/v1/none"):
        reply = pac.get(path)
        assert reply.status == 404, path
        assert "json" in reply.headers["content-type"]
        assert reply.json()


def test_queue_stats_have_the_documented_shape(pac: Pac) -> None:
    stats = pac.get("/api/deployments/queue/stats").json()

    assert {"queued", "processing", "completed", "failed", "total"} <= stats["stats"].keys()
    assert stats["health"]["status"] in ("healthy", "warning", "critical")
    assert {"avgProcessingTimeSeconds", "lastUpdated"} <= stats["metrics"].keys()


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Host": "evil.example"}],
    ids=["origin", "host"],
)
def test_a_page_of_a_stranger_cannot_use_the_api(pac: Pac, headers: dict[str, str]) -> None:
    reply = pac.get("/v1/apps/anything", headers=headers)

    assert reply.status == 403


def test_versions_in_a_row_under_load_lose_no_request(pac: Pac) -> None:
    app = "rolled"
    pac.deploy_and_wait(app, put(pac, "v1.apkg", versioned("1")))
    pac.keep_cold(app)
    first = pac.live_instances(app)
    # Half of the clients ask for slow answers: these are under way at each switch.
    paths = [f"/agents/{app}/api/version?delay_ms={delay}" for delay in (0, 0, 150, 400)]

    with Load(pac, paths) as load:
        wait_until("the load runs", lambda: len(load.answers) > 20, 20)
        for version in ("2", "3"):
            package = put(pac, f"v{version}.apkg", versioned(version))
            pac.deploy_and_wait(app, package)
        wait_until("3 answers", lambda: load.answers[-1]["version"] == "3", 20)
        time.sleep(1)  # requests go on while the old instance drains

    assert load.failures == []
    assert {answer["version"] for answer in load.answers} == {"1", "2", "3"}
    wait_until("one instance is left", lambda: len(pac.live_instances(app)) == 1, 60)
    assert not first.keys() & pac.live_instances(app).keys()


def path_of(url: str) -> str:
    """The path of a URL."""
    return "/" + url.split("://", 1)[1].split("/", 1)[1]

"""Whatever is wrong has a typed cause, evidence and a remedy; what served before keeps serving."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from broken_packages import BY_NAME, Broken
from broken_packages.python_agents import MISSING_MODULE
from devtool.pac import Pac
from pixell_testing.packages import from_files, versioned
from pixell_testing.stack import Par, last_log_line, put, upload

APP = "bad-input"
EXIT_CODES = {"config_invalid": 1, "package_not_found": 10, "download_failed": 10}
#: One of each kind; tests/test_broken_packages.py has them all.
BROKEN = [
    BY_NAME[name]
    for name in (
        "not a zip",
        "zip slip",
        "no manifest",
        "missing module",
        "missing handler",
        "error at start",
        "missing dependency",
        "worker exits",
    )
]
StartPar = Callable[..., Par]


def expect_boot_failure(par: Par, cause: str) -> dict:
    """The last log line, which explains a boot that failed with this cause."""
    code = par.wait_exit()
    line = last_log_line(par)
    assert line["event"] == "Boot failed", par.log_text()
    assert line["level"] == "error"
    assert line["cause"] == cause
    assert line["message"]
    assert line["remedy"]
    assert line["exit_code"] == code == EXIT_CODES[cause]
    return line


def test_par_says_that_a_package_is_not_there(par: StartPar, tmp_path: Path) -> None:
    expect_boot_failure(par(tmp_path / "gone.apkg"), "package_not_found")


def test_par_says_that_a_url_cannot_be_reached(par: StartPar) -> None:
    env = {
        "PACKAGE_URL": "https://127.0.0.1:1/agent.apkg",
        "PACKAGE_URL_ALLOW_HOSTS": "127.0.0.1",
    }

    expect_boot_failure(par(env=env), "download_failed")


@pytest.mark.parametrize("value", ["", "   "])
def test_par_needs_an_app_id(par: StartPar, value: str) -> None:
    running = par(versioned("1"), env={"AGENT_APP_ID": value})

    line = expect_boot_failure(running, "config_invalid")

    assert "AGENT_APP_ID" in json.dumps(line)


def test_par_refuses_to_be_the_old_service(par: StartPar) -> None:
    running = par(versioned("1"), env={"RUNTIME_MODE": "multi-agent", "MAX_AGENTS": "20"})

    line = expect_boot_failure(running, "config_invalid")

    assert "RUNTIME_MODE" in json.dumps(line)
    assert "MAX_AGENTS" in json.dumps(line)


@pytest.fixture(scope="module")
def served(pac: Pac) -> int:
    """An app that works; the pid of the process that answers for it."""
    pac.deploy_and_wait(APP, put(pac, "good.apkg", versioned("good")))
    return pac.get(f"/agents/{APP}/api/version").json()["pid"]


@pytest.mark.parametrize("row", BROKEN, ids=str)
def test_a_deployment_fails_with_the_cause_and_nothing_else_changes(
    pac: Pac, served: int, row: Broken
) -> None:
    deployment = pac.wait_deployment(pac.deploy(APP, put(pac, "broken.apkg", row.make())))

    assert deployment["status"] == "failed"
    assert deployment["error"].startswith(f"{row.cause}: ")
    assert deployment["failure"]["cause"] == row.cause
    assert deployment["failure"]["remedy"]
    failed = [step for step in deployment["progress"]["steps"] if step["status"] == "failed"]
    assert len(failed) == 1
    assert pac.get(f"/agents/{APP}/api/version").json() == {"version": "good", "pid": served}


def test_the_api_knows_the_cause_within_a_second_of_the_exit(pac: Pac, served: int) -> None:
    package = put(pac, "broken.apkg", from_files({**MISSING_MODULE, "x.txt": "other"}))
    deployment = pac.wait_deployment(pac.deploy(APP, package))

    wanted = {"app": APP, "revision": deployment["revision"]}
    started = logged(pac, "Instance started", role="control", **wanted)
    end = logged(pac, "Instance ended", instance=started["instance"])
    assert end["cause"] == "missing_module"
    exited, known = (
        datetime.datetime.fromisoformat(text)
        for text in (end["timestamp"], deployment["completed_at"])
    )
    assert (known - exited).total_seconds() < 1


def logged(pac: Pac, event: str, **fields: object) -> dict:
    """The one line of the platform's log with this event and these fields."""
    lines = [json.loads(line) for line in pac.log.read_text().splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line["event"] == event and fields.items() <= line.items()]
    return line


def test_a_digest_that_does_not_match_fails(pac: Pac, served: int) -> None:
    url = put(pac, "good.apkg", versioned("good")).as_uri()
    body = {"agentAppId": APP, "packageUrl": url, "packageSha256": "0" * 64}

    accepted = pac.post("/deployments", body)
    deployment = pac.wait_deployment(accepted.json()["deployment"]["id"])

    assert accepted.status == 202
    assert deployment["failure"]["cause"] == "digest_mismatch"
    assert pac.get(f"/agents/{APP}/api/version").json()["pid"] == served


@pytest.mark.parametrize("name", ["not a zip", "zip slip", "no manifest"])
def test_an_upload_that_is_no_package_is_refused_at_once(pac: Pac, name: str) -> None:
    row = BY_NAME[name]

    reply = upload(pac, "bad-upload", row.make())

    assert reply.status == 400
    assert reply.json()["error"]
    assert any(text.startswith(f"{row.cause}: ") for text in reply.json()["details"])

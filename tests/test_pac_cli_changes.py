"""The commands of `pac` that deploy and change, against a running platform."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
from pathlib import Path

import pytest

from broken_packages.python_agents import MISSING_MODULE
from devtool.pac import wait_until
from devtool.paths import program
from pixell_testing.pac_cli import DEADLINE_S, Cli, app_with_two_revisions, lines_until
from pixell_testing.packages import from_files, versioned
from pixell_testing.stack import put


@pytest.fixture(scope="module")
def hello(cli: Cli) -> str:
    """An app with two revisions, the second of which serves."""
    return app_with_two_revisions(cli, "cli-changed")


# ------------------------------------------------------------------------------------- deploy


def test_deploy_waits_and_tells_each_step(cli: Cli) -> None:
    package = put(cli.pac, "cli-wait.apkg", versioned("1.0.0"))

    told = cli("deploy", package, "--app", "cli-wait", "--env", "GIVEN=by cli", "--wait").stdout

    assert re.match(r"deployment [0-9A-Z]{26} of cli-wait", told)
    assert re.search(r"^start_instance completed in ", told, re.MULTILINE), told
    assert f"{cli.pac.url}/agents/cli-wait/" in told.splitlines()[-1]
    reply = cli.pac.get("/agents/cli-wait/api/environment/GIVEN")
    assert reply.json() == {"value": "by cli"}


def test_deploy_without_waiting_says_how_to_look_again(cli: Cli) -> None:
    package = put(cli.pac, "cli-no-wait.apkg", versioned("1.0.0"))

    told = cli("deploy", package, "--app", "cli-no-wait").stdout
    deployment = re.search("[0-9A-Z]{26}", told)

    assert deployment
    assert "pac deployments cli-no-wait" in told
    assert cli.pac.wait_deployment(deployment[0])["status"] == "completed"


def test_deploy_in_json_is_the_deployment_alone(cli: Cli) -> None:
    package = put(cli.pac, "cli-json.apkg", versioned("1.0.0"))

    deployment = cli.json("deploy", package, "--app", "cli-json", "--wait")

    assert deployment["state"] == "completed"
    assert deployment["app"] == "cli-json"


def test_a_failed_deployment_ends_with_2_and_is_explained(cli: Cli) -> None:
    package = put(cli.pac, "cli-broken.apkg", from_files(MISSING_MODULE))

    ran = cli("deploy", package, "--app", "cli-broken", "--wait", code=2)

    lines = ran.stderr.splitlines()
    assert lines[0].startswith("pac: deployment failed: missing_module: ")
    assert any(line.startswith("pac:   | ") for line in lines), ran.stderr
    assert any(line.startswith("pac:   what to do: ") for line in lines), ran.stderr


def test_progress_is_redrawn_on_a_terminal(cli: Cli) -> None:
    package = put(cli.pac, "cli-terminal.apkg", versioned("1.0.0"))
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [str(program("pac")), "deploy", str(package), "--app", "cli-terminal", "--wait"],
        env={**cli.env, "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    # A terminal whose other side has closed gives EIO.
    with contextlib.suppress(OSError):
        while chunk := os.read(ours, 4096):
            shown += chunk
    os.close(ours)

    assert child.wait(DEADLINE_S) == 0, shown
    assert b"\x1b[32mstart_instance" in shown
    assert b"A\r\x1b[J" in shown  # up over the former block
    assert b"\x1b[32mcompleted\x1b[0m in" in shown


def test_ctrl_c_ends_the_waiting_and_not_the_deployment(cli: Cli) -> None:
    package = put(cli.pac, "cli-ctrl-c.apkg", versioned("1.0.0"))

    arguments = ("deploy", str(package), "--app", "cli-ctrl-c", "--wait", "--canary", "5%:300s")
    cli("deploy", package, "--app", "cli-ctrl-c", "--wait")
    with cli.following(*arguments) as child:
        lines_until(child, "of cli-ctrl-c")
        child.send_signal(signal.SIGINT)
        _, told = child.communicate(timeout=30)

    assert child.returncode == 130, told
    assert "goes on; look again with `pac deployments cli-ctrl-c`" in told.decode()
    cli("rollback", "cli-ctrl-c", "--wait")


def test_what_the_api_finds_wrong_is_told_with_its_place(cli: Cli) -> None:
    ran = cli("deploy", "ftp://host/a.apkg", "--app", "cli-wrong", code=1)

    assert "/package_url: " in ran.stderr


# ------------------------------------------------------------------------- what serves an app


def test_traffic_is_split_tagged_and_given_back(cli: Cli, hello: str) -> None:
    cli("traffic", hello, "--set", "1=25%,2=75%", "--tag", "old=1", "--sticky", "cookie")
    shown = cli("traffic", hello).stdout

    assert re.search(r"^ +1 +25% .* old$", shown, re.MULTILINE), shown
    assert "sticky: cookie" in shown
    wait_until(
        "the tag is reachable",
        lambda: cli.pac.get(f"/agents/{hello}@old/api/version").status == 200,
        30,
    )
    assert cli.pac.get(f"/agents/{hello}@old/api/version").json()["version"] == "1.0.0"
    legs = cli.json("traffic", hello)["traffic"]["legs"]
    assert sum(leg.get("weight_permille", 0) for leg in legs) == 1000
    cli("traffic", hello, "--set", "2=100%", "--untag", "old", "--sticky", "none")
    assert cli.json("traffic", hello)["traffic"]["legs"] == [
        {"revision": 2, "weight_permille": 1000}
    ]
    cli("traffic", hello, "--untag", "old", code=3)
    cli("traffic", hello, "--set", "999=100%", code=1)


def test_rollback_goes_back_and_forth(cli: Cli, hello: str) -> None:
    assert "rollback" in cli("rollback", hello, "--to", "1", "--wait").stdout
    assert cli.pac.get(f"/agents/{hello}/api/version").json()["version"] == "1.0.0"
    cli("rollback", hello, "--to", "2", "--wait")
    assert cli.pac.get(f"/agents/{hello}/api/version").json()["version"] == "1.1.0"
    cli("rollback", "nobody", code=3)


def test_a_rollout_is_paused_shown_and_promoted(cli: Cli) -> None:
    first = put(cli.pac, "cli-canary-1.apkg", versioned("1.0.0"))
    second = put(cli.pac, "cli-canary-2.apkg", versioned("2.0.0"))
    cli("deploy", first, "--app", "cli-canary", "--wait")
    cli("rollout", "pause", "cli-canary", code=5)

    cli("deploy", second, "--app", "cli-canary", "--canary", "10%:600s")
    wait_until(
        "the canary has its share",
        lambda: "stage 1 of" in cli("status", "cli-canary").stdout,
        60,
    )
    conflict = cli("traffic", "cli-canary", "--set", "1=100%", code=5)
    paused = cli("rollout", "pause", "cli-canary").stdout
    cli("rollout", "resume", "cli-canary")
    cli("rollout", "promote", "cli-canary")

    assert "paused" in paused
    assert "rollout" in conflict.stderr
    wait_until(
        "the canary took over",
        lambda: cli.json("deployments", "cli-canary")[0]["state"] == "completed",
        60,
    )
    assert cli.pac.get("/agents/cli-canary/api/version").json()["version"] == "2.0.0"


def test_scale_starts_instances(cli: Cli, hello: str) -> None:
    assert "2 instance(s)" in cli("scale", hello, "2").stdout
    wait_until(
        "both are ready",
        lambda: re.search(rf"^{hello} .* 2/2 ", cli("status").stdout, re.MULTILINE),
        60,
    )
    assert cli.json("scale", hello, "1", "--warm", "1m")["settings"]["warm_seconds"] == 60
    cli("scale", hello, code=105)


def test_packages_are_pushed_shown_deployed_and_deleted(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "pushed.apkg"  # nowhere near the directories Pixell may read
    file.write_bytes(versioned("3.2.1"))
    cli("deploy", file, "--app", "cli-packages", "--wait")
    file.write_bytes(versioned("3.2.2"))

    pushed = cli.json("packages", "push", file, "--app", "cli-packages")
    listed = cli.json("packages", "cli-packages")
    shown = cli("packages", "show", "cli-packages", pushed["id"]).stdout

    assert {package["version"] for package in listed} == {"3.2.1", "3.2.2"}
    assert "manifest" in shown
    assert pushed["sha256"] in shown
    cli("packages", "delete", "cli-packages", pushed["id"])
    assert [package["version"] for package in cli.json("packages", "cli-packages")] == ["3.2.1"]
    used = cli.json("packages", "cli-packages")[0]["id"]
    cli("packages", "delete", "cli-packages", used, code=5)
    cli("packages", "show", "cli-packages", "nobody", code=3)


def test_an_app_is_deleted_only_when_that_is_sure(cli: Cli) -> None:
    package = put(cli.pac, "cli-delete.apkg", versioned("1.0.0"))
    cli("deploy", package, "--app", "cli-delete", "--wait")

    assert "--yes" in cli("delete", "cli-delete", code=105).stderr
    cli("delete", "cli-delete", "--yes")
    wait_until("it is gone", lambda: cli.pac.get("/v1/apps/cli-delete").status == 404, 60)
    cli("status", "cli-delete", code=3)
    # Its history stays.
    assert cli.json("events", "cli-delete")

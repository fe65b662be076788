"""The commands of `pac` that look, and those about this machine, against a running platform."""

from __future__ import annotations

import json
import re
import select
import subprocess
import time

import pytest

from devtool.pac import free_port, wait_until
from devtool.paths import program
from pixell_testing.pac_cli import Cli, app_with_two_revisions, lines_until


@pytest.fixture(scope="module")
def hello(cli: Cli) -> str:
    """An app with two revisions, the second of which serves."""
    return app_with_two_revisions(cli, "cli-looked")


# --------------------------------------------------------------------------------------- look


def test_lists_are_tables_or_arrays(cli: Cli, hello: str) -> None:
    for command in (["apps"], ["status"], ["revisions", hello], ["deployments"], ["events", hello]):
        document = cli.json(*command)
        text = cli(*command).stdout

        assert isinstance(document, list)
        assert document, command
        assert "\x1b" not in text
        assert len(text.splitlines()) >= len(document), command


def test_status_of_an_app_has_its_instances(cli: Cli, hello: str) -> None:
    document = cli.json("status", hello)
    text = cli("status", document["app"]["short_id"]).stdout

    assert document == cli.pac.app(hello)
    ready = next(one for one in document["instances"] if one["phase"] == "ready")
    assert f"{ready['id'][-8:].lower()} " in text
    assert "ready" in text


def test_status_is_watched(cli: Cli, hello: str) -> None:
    with cli.following("status", hello, "--watch") as child:
        lines_until(child, hello)
        cli("traffic", hello, "--pin")
        lines_until(child, "pinned")
    cli("traffic", hello, "--unpin")


def test_logs_are_read_and_followed(cli: Cli, hello: str) -> None:
    instance = next(
        one["id"] for one in cli.json("status", hello)["instances"] if one["phase"] == "ready"
    )

    text = cli("logs", hello).stdout
    raw = cli("logs", instance, "--raw").stdout

    assert instance[-8:].lower() in text
    assert all(json.loads(line) for line in raw.splitlines())
    assert cli("logs", instance[-8:]).stdout
    with cli.following("logs", hello, "-f", "--since", "1s") as child:
        deadline = time.monotonic() + 60
        assert child.stdout
        # The first lines may be from before the request: asked until one of it comes.
        while not select.select([child.stdout], [], [], 0.5)[0]:
            cli.pac.get(f"/agents/{hello}/api/version")
            assert time.monotonic() < deadline
        assert child.stdout.readline()
    cli("logs", "nobody", code=3)


def test_events_are_followed_as_they_happen(cli: Cli, hello: str) -> None:
    with cli.following("events", hello, "--follow", "--json") as child:

        def change_until_heard() -> bool:
            cli("traffic", hello, "--pin")
            cli("traffic", hello, "--unpin")
            return bool(select.select([child.stdout], [], [], 1)[0])

        wait_until("an event is heard", change_until_heard, 30)
        assert child.stdout
        assert json.loads(child.stdout.readline())["app"] == hello
    assert cli.json("events", hello, "--since", "1h")
    assert cli.json("events", hello, "--since", "0s") == []


def test_the_edge_explains_itself(cli: Cli, hello: str) -> None:
    text = cli("edge", "explain", f"/agents/{hello}/api/version").stdout
    nobody = cli.json("edge", "explain", "/agents/nobody/")

    assert re.search(r"^  revision +2$", text, re.MULTILINE), text
    assert nobody["status"] == 404


def test_open_prints_the_surfaces(cli: Cli, hello: str) -> None:
    urls = cli.json("open", hello)

    assert urls["rest"] == f"{cli.pac.url}/agents/{hello}/api/"
    assert cli.pac.get(f"/agents/{hello}/api/version").status == 200
    assert cli("open", hello).stdout.splitlines()[0] == f"REST  {urls['rest']}"


# --------------------------------------------------------------------------------- this machine


def test_doctor_knows_the_platform_that_runs(cli: Cli) -> None:
    # Port 4000 may be somebody else's on this machine: only that may fail here.
    ran = subprocess.run(
        [str(program("pac")), "doctor", "--state", str(cli.pac.state), "--json"],
        env=cli.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    checks = {check["name"]: check for check in json.loads(ran.stdout)}
    failed = {name for name, check in checks.items() if check["verdict"] == "fail"}

    assert ran.returncode == (1 if failed else 0)
    assert failed <= {"port 4000"}
    assert checks["pixell"]["verdict"] == "ok"
    assert cli.pac.url in checks["pixell"]["finding"]
    assert checks["python"]["verdict"] == "ok"
    assert all(check["remedy"] for check in checks.values() if check["verdict"] != "ok")


def test_doctor_finds_what_would_stop_pixell(cli: Cli) -> None:
    ran = cli("doctor", "--state", "/tmp/" + "x" * 100, code=1)

    assert re.search(r"^fail  state directory .*shorter|bytes", ran.stdout, re.MULTILINE)
    assert "choose a shorter path" in ran.stdout
    assert "checks failed" in ran.stderr


def test_commands_without_a_platform_end_with_4(cli: Cli) -> None:
    ran = cli("apps", code=4, PIXELL_URL=f"http://127.0.0.1:{free_port()}")

    assert "is `pac serve` running there?" in ran.stderr


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["pac", "de"], {"deploy", "delete", "deployments"}),
        (["pac", "packages", "p"], {"push"}),
        (["pac", "deploy", "--strategy", "b"], {"blue-green"}),
        (["pac", "rollback", "--w"], {"--wait"}),
        (["par", "pa"], {"pack"}),
        (["par", "completion", "z"], {"zsh"}),
    ],
)
def test_bash_completes(typed: list[str], offered: set[str]) -> None:
    name = typed[0]
    script = (
        f'source <("$1" completion bash); shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
        f'_{name}; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )

    ran = subprocess.run(
        ["bash", "-euc", script, "bash", str(program(name)), *typed],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert set(ran.stdout.split()) == offered
    assert ran.stderr == ""


@pytest.mark.parametrize("shell", ["zsh", "fish"])
@pytest.mark.parametrize("name", ["pac", "par"])
def test_there_are_scripts_for_other_shells(name: str, shell: str) -> None:
    ran = subprocess.run(
        [str(program(name)), "completion", shell], capture_output=True, text=True, check=True
    )

    assert "completion" in ran.stdout
